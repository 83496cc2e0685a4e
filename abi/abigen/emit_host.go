package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// emitHost writes the wazero functions that call an abi.Host, and their table.
func emitHost(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString(`package wasm

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
)

// methods are the host functions that reach a method of abi.Host.
var methods = []function{
`)
	for _, m := range in.methods {
		var names, types []string
		for _, v := range m.wireParams() {
			names = append(names, fmt.Sprintf("%q", v.name))
			types = append(types, v.typ)
		}
		fmt.Fprintf(&b, "{name: %q, call: %s", m.wire, m.local)
		if len(types) > 0 {
			fmt.Fprintf(&b, ", params: []api.ValueType{%s}, names: []string{%s}", strings.Join(types, ", "), strings.Join(names, ", "))
		}
		if r := m.wireResult(); r != "" {
			fmt.Fprintf(&b, ", results: []api.ValueType{%s}", r)
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	returnsBool := false
	for _, m := range in.methods {
		emitExport(&b, m)
		returnsBool = returnsBool || m.result != nil && m.result.kind == kindBool
	}
	if returnsBool { // an unused function would be a linter's finding
		b.WriteString("\nfunc fromBool(b bool) int64 {\nif b {\nreturn 1\n}\nreturn 0\n}\n")
	}
	return format.Source(b.Bytes())
}

func emitExport(b *bytes.Buffer, m method) {
	scope := newScope("abi", "api", "context", "ctx", "mod", "stack", "c", "enter", "readHandles", "fromBool",
		"byte", "string", "bool", "uint32", "int32", "int64", "uint64", "float64", m.local)
	names := scope.params(m)
	fmt.Fprintf(b, "\nfunc %s(ctx context.Context, mod api.Module, stack []uint64) {\nc := enter(ctx, mod, %q)\n", m.local, m.wire)
	slot := 0
	for i, p := range m.params {
		one, two := fmt.Sprintf("stack[%d]", slot), fmt.Sprintf("stack[%d]", slot+1)
		slot++
		var read string
		switch p.typ.kind {
		case kindUint32:
			read = convert(p.typ, "uint32", "api.DecodeU32("+one+")")
		case kindInt32:
			read = convert(p.typ, "int32", "api.DecodeI32("+one+")")
		case kindBool:
			read = convert(p.typ, "bool", "api.DecodeU32("+one+") != 0")
		case kindInt64:
			read = convert(p.typ, "", "int64("+one+")")
		case kindFloat64:
			read = convert(p.typ, "float64", "api.DecodeF64("+one+")")
		default:
			slot++
			switch p.typ.kind {
			case kindString:
				read = convert(p.typ, "string", fmt.Sprintf("c.readString(%q, %s, %s)", snake(p.name), one, two))
			case kindBytes:
				read = fmt.Sprintf("c.readBytes(%q, %s, %s)", snake(p.name), one, two)
			case kindStrings:
				read = fmt.Sprintf("c.readStrings(%q, %s, %s)", snake(p.name), one, two)
			case kindHandles:
				read = fmt.Sprintf("readHandles[%s](c, %q, %s, %s)", strings.TrimPrefix(p.typ.spell("abi."), "[]"), snake(p.name), one, two)
			}
		}
		fmt.Fprintf(b, "%s := %s\n", names[i], read)
	}
	call := fmt.Sprintf("c.host.%s(%s)", m.name, strings.Join(names, ", "))
	switch {
	case m.err && m.result == nil:
		fmt.Fprintf(b, "stack[0] = c.fallible(0, %s)\n", call)
	case m.err:
		result, err := scope.fresh("result"), scope.fresh("err")
		var give string
		switch m.result.kind {
		case kindBytes:
			give = "c.fallibleBytes(%s, %s)"
		case kindString:
			give = "c.fallibleBytes([]byte(%s), %s)"
		case kindBool:
			give = "c.fallible(fromBool(%s), %s)"
		default:
			give = "c.fallible(int64(%s), %s)"
		}
		fmt.Fprintf(b, "%s, %s := %s\nstack[0] = %s\n", result, err, call, fmt.Sprintf(give, result, err))
	case m.result == nil:
		fmt.Fprintf(b, "%s\n", call)
	default:
		var give string
		switch m.result.kind {
		case kindUint32:
			give = "api.EncodeU32(uint32(%s))"
		case kindInt32:
			give = "api.EncodeI32(int32(%s))"
		case kindBool:
			give = "uint64(fromBool(%s))"
		case kindInt64:
			give = "uint64(%s)"
		case kindFloat64:
			give = "api.EncodeF64(float64(%s))"
		case kindBytes:
			give = "c.keep(%s)"
		case kindString:
			give = "c.keep([]byte(%s))"
		}
		fmt.Fprintf(b, "stack[0] = "+give+"\n", call)
	}
	b.WriteString("}\n")
}

// convert wraps value, which has the type have, in a conversion if t is a
// declared type.
func convert(t goType, have, value string) string {
	if want := t.spell("abi."); t.name != "" && want != have {
		return want + "(" + value + ")"
	}
	return value
}
