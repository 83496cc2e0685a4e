package main

import (
	"fmt"
	"strings"
)

// A wireValue is one WASM value of a function's signature.
type wireValue struct {
	name string // of the parameter, with what part of it this is
	typ  string // i32, i64 or f64
}

// wireParams lowers a method's parameters to WASM values.
func (m method) wireParams() []wireValue {
	var out []wireValue
	for _, p := range m.params {
		name := snake(p.name)
		switch p.typ.kind {
		case kindUint32, kindInt32, kindBool:
			out = append(out, wireValue{name, "i32"})
		case kindInt64:
			out = append(out, wireValue{name, "i64"})
		case kindFloat64:
			out = append(out, wireValue{name, "f64"})
		case kindString, kindBytes, kindStrings:
			out = append(out, wireValue{name + "_ptr", "i32"}, wireValue{name + "_len", "i32"})
		case kindHandles:
			out = append(out, wireValue{name + "_ptr", "i32"}, wireValue{name + "_count", "i32"})
		}
	}
	return out
}

// wireResult is the WASM type of a method's result, or empty.
func (m method) wireResult() string {
	switch {
	case m.err:
		return "i64"
	case m.result == nil:
		return ""
	}
	switch m.result.kind {
	case kindUint32, kindInt32, kindBool:
		return "i32"
	case kindFloat64:
		return "f64"
	default: // a number, or the length of what is in the register
		return "i64"
	}
}

// spell is the type in Go source that refers to package abi by the given
// qualifier: "abi." or, in that package itself, nothing.
func (t goType) spell(qualifier string) string {
	elem := ""
	switch {
	case t.name != "":
		elem = qualifier + t.name
	case t.kind == kindHandles:
		elem = "uint32"
	}
	switch t.kind {
	case kindBytes:
		return "[]byte"
	case kindStrings:
		return "[]string"
	case kindHandles:
		return "[]" + elem
	}
	if elem != "" {
		return elem
	}
	for name, k := range basics {
		if k == t.kind {
			return name
		}
	}
	panic(fmt.Sprintf("abigen: kind %d has no spelling", t.kind))
}

// signature is the method's Go signature without its name, with the given
// names for the parameters.
func (m method) signature(qualifier string, names []string) string {
	var params []string
	for i, p := range m.params {
		name := names[i]
		// As people write it: a type once for the neighbours that share it.
		if i+1 < len(m.params) && m.params[i+1].typ == p.typ {
			params = append(params, name)
		} else {
			params = append(params, name+" "+p.typ.spell(qualifier))
		}
	}
	return "(" + strings.Join(params, ", ") + ")" + m.goResults(qualifier)
}

func (m method) goResults(qualifier string) string {
	switch {
	case m.result != nil && m.err:
		return " (" + m.result.spell(qualifier) + ", error)"
	case m.result != nil:
		return " " + m.result.spell(qualifier)
	case m.err:
		return " error"
	default:
		return ""
	}
}
