package udf

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/sqltext"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// SQL returns SQL text with the session's names of those functions that it
// calls, and these functions. Their arguments for strings are passed as bytes:
// see takesBytes.
func (l *Library) SQL(text string) (string, []*spark.Function) {
	if l == nil {
		return text, nil
	}
	var calls []*spark.Function
	var edits []edit
	var open []*sqlCall // those whose parenthesis is not closed yet
	depth := 0          // how many parentheses and brackets are open
	s := sqltext.New(text)
	for before, word := "", s.Next(); word != ""; {
		start, end := s.Start(), s.End()
		if len(open) > 0 {
			open[len(open)-1].token(word, before, start, end, depth)
		}
		switch word {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
			if n := len(open); n > 0 && depth < open[n-1].depth {
				edits = append(edits, open[n-1].casts()...)
				open = open[:n-1]
				if n > 1 {
					open[n-2].end = end // the call is the end of what was there of an argument
				}
			}
		}
		next := s.Next()
		f := l.functions[strings.ToLower(word)]
		if f == nil || next != "(" || before == "." {
			before, word = word, next
			continue
		}
		edits = append(edits, edit{start, end, name, f.Spark.Name})
		if f.Nondeterministic {
			ignored := "rand(0)"
			if len(f.Params) > 0 {
				ignored += ", "
			}
			edits = append(edits, edit{s.End(), s.End(), ignoredArgument, ignored})
		}
		calls = append(calls, f.Spark)
		depth++ // of the parenthesis
		open = append(open, &sqlCall{function: f, depth: depth, start: -1})
		before, word = next, s.Next()
	}
	if calls == nil {
		return text, nil
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Or(a.start-b.start, int(a.what)-int(b.what)) })
	var out strings.Builder
	done := 0
	for _, e := range edits {
		out.WriteString(text[done:e.start])
		out.WriteString(e.text)
		done = e.end
	}
	out.WriteString(text[done:])
	return out.String(), calls
}

// An edit has text in place of what is between two places of another. Those at
// one place are in the order of what they are.
type edit struct {
	start, end int
	what       editKind
	text       string
}

type editKind int

const (
	ignoredArgument editKind = iota
	cast
	name
)

// A sqlCall is a call in SQL text that is being read.
type sqlCall struct {
	function   *Function
	depth      int      // between its parentheses
	arguments  [][2]int // where they begin and end
	start, end int      // of the one that is being read; start is -1 before it begins
	opaque     bool     // who knows how many arguments it has
}

// token takes a token of the call, and its end too. What is at another depth
// belongs to an argument.
func (c *sqlCall) token(word, before string, start, end, depth int) {
	if depth == c.depth {
		switch {
		case word == ",", word == ")":
			if c.start >= 0 {
				c.arguments = append(c.arguments, [2]int{c.start, c.end})
			}
			c.start = -1
			return
		case c.start < 0 && (word == "DISTINCT" || word == "ALL"), word == "*" && (c.start < 0 || before == "."):
			c.opaque = true
		}
	}
	if c.start < 0 {
		c.start = start
	}
	c.end = end
}

// casts are what passes the call's strings as bytes. A call with another number
// of arguments than the function has is left to Spark, which refuses it.
func (c *sqlCall) casts() []edit {
	if c.opaque || len(c.arguments) != len(c.function.Params) {
		return nil
	}
	var out []edit
	for i, a := range c.arguments {
		if c.function.takesBytes(i) {
			out = append(out, edit{a[0], a[0], cast, "CAST(CAST("}, edit{a[1], a[1], cast, " AS STRING) AS BINARY)"})
		}
	}
	return out
}
