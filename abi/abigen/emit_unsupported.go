package main

import (
	"bytes"
	"fmt"
	"go/format"
)

// emitUnsupported writes abi.Unsupported.
func emitUnsupported(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString(`package abi

// Unsupported is a [Host] that refuses every call. Embed it in a Host that
// answers only some calls, such as one for tests: a method that is not
// overridden says so.
//
// Methods that return an error return an [*Error] of type NotImplementedError.
// The others have no way to say no: they panic with it.
type Unsupported struct {
	// Reason is why, for people: "describe has no task to answer".
	Reason string
}

var _ Host = Unsupported{}

func (u Unsupported) refuse(method string) *Error {
	if u.Reason == "" {
		return Errorf("NotImplementedError", "%s is not supported here", method)
	}
	return Errorf("NotImplementedError", "%s is not supported here: %s", method, u.Reason)
}
`)
	for _, m := range in.methods {
		scope := newScope()
		names := scope.params(m)
		receiver := scope.fresh("u")
		verb := "panics"
		if m.err {
			verb = "returns an error"
		}
		fmt.Fprintf(&b, "\n// %s %s: see [Unsupported].\nfunc (%s Unsupported) %s%s {\n",
			m.name, verb, receiver, m.name, m.signature("", names))
		refusal := fmt.Sprintf("%s.refuse(%q)", receiver, m.name)
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "return %s, %s\n", m.result.zero(), refusal)
		case m.err:
			fmt.Fprintf(&b, "return %s\n", refusal)
		default:
			fmt.Fprintf(&b, "panic(%s)\n", refusal)
		}
		b.WriteString("}\n")
	}
	return format.Source(b.Bytes())
}
