package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"strconv"
	"strings"
)

// sample is an argument for tests, in functions.json: a column's name as a
// string, {"sql": "an expression"}, {"lit": a value}, or {"options": an object}.
type sample struct {
	column  string
	SQL     string            `json:"sql"`
	Lit     json.RawMessage   `json:"lit"`
	Options map[string]string `json:"options"`
}

func readSample(raw json.RawMessage) (s sample, err error) {
	if raw[0] == '"' {
		err = json.Unmarshal(raw, &s.column)
	} else {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

// source is Go's expression for the argument.
func (s sample) source() string {
	switch {
	case s.column != "":
		return strconv.Quote(s.column)
	case s.Options != nil:
		return fmt.Sprintf("%#v", s.Options)
	case s.Lit != nil:
		return string(s.Lit)
	}
	return "F.Expr(" + strconv.Quote(s.SQL) + ")"
}

// samples are calls of every function, without and with what may be left out.
func (l *list) samples() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header + `package judgetest_test

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A sample is a function of functions.json and its calls, without and with the
// arguments that may be left out.
type sample struct {
	name, sql, group, use, from string
	volatile                    bool
	calls                       func() []spark.Column
}

var samples = []sample{
`)
	for _, f := range l.Functions {
		var args []string
		for i, raw := range f.Sample {
			s, err := readSample(raw)
			if err != nil {
				return nil, fmt.Errorf("%s: sample %d: %w", f.Name, i, err)
			}
			args = append(args, s.source())
		}
		calls := []string{"F." + f.Go + "(" + strings.Join(args, ", ") + ")"}
		if n := f.firstOptional(); n < len(f.Params) {
			calls = append([]string{"F." + f.Go + "(" + strings.Join(args[:n], ", ") + ")"}, calls...)
		}
		fmt.Fprintf(&b, "{%q, %q, %q, %q, %q, %t, func() []spark.Column {\nreturn []spark.Column{%s}\n}},\n", f.Name, f.SQL, f.Group, f.Use, f.From, f.Volatile, strings.Join(calls, ", "))
	}
	b.WriteString("}\n")
	return format.Source(b.Bytes())
}
