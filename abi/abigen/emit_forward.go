package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strconv"
	"strings"
)

// emitForward writes the methods of forward.Host.
func emitForward(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString(`package forward

import "github.com/sparkstalk/sparkstalk/abi"

var _ abi.Host = (*Host)(nil)
`)
	for _, m := range in.methods {
		scope := newScope("abi", "result", "err", "string", "bool")
		names := scope.params(m)
		host := scope.fresh("h")
		target := "nil"
		if m.result != nil {
			target = "&result"
		}
		args := strings.Join(append([]string{strconv.Quote(m.name), target}, names...), ", ")
		fmt.Fprintf(&b, "\n// %s is forwarded.\nfunc (%s *Host) %s%s {\n", m.name, host, m.name, m.signature("abi.", names))
		if m.result != nil {
			fmt.Fprintf(&b, "var result %s\n", m.result.spell("abi."))
		}
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "err := %s.Do(%s)\nreturn result, err\n", host, args)
		case m.err:
			fmt.Fprintf(&b, "return %s.Do(%s)\n", host, args)
		case m.result != nil:
			fmt.Fprintf(&b, "%s.must(%s)\nreturn result\n", host, args)
		default:
			fmt.Fprintf(&b, "%s.must(%s)\n", host, args)
		}
		b.WriteString("}\n")
	}
	return format.Source(b.Bytes())
}
