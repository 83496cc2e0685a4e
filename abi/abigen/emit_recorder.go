package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strconv"
	"strings"
)

// emitRecorder writes the methods of abitest.Recorder.
func emitRecorder(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString(`package abitest

import "github.com/sparkstalk/sparkstalk/abi"

var _ abi.Host = (*Recorder)(nil)
`)
	for _, m := range in.methods {
		scope := newScope("abi", "answer", "fallible", "string", "bool")
		names := scope.params(m)
		recorder := scope.fresh("r")
		fmt.Fprintf(&b, "\n// %s records the call.\nfunc (%s *Recorder) %s%s {\n%s.record(%s)\n",
			m.name, recorder, m.name, m.signature("abi.", names), recorder, strings.Join(append([]string{strconv.Quote(m.name)}, names...), ", "))
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "return fallible[%s](%s, %q)\n", m.result.spell("abi."), recorder, m.name)
		case m.err:
			fmt.Fprintf(&b, "return %s.failure(%q)\n", recorder, m.name)
		case m.result != nil:
			fmt.Fprintf(&b, "return answer[%s](%s, %q)\n", m.result.spell("abi."), recorder, m.name)
		}
		b.WriteString("}\n")
	}
	return format.Source(b.Bytes())
}
