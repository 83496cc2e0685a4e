package policy

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestHostsOfURLs(t *testing.T) {
	rules := Rules{"m": {HTTP: []string{
		"api.example.com", "*.data.example.com:8443", "https://secure.example.com", "any.example.com:*", "10.1.0.0/16", "127.0.0.1:8080", "[::1]:9000", "fd00::1",
	}}}
	r := rightsOf(t, rules, "m", "http")
	for text, want := range map[string]string{
		"https://api.example.com/x?y":           "",
		"http://API.example.com./":              "",
		"https://api.example.com:443":           "",
		"http://user:secret@api.example.com/":   "",
		"https://a.data.example.com:8443":       "",
		"https://a.b.data.example.com:8443":     "",
		"https://secure.example.com":            "",
		"http://any.example.com:1234":           "",
		"http://10.1.2.3/":                      "",
		"http://[::ffff:10.1.2.3]/":             "",
		"http://127.0.0.1:8080/x":               "",
		"http://[::1]:9000":                     "",
		"http://[FD00:0::1]/":                   "",
		"https://api.example.com:8443":          `right to http api.example.com:8443; in sparkstalk.yaml these lines do:`,
		"https://api.example.com.evil.net":      "does not grant",
		"https://evilapi.example.com":           "does not grant",
		"https://data.example.com:8443":         "does not grant",
		"https://a.data.example.com":            "does not grant",
		"https://evil.net:80.data.example.com":  "", // not a URL: see below
		"http://secure.example.com":             "does not grant",
		"http://api.example.com@evil.net/":      "http evil.net",
		"http://10.2.0.1/":                      "does not grant",
		"http://10.1.2.3:81/":                   "does not grant",
		"http://127.0.0.1/":                     "does not grant",
		"http://2130706433:8080/":               "does not grant",
		"http://0x7f.1:8080/":                   "does not grant",
		"http://localhost:8080/":                "does not grant",
		"http://[::1]/":                         "http [::1];",
		"ftp://api.example.com/":                `the URL "ftp://api.example.com" has neither the scheme https nor http`,
		"file:///etc/passwd":                    "has neither the scheme",
		"/x":                                    "has neither the scheme",
		"http:///x":                             "names no host",
		"http://bücher.example/":                "write it as xn--",
		"http://api.example.com%00.evil.net/":   "", // not a URL
		"http://api.example.com\t.evil.net/":    "", // not a URL
		"https://api.example.com\\@evil.net/":   "", // not a URL
		"https://any.example.com:1@evil.net:80": "http evil.net:80;",
	} {
		u, err := url.Parse(text)
		if err != nil {
			if want != "" {
				t.Errorf("%q is no URL: %v", text, err)
			}
			continue
		}
		if err = r.CheckURL(u); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", text, err)
		}
	}
	for capability, want := range map[string]string{"http:api.example.com": "", "http:*.com": "", "http": "", "http:other.net": "does not ask", "env": "does not ask"} {
		u := &url.URL{Scheme: "https", Host: "api.example.com"}
		if err := rightsOf(t, rules, "m", capability).CheckURL(u); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("asking for %s: %v, want …%s…", capability, err, want)
		}
	}
}

func TestPrivateAddressesMustBeNamed(t *testing.T) {
	named := func(patterns ...string) *Rights {
		return rightsOf(t, Rules{"m": {HTTP: patterns}}, "m", "http")
	}
	none := named("**", "*", "intranet.example.com", "10.example.com")
	for _, text := range []string{
		"127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "fd12::1", "fec0::1",
		"0.0.0.0", "::", "0.1.2.3", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1", "192.0.2.1", "2001:db8::1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:1::1",
	} {
		err := none.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 80))
		if private, ok := errors.AsType[*PrivateError](err); !ok || !strings.Contains(private.Error(), "modules:\n  m:\n    http: [\"") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"} {
		if err := none.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 80)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, test := range []struct {
		pattern, addr string
		want          bool
	}{
		{"10.0.0.5", "10.0.0.5:8080", true},
		{"http://10.0.0.5:8080", "[::ffff:10.0.0.5]:8080", true},
		{"10.0.0.5:8080", "10.0.0.5:2375", false}, // whoever owns a name has it lead there
		{"10.0.0.5:*", "10.0.0.5:2375", true},
		{"10.0.0.5:80*", "10.0.0.5:8080", true},
		{"10.0.0.5", "10.0.0.6:80", false},
		{"10.0.0.0/8", "10.9.9.9:2375", true},
		{"10.0.0.0/8", "192.168.0.1:80", false},
		{"localhost", "127.0.0.1:5000", true},
		{"localhost:5000", "[::1]:5000", true},
		{"localhost:5000", "127.0.0.1:5001", false},
		{"localhost", "10.0.0.5:80", false},
		{"[fd00::1]:80", "[fd00::1]:80", true},
		{"[fd00::1]:80", "[fd00::1]:81", false},
		{"[fd00::1]", "[fd00::1]:81", true},
		{"fd00::1", "[fd00::1]:81", true},
		{"10.0.0.*", "10.0.0.5:80", false}, // a pattern is not plain
	} {
		if err := named(test.pattern).CheckAddress(netip.MustParseAddrPort(test.addr)); (err == nil) != test.want {
			t.Errorf("%s, named %s: %v", test.addr, test.pattern, err)
		}
	}
	if err := rightsOf(t, Rules(nil).AllowAll(), "m", "http").CheckAddress(netip.MustParseAddrPort("127.0.0.1:80")); err != nil {
		t.Errorf("all is allowed: %v", err)
	}
}

// A key bounds which of the private addresses that a rule names can be reached.
func TestPrivateAddressesMustBeAKeysToo(t *testing.T) {
	at := netip.MustParseAddrPort("10.0.0.5:8080")
	for capability, want := range map[string]bool{
		"http:10.0.0.5:8080": true, "http:10.0.0.0/8": true, "http": true, "http:*": true, "*": true,
		"http:10.0.0.5:80": false, "http:hooks.partner.com": false, "http:10.1.0.0/16": false, "raw_plans": false,
	} {
		most, err := ParseKey([]string{capability})
		if err != nil {
			t.Fatal(err)
		}
		rights := rightsOf(t, Rules{"m": {HTTP: []string{"hooks.partner.com:*", "10.0.0.0/8"}}}, "m", "http").Signed("team", most)
		err = rights.CheckAddress(at)
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), `the key team, which signed it, has them in its capabilities as well, in the setting module_keys: "http:10.0.0.5:8080"`) {
			t.Errorf("a key with %s: %v", capability, err)
		}
	}
}

func TestPatternsOfHostsThatMakeNoSense(t *testing.T) {
	for _, pattern := range []string{"api.example.com/v1", "https://api.example.com/", "ftp://x", "a b", "https://", ":80", "user@host"} {
		if err := (Rules{"m": {HTTP: []string{pattern}}}).Check(); err == nil || !strings.Contains(err.Error(), "http: ") {
			t.Errorf("%q in a rule: %v", pattern, err)
		}
		if _, err := ParseAsks([]string{"http:" + pattern}); err == nil {
			t.Errorf("%q in a manifest is taken", pattern)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://api.example.com/", "http://api.example.com@evil.net", "http://[::1]:80", "http://127.1"} {
		f.Add(s)
	}
	r := Rules{"m": {HTTP: []string{"api.example.com", "*.example.org:8443"}}}.For("m", Asks{HTTP: {everything}})
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil || r.CheckURL(u) != nil {
			return
		}
		host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		if host != "api.example.com" && !strings.HasSuffix(host, ".example.org") {
			t.Errorf("%q is allowed, host %q", text, host)
		}
	})
}
