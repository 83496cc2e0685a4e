package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Allow returns the rules with grants to all modules: each is a right, or a right
// and a pattern of what it is about, such as "sql", "env=HOME" and
// "http=api.example.com". A right alone grants all of it, but for private
// addresses, which are named. Nil rules stay open for the rights of data.
func (r Rules) Allow(grants []string) (Rules, error) {
	if len(grants) == 0 {
		return r, nil
	}
	out := maps.Clone(r)
	if out == nil {
		out = Rules{}
	}
	all := everything
	for len(out[all].SignedBy) > 0 { // it is for some modules only
		all += "*"
	}
	rule := out[all]
	if r == nil {
		for _, right := range abi.DataCapabilities {
			rule.grant(Right(right), everything)
		}
	}
	for _, g := range grants {
		name, pattern, some := strings.Cut(g, "=")
		whole, known := rights[Right(name)]
		switch {
		case !known:
			return nil, fmt.Errorf("allow %q: there is no right %q; there are %s, as in sql and http=api.example.com", g, name, names())
		case whole && some:
			return nil, fmt.Errorf("allow %q: %s takes no pattern", g, name)
		case some && pattern == "":
			return nil, fmt.Errorf("allow %q: nothing stands behind the equals sign", g)
		case some && len(pattern) > maxPattern:
			return nil, fmt.Errorf("allow %q…: longer than %d bytes", g[:50], maxPattern)
		case some && Right(name) == HTTP && checkHTTPPattern(pattern) != nil:
			return nil, fmt.Errorf("allow %w", checkHTTPPattern(pattern))
		case !some:
			pattern = everything
		}
		rule.grant(Right(name), pattern)
	}
	out[all] = rule
	return out, nil
}

// grant adds to what a rule grants. Its slices may be another's.
func (r *Rule) grant(right Right, pattern string) {
	add := func(list *[]string) { *list = append(slices.Clip(*list), pattern) }
	switch right {
	case Read:
		add(&r.Read)
	case Write:
		add(&r.Write)
	case ReadTable:
		add(&r.ReadTable)
	case WriteTable:
		add(&r.WriteTable)
	case Send:
		add(&r.Send)
	case Env:
		add(&r.Env)
	case HTTP:
		add(&r.HTTP)
	case Conf:
		add(&r.Conf)
	case SQL:
		r.SQL = true
	case RawPlans:
		r.RawPlans = true
	}
}

// allow is the flag that grants a right about something, or about nothing.
func allow(right Right, what string) string {
	if rights[right] || what == "" {
		return fmt.Sprintf("--allow %s", right)
	}
	return fmt.Sprintf("--allow '%s=%s'", right, strings.ReplaceAll(what, "'", `'\''`))
}

// Missing returns what the module asks for and no rule grants anything of, as the
// flags that grant it: "--allow 'http=api.example.com'". What a key withholds is
// not among it.
func (r *Rights) Missing() []string {
	var flags []string
	for right := range rights {
		if r.open && inData(right) {
			continue
		}
		var granted []string
		for _, rule := range r.rules {
			granted = append(granted, rule.patterns(right)...)
		}
		for _, asked := range r.asks[right] {
			// Of a pattern it is enough that something is granted: what the module
			// will really want is only seen when it does.
			wide := strings.ContainsAny(asked, "*?")
			fits := func(p string) bool { return wide || p == asked || matches(p, asked) }
			if slices.ContainsFunc(granted, fits) {
				continue
			}
			if asked == everything {
				asked = ""
			}
			flags = append(flags, allow(right, asked))
		}
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}
