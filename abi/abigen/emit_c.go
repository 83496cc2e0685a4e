package main

import (
	"bytes"
	"fmt"
	"strings"
)

var cKeywords = strings.Fields("alignas alignof auto bool break case char const constexpr continue default do double else enum extern false float for goto if inline int long nullptr " +
	"register restrict return short signed sizeof static static_assert struct switch thread_local true typedef typeof union unsigned void volatile while class delete export " +
	"friend mutable namespace new operator private protected public template this throw try catch using virtual")

// emitC writes the imports of a guest in C, which are its functions as they are.
func emitC(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "/* The host's functions. %s\n", generatedMark)
	b.WriteString(` *
 * Texts and bytes are a pointer and a length. A list of strings is one text too: each is its length, a uint32_t, and its
 * bytes. Functions that return bytes return their length, and ss_take copies them. A negative result is an error, which
 * ss_error_take puts into the register as JSON, returning its length. */
#ifndef SPARKSTALK_V1_H
#define SPARKSTALK_V1_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SS_IMPORT(name) __attribute__((import_module("sparkstalk_v1"), import_name(name)))

SS_IMPORT("take") void ss_take(void *to);
SS_IMPORT("error_take") int64_t ss_error_take(void);
`)
	for _, t := range in.types {
		fmt.Fprintf(&b, "\n/* %s */\ntypedef %s ss_%s;\n", text(t.doc), cType(goType{kind: t.kind}), snake(t.name))
	}
	for _, e := range in.enums {
		fmt.Fprintf(&b, "\n/* Values of ss_%s. */\nenum {\n", snake(e.name))
		for _, v := range e.values {
			fmt.Fprintf(&b, "  SS_%s = %s,", strings.ToUpper(snake(v.name)), v.value)
			if v.doc != "" {
				fmt.Fprintf(&b, " /* %s */", text(v.doc))
			}
			b.WriteString("\n")
		}
		b.WriteString("};\n")
	}
	for _, m := range in.methods {
		var params []string
		for _, p := range m.params {
			name := escaped(snake(p.name), cKeywords)
			switch p.typ.kind {
			case kindString, kindBytes, kindStrings:
				params = append(params, "const void *"+name+", uint32_t "+name+"_len")
			case kindHandles:
				params = append(params, "const "+cType(goType{kind: kindUint32, name: p.typ.name})+" *"+name+", uint32_t "+name+"_count")
			default:
				params = append(params, cType(p.typ)+" "+name)
			}
		}
		if params == nil {
			params = []string{"void"}
		}
		result := map[string]string{"": "void", "i32": "uint32_t", "i64": "int64_t", "f64": "double"}[m.wireResult()]
		if m.result != nil && !m.err && m.wireResult() == "i32" {
			result = cType(*m.result)
		}
		fmt.Fprintf(&b, "\n/* %s */\nSS_IMPORT(%q)\n%s ss_%s(%s);\n", text(m.docOfImport()), m.wire, result, m.wire, strings.Join(params, ", "))
	}
	b.WriteString("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
	return b.Bytes(), nil
}

// cType is the type of a value that is one WASM value.
func cType(t goType) string {
	if t.name != "" {
		return "ss_" + snake(t.name)
	}
	return map[kind]string{kindUint32: "uint32_t", kindInt32: "int32_t", kindBool: "bool", kindInt64: "int64_t", kindFloat64: "double"}[t.kind]
}

// emitWAT writes the imports in WebAssembly's text, to be copied from.
func emitWAT(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, ";; The host's functions: copy those that a module needs. %s\n", generatedMark)
	b.WriteString("\n(import \"sparkstalk_v1\" \"take\" (func $take (param $to i32)))\n")
	b.WriteString("(import \"sparkstalk_v1\" \"error_take\" (func $error_take (result i64)))\n")
	for _, m := range in.methods {
		fmt.Fprintf(&b, "(import \"sparkstalk_v1\" %q (func $%s", m.wire, m.wire)
		for _, v := range m.wireParams() {
			fmt.Fprintf(&b, " (param $%s %s)", v.name, v.typ)
		}
		if result := m.wireResult(); result != "" {
			fmt.Fprintf(&b, " (result %s)", result)
		}
		b.WriteString("))\n")
	}
	return b.Bytes(), nil
}
