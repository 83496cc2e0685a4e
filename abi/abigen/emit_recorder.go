package main

import (
	"bytes"
	"fmt"
	"go/format"
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
		rename := func(name string) string { return avoiding(name, "abi", "r__", "answer", "fallible") }
		fmt.Fprintf(&b, "\n// %s records the call.\nfunc (r__ *Recorder) %s%s {\nr__.record(%q", m.name, m.name, m.signature("abi.", rename), m.name)
		for _, p := range m.params {
			fmt.Fprintf(&b, ", %s", rename(p.name))
		}
		b.WriteString(")\n")
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "return fallible[%s](r__, %q)\n", m.result.spell("abi."), m.name)
		case m.err:
			fmt.Fprintf(&b, "return r__.failure(%q)\n", m.name)
		case m.result != nil:
			fmt.Fprintf(&b, "return answer[%s](r__, %q)\n", m.result.spell("abi."), m.name)
		}
		b.WriteString("}\n")
	}
	return format.Source(bytes.ReplaceAll(b.Bytes(), []byte("r__"), []byte("recorder")))
}
