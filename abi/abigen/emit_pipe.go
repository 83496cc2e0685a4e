package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// pipeCodec names the functions of abi/pipe that write and read each kind.
var pipeCodec = map[kind]string{
	kindUint32: "Uint32", kindInt32: "Int32", kindBool: "Bool", kindInt64: "Int64", kindFloat64: "Float64",
	kindString: "String", kindBytes: "Bytes", kindStrings: "Strings", kindHandles: "Handles",
}

// emitPipe writes both ends of abi/pipe: the methods of Client, and what Serve
// does for each.
func emitPipe(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString(`package pipe

import "github.com/sparkstalk/sparkstalk/abi"

var _ abi.Host = (*Client)(nil)

// methods are the names of the methods by their numbers. Both ends are of one
// build, so that the numbers need not last.
var methods = [...]string{
`)
	for _, m := range in.methods {
		fmt.Fprintf(&b, "%q,\n", m.name)
	}
	b.WriteString("}\n")
	for n, m := range in.methods {
		scope := newScope("abi", "handles", "string", "bool")
		names := scope.params(m)
		client, w, r := scope.fresh("c"), scope.fresh("w"), scope.fresh("r")
		fmt.Fprintf(&b, "\n// %s asks the other end.\nfunc (%s *Client) %s%s {\n%s := %s.begin(%d)\n", m.name, client, m.name, m.signature("abi.", names), w, client, n)
		for i, p := range m.params {
			fmt.Fprintf(&b, "%s\n", pipeWrite(w, names[i], p.typ))
		}
		if m.result == nil && !m.err {
			fmt.Fprintf(&b, "_, _ = %s.end(%s) // there is no error to tell\n}\n", client, w)
			continue
		}
		err := scope.fresh("err")
		fmt.Fprintf(&b, "%s, %s := %s.end(%s)\n", r, err, client, w)
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "if %s != nil { return %s, %s }\nreturn %s, nil\n", err, m.result.zero(), err, pipeRead(r, *m.result))
		case m.err:
			fmt.Fprintf(&b, "_ = %s\nreturn %s\n", r, err)
		default:
			fmt.Fprintf(&b, "_ = %s\nreturn %s\n", err, pipeRead(r, *m.result))
		}
		b.WriteString("}\n")
	}
	b.WriteString(`
// serve calls the method of a number with the arguments in r, and writes its
// results to w.
func serve(host abi.Host, method uint64, r *reader, w *writer) error {
	switch method {
`)
	for n, m := range in.methods {
		fmt.Fprintf(&b, "case %d: // %s\n", n, m.name)
		var args []string
		for i, p := range m.params {
			fmt.Fprintf(&b, "a%d := %s\n", i, pipeRead("r", p.typ))
			args = append(args, fmt.Sprintf("a%d", i))
		}
		b.WriteString("if err := r.end(); err != nil { return err }\n")
		call := fmt.Sprintf("host.%s(%s)", m.name, strings.Join(args, ", "))
		switch {
		case m.err && m.result != nil:
			fmt.Fprintf(&b, "v, err := %s\nif err != nil { w.fail(err); return nil }\n%s\n", call, pipeWrite("w", "v", *m.result))
		case m.err:
			fmt.Fprintf(&b, "if err := %s; err != nil { w.fail(err) }\n", call)
		case m.result != nil:
			fmt.Fprintf(&b, "v := %s\n%s\n", call, pipeWrite("w", "v", *m.result))
		default:
			fmt.Fprintf(&b, "%s\n", call)
		}
	}
	b.WriteString(`default:
		return errMethod
	}
	return nil
}
`)
	return format.Source(b.Bytes())
}

func pipeWrite(w, name string, t goType) string {
	switch {
	case t.kind == kindHandles:
		return fmt.Sprintf("writeHandles(%s, %s)", w, name)
	case t.name == "":
		return fmt.Sprintf("%s.put%s(%s)", w, pipeCodec[t.kind], name)
	}
	return fmt.Sprintf("%s.put%s(%s(%s))", w, pipeCodec[t.kind], basic(t.kind), name)
}

func pipeRead(r string, t goType) string {
	switch {
	case t.kind == kindHandles && t.name == "":
		return fmt.Sprintf("readHandles[uint32](%s)", r)
	case t.kind == kindHandles:
		return fmt.Sprintf("readHandles[abi.%s](%s)", t.name, r)
	case t.name == "":
		return fmt.Sprintf("%s.get%s()", r, pipeCodec[t.kind])
	}
	return fmt.Sprintf("abi.%s(%s.get%s())", t.name, r, pipeCodec[t.kind])
}

// basic is the predeclared type of a kind.
func basic(k kind) string { return strings.ToLower(pipeCodec[k]) }
