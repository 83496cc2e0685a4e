package policy

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A URLError says why a URL can be fetched from by nobody.
type URLError struct{ URL, Why string }

// Error has no more of the URL than its host: the rest may be secret.
func (e *URLError) Error() string { return fmt.Sprintf("the URL %s %s", e.URL, e.Why) }

// CheckURL is Check for HTTP of a URL, whose scheme, host and port count. Its
// error is a [*Denial], or a [*URLError] if the URL is none of HTTP's. What the
// host's name leads to is for [Rights.CheckAddress].
func (r *Rights) CheckURL(u *url.URL) error {
	bad := func(why string) error { return &URLError{fmt.Sprintf("%.200q", u.Scheme+"://"+u.Host), why} }
	port, ok := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if !ok {
		return bad("has neither the scheme https nor http")
	}
	t := target{scheme: u.Scheme, host: strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), port: u.Port(), usual: port}
	switch {
	case t.host == "":
		return bad("names no host")
	case strings.IndexFunc(t.host, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
		return bad("has a host with other letters than ASCII's; write it as xn--…")
	}
	if t.port == "" {
		t.port = port
	}
	if addr, err := netip.ParseAddr(t.host); err == nil {
		t.addr = addr.WithZone("").Unmap()
	}
	return r.check(HTTP, t.name(), t.fits)
}

// A target is where a request goes to.
type target struct {
	scheme, host, port string
	usual              string     // port of the scheme
	addr               netip.Addr // of a host that is an address, else invalid
}

// name is how a rule names the target.
func (t target) name() string {
	host := t.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if t.port == t.usual {
		return host
	}
	return host + ":" + t.port
}

// fits reports whether a pattern of HTTP covers the target: a name or an
// address, with a port unless it is the scheme's; or a range of addresses; each
// perhaps behind a scheme.
func (t target) fits(pattern string) bool {
	if pattern == everything {
		return true
	}
	scheme, rest, ok := strings.Cut(strings.ToLower(pattern), "://")
	if !ok {
		scheme, rest = t.scheme, scheme
	}
	if scheme != t.scheme {
		return false
	}
	if addresses, err := netip.ParsePrefix(rest); err == nil {
		return t.port == t.usual && t.addr.IsValid() && addresses.Contains(t.addr)
	}
	host, port := splitHost(rest)
	if port == "" {
		port = t.usual
	}
	if !matches(port, t.port) {
		return false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return t.addr.IsValid() && addr.Unmap() == t.addr
	}
	return matches(strings.TrimSuffix(host, "."), t.host)
}

// splitHost takes apart name, name:port, [address] and [address]:port. An IPv6
// address may stand without brackets if there is no port.
func splitHost(text string) (host, port string) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		host, port, _ = strings.Cut(inner, "]")
		return host, strings.TrimPrefix(port, ":")
	}
	if strings.Count(text, ":") > 1 {
		return text, ""
	}
	host, port, _ = strings.Cut(text, ":")
	return host, port
}

// checkHTTPPattern says what is wrong with a pattern of HTTP.
func checkHTTPPattern(pattern string) error {
	if pattern == everything {
		return nil
	}
	rest := strings.ToLower(pattern)
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		if scheme != "http" && scheme != "https" {
			return fmt.Errorf("http: %q has neither the scheme https nor http", pattern)
		}
		rest = after
	}
	if _, err := netip.ParsePrefix(rest); err == nil {
		return nil
	}
	if host, _ := splitHost(rest); host == "" || strings.ContainsAny(rest, "/@?# ") && !strings.HasSuffix(rest, "?") {
		return fmt.Errorf("http: %q is no host: give a name such as api.example.com, name:port, an address, or a range of addresses such as 10.0.0.0/8; paths are not told apart", pattern)
	}
	return nil
}

// A PrivateError says that a name leads to an address that is not the internet's.
type PrivateError struct {
	Module  string
	Address netip.AddrPort
	// Key names the key that signed the module and may not be granted the address.
	Key string
}

// Error names the address, and the lines and the flag that let it be reached.
func (e *PrivateError) Error() string {
	what := fmt.Sprintf("the host is at %s, which is no address of the internet but of this machine or a private network; such addresses are refused to the module %s", e.Address, e.Module)
	if e.Key != "" {
		return fmt.Sprintf("%s unless the key %s, which signed it, has them in its capabilities as well, in the setting module_keys: \"http:%s\"", what, e.Key, e.Address)
	}
	return fmt.Sprintf("%s unless sparkstalk.yaml names them, beside the host itself:\nmodules:\n  %s:\n    http: [%q]\nand for one run the flag %s",
		what, e.Module, e.Address, allow(HTTP, e.Address.String()))
}

// CheckAddress returns nil if the module may connect to a port of an address,
// else a [*PrivateError]. All may be reached that are the internet's. Others must
// be named by a rule: as an address, as a range, or as localhost if they are this
// machine's; a name in a rule does not do, for whoever owns it decides what it
// leads to. One that is named with a port is reached at that port alone. The
// key that signed the module must name them as well, or have all of HTTP. What
// the module itself asks for need not: it knows names, and not the network that
// it runs in.
func (r *Rights) CheckAddress(at netip.AddrPort) error {
	at = netip.AddrPortFrom(at.Addr().WithZone("").Unmap(), at.Port())
	if public(at.Addr()) {
		return nil
	}
	named := func(pattern string) bool { return namesAddress(pattern, at) }
	if !slices.ContainsFunc(r.rules, func(rule Rule) bool { return slices.ContainsFunc(rule.HTTP, named) }) {
		return &PrivateError{Module: r.module, Address: at}
	}
	if r.most != nil && !r.most.unlimited(HTTP) && !slices.ContainsFunc(r.most.patterns(HTTP), named) {
		return &PrivateError{Module: r.module, Address: at, Key: r.key}
	}
	return nil
}

func namesAddress(pattern string, at netip.AddrPort) bool {
	pattern = strings.ToLower(pattern)
	if _, rest, ok := strings.Cut(pattern, "://"); ok {
		pattern = rest
	}
	if addresses, err := netip.ParsePrefix(pattern); err == nil {
		return addresses.Contains(at.Addr())
	}
	host, port := splitHost(pattern)
	if port != "" && !matches(port, strconv.Itoa(int(at.Port()))) {
		return false
	}
	if named, err := netip.ParseAddr(host); err == nil {
		return named.Unmap() == at.Addr()
	}
	return host == "localhost" && at.Addr().IsLoopback()
}

// notPublic are the ranges beside those that netip knows which are not the
// internet's, by IANA's registries of special-purpose addresses.
var notPublic = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20",
	"5f00::/16", "fec0::/10")

// embedding are the ranges of IPv6 whose addresses lead to one of IPv4, and at
// which byte that begins.
var embedding = map[netip.Prefix]int{netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public reports whether an address is the internet's.
func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(addr) {
			return false
		}
	}
	for p, at := range embedding {
		if p.Contains(addr) {
			bytes := addr.As16()
			return public(netip.AddrFrom4([4]byte(bytes[at : at+4])))
		}
	}
	return true
}
