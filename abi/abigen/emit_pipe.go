package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strconv"
	"strings"
)

// emitPipe writes the methods of pipe.Client.
func emitPipe(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString(`package pipe

import "github.com/sparkstalk/sparkstalk/abi"

var _ abi.Host = (*Client)(nil)
`)
	for _, m := range in.methods {
		scope := newScope("abi", "result", "err", "string", "bool")
		names := scope.params(m)
		client := scope.fresh("c")
		target := "nil"
		if m.result != nil {
			target = "&result"
		}
		args := strings.Join(append([]string{strconv.Quote(m.name), target}, names...), ", ")
		fmt.Fprintf(&b, "\n// %s is Do's.\nfunc (%s *Client) %s%s {\n", m.name, client, m.name, m.signature("abi.", names))
		if m.result != nil {
			fmt.Fprintf(&b, "var result %s\n", m.result.spell("abi."))
		}
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "err := %s.Do(%s)\nreturn result, err\n", client, args)
		case m.err:
			fmt.Fprintf(&b, "return %s.Do(%s)\n", client, args)
		case m.result != nil:
			fmt.Fprintf(&b, "%s.must(%s)\nreturn result\n", client, args)
		default:
			fmt.Fprintf(&b, "%s.must(%s)\n", client, args)
		}
		b.WriteString("}\n")
	}
	return format.Source(b.Bytes())
}
