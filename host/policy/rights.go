package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Asks are what a module's manifest asks for: patterns, by the right.
type Asks map[Right][]string

// ParseAsks reads the capabilities of a manifest: each is a right, or a right and
// a pattern of what it is about, such as "sql", "read" and "read:/data/**".
func ParseAsks(capabilities []string) (Asks, error) {
	asks := Asks{}
	for _, c := range capabilities {
		name, pattern, some := strings.Cut(c, ":")
		right := Right(name)
		whole, known := rights[right]
		switch {
		case !known:
			return nil, fmt.Errorf("capability %q: there is no right %q; there are %s", c, name, names())
		case whole && some:
			return nil, fmt.Errorf("capability %q: %s takes no pattern", c, name)
		case len(c) > maxPattern:
			return nil, fmt.Errorf("capability %q…: longer than %d bytes", c[:50], maxPattern)
		case some && pattern == "":
			return nil, fmt.Errorf("capability %q: nothing stands behind the colon", c)
		case some && right == HTTP && checkHTTPPattern(pattern) != nil:
			return nil, fmt.Errorf("capability %w", checkHTTPPattern(pattern))
		case !some:
			pattern = everything
		}
		asks[right] = append(asks[right], pattern)
	}
	return asks, nil
}

func names() string {
	var list []string
	for right := range rights {
		list = append(list, string(right))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// patterns returns the patterns that a module asks for.
func (a Asks) patterns(right Right) []string {
	if p := a[right]; p != nil || !inData(right) {
		return p
	}
	for _, other := range abi.DataCapabilities {
		if a[Right(other)] != nil {
			return nil
		}
	}
	return []string{everything}
}

// Rights are what one module may do. Their methods may be called by several
// goroutines.
type Rights struct {
	module string
	asks   Asks
	rules  []Rule
	others []Rule // for modules that other keys signed
	open   bool   // grants all rights of data
	// key is the name of the key that signed the module, and most what it may be
	// granted; nil is all.
	key  string
	most Asks
}

// ParseKey reads the capabilities of a key, which are as in a manifest, but may
// end with * for all that begins so: "read:/data/*", "read*" for all rights of
// that beginning, "*" for all. A key that names none of the rights that a module
// has without asking leaves these to the rules.
func ParseKey(capabilities []string) (Asks, error) {
	most := Asks{}
	for _, c := range capabilities {
		name, pattern, some := strings.Cut(c, ":")
		beginning, all := strings.CutSuffix(name, "*")
		if !some && all {
			for right := range rights {
				if strings.HasPrefix(string(right), beginning) {
					most[right] = append(most[right], everything)
				}
			}
			continue
		}
		if strings.HasSuffix(pattern, "*") {
			c = name + ":" + strings.TrimRight(pattern, "*") + everything
		}
		one, err := ParseAsks([]string{c})
		if err != nil {
			return nil, err
		}
		for right, patterns := range one {
			most[right] = append(most[right], patterns...)
		}
	}
	return most, nil
}

// Signed returns the rights of a module that a key has signed which may be granted
// no more than most.
func (r *Rights) Signed(key string, most Asks) *Rights {
	signed := *r
	signed.key, signed.most = key, most
	return &signed
}

// A Denial says what a module may not do, and what would let it.
type Denial struct {
	Module string
	Right  Right
	// What it is about, or empty.
	What string
	// Unasked says that the module does not ask for it, and Key names the key that
	// signed it and may not be granted it.
	Unasked bool
	Key     string
	// SignedBy are keys, one of which must have signed the module for it.
	SignedBy []string
	// Link is where the link is that leads to What, if one does.
	Link string
}

// Error names the right, and the lines and the flag that grant it.
func (d *Denial) Error() string {
	what := string(d.Right)
	if d.What != "" {
		what += " " + d.What
	}
	if d.Link != "" {
		what += fmt.Sprintf(" (to which the link %s leads)", d.Link)
	}
	if d.Unasked {
		capability := string(d.Right)
		if d.What != "" {
			capability += ":" + d.What
		}
		return fmt.Sprintf("the module %s does not ask for the right to %s; its manifest names it in capabilities, the Go SDK with sdk.Needs(%q), the others with needs", d.Module, what, capability)
	}
	if d.Key != "" {
		return fmt.Sprintf("the module %s is signed by the key %s, which may not be granted the right to %s; its capabilities in the setting module_keys say what it may", d.Module, d.Key, what)
	}
	if len(d.SignedBy) > 0 {
		return fmt.Sprintf("this worker grants the right to %s to modules that fit the name %s only if they are signed by %s (signed_by in the setting modules), and this one is not: `sparkstalk sign` does that",
			what, d.Module, strings.Join(d.SignedBy, " or "))
	}
	value := "true"
	if !rights[d.Right] {
		value = fmt.Sprintf("[%q]", d.What)
	}
	return fmt.Sprintf("this worker does not grant the module %s the right to %s; in sparkstalk.yaml these lines do:\nmodules:\n  %s:\n    %s: %s\nand for one run the flag %s",
		d.Module, what, d.Module, d.Right, value, allow(d.Right, d.What))
}

// Check returns nil if the module may, else a [*Denial]. What is empty for
// rights that are about nothing in particular.
func (r *Rights) Check(right Right, what string) error {
	return r.check(right, what, func(pattern string) bool { return matches(pattern, what) })
}

// CheckTable is Check for the name of a table, of which the quotation marks and
// the case do not count.
func (r *Rights) CheckTable(right Right, name string) error {
	plain := strings.ToLower(strings.ReplaceAll(name, "`", ""))
	return r.check(right, plain, func(pattern string) bool { return matches(strings.ToLower(pattern), plain) })
}

// CheckPath is Check for Read and Write of a path, which may have patterns of
// its own. Each name that it has must be let through (see [NormalPath]), and
// what the links lead to that lie below it on this machine.
func (r *Rights) CheckPath(right Right, raw string) error {
	free := r.asks.unlimited(right) && (r.most == nil || r.most.unlimited(right))
	if r.open && free {
		return nil
	}
	names, err := NormalPath(raw)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.checkPath(right, name); err != nil {
			return err
		}
	}
	if free && slices.ContainsFunc(r.rules, func(rule Rule) bool { return slices.Contains(rule.patterns(right), everything) }) {
		return nil
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "/") { // on another machine
			continue
		}
		links, err := linksBelow(name)
		if err != nil {
			return err
		}
		for _, l := range links {
			if err := r.checkPath(right, l.to); err != nil {
				if denial, ok := errors.AsType[*Denial](err); ok {
					denial.Link = l.at
				}
				return err
			}
		}
	}
	return nil
}

func (r *Rights) checkPath(right Right, name string) error {
	return r.check(right, name, func(pattern string) bool { return covers(pattern, name) })
}

// unlimited reports whether a module asks for all there is of a right.
func (a Asks) unlimited(right Right) bool { return slices.Contains(a.patterns(right), everything) }

func (r *Rights) check(right Right, what string, fits func(pattern string) bool) error {
	if !slices.ContainsFunc(r.asks.patterns(right), fits) {
		return &Denial{Module: r.module, Right: right, What: what, Unasked: true}
	}
	if r.most != nil && !slices.ContainsFunc(r.most.patterns(right), fits) {
		return &Denial{Module: r.module, Right: right, What: what, Key: r.key}
	}
	if r.open && inData(right) {
		return nil
	}
	for _, rule := range r.rules {
		if slices.ContainsFunc(rule.patterns(right), fits) {
			return nil
		}
	}
	denial := &Denial{Module: r.module, Right: right, What: what}
	for _, rule := range r.others {
		if slices.ContainsFunc(rule.patterns(right), fits) {
			denial.SignedBy = append(denial.SignedBy, rule.SignedBy...)
		}
	}
	return denial
}

// maxPattern bounds patterns, which modules give as well.
const maxPattern = 1024

// matches reports whether a text fits a pattern, in which * stands for any
// characters but a slash, ** for any, and ? for one that is no slash.
func matches(pattern, text string) bool {
	re, err := regexp.Compile(`(?s)\A` + patternParts.ReplaceAllStringFunc(pattern, func(part string) string {
		switch {
		case strings.HasPrefix(part, "**"):
			return ".*"
		case part == "*":
			return "[^/]*"
		case part == "?":
			return "[^/]"
		}
		return regexp.QuoteMeta(part)
	}) + `\z`)
	return err == nil && re.MatchString(text)
}

var patternParts = regexp.MustCompile(`\*+|\?|[^*?]+`)
