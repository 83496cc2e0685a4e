package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/printer"
	"go/token"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// words splits a Go name at its humps; a run of capitals is one word, as in
// FrameSQL, up to the capital that begins the next one, as in SQLText.
func words(name string) []string {
	var out []string
	runes := []rune(name)
	start := 0
	for i := 1; i < len(runes); i++ {
		lowerToUpper := !unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i])
		lastOfRun := unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if lowerToUpper || lastOfRun {
			out = append(out, string(runes[start:i]))
			start = i
		}
	}
	return append(out, string(runes[start:]))
}

// snake is the name of a method's import: frame_sql for FrameSQL.
func snake(name string) string { return strings.ToLower(strings.Join(words(name), "_")) }

// lowerFirst is a name that Go does not export: frameSQL for FrameSQL.
func lowerFirst(name string) string {
	w := words(name)
	out := strings.ToLower(w[0]) + strings.Join(w[1:], "")
	if token.IsKeyword(out) {
		out += "_"
	}
	return out
}

// paragraph is the text of a comment on one line.
func paragraph(c *ast.CommentGroup) string {
	return strings.Join(strings.Fields(c.Text()), " ")
}

// typeText is a type as its source has it.
func typeText(e ast.Expr) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), e); err != nil {
		return "of an unknown form"
	}
	return b.String()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// A scope hands out names within one generated function, none of them twice.
type scope map[string]bool

// newScope returns a scope in which the given names mean something already.
func newScope(used ...string) scope {
	s := scope{}
	for _, name := range used {
		s[name] = true
	}
	return s
}

// fresh returns name, or if that is taken a name like it.
func (s scope) fresh(name string) string {
	for s[name] {
		name += "_"
	}
	s[name] = true
	return name
}

// params returns a fresh name for each parameter.
func (s scope) params(m method) []string {
	names := make([]string, len(m.params))
	for i, p := range m.params {
		names[i] = s.fresh(p.name)
	}
	return names
}
