package main

import (
	"bytes"
	"fmt"
	"strings"
)

// assemblyScriptRuntime is what the bindings below it need.
const assemblyScriptRuntime = `
@external("sparkstalk_v1", "take")
declare function take_(to: usize): void;
@external("sparkstalk_v1", "error_take")
declare function errorTake_(): i64;

/** Fetches the n bytes that the last call left in the host's register. */
function take(n: i64): ArrayBuffer {
  const out = new ArrayBuffer(i32(max(n, 0)));
  if (n > 0) take_(changetype<usize>(out));
  return out;
}

function takeText(n: i64): string {
  return String.UTF8.decode(take(n));
}

/** The error of the call that has just failed, as JSON. */
export function errorTake(): string {
  return takeText(errorTake_());
}

/** Encodes a list of strings: each is its length, a little-endian u32, and its bytes. */
function list(texts: string[]): ArrayBuffer {
  let size = 0;
  for (let i = 0; i < texts.length; i++) size += 4 + String.UTF8.byteLength(texts[i]);
  const out = new ArrayBuffer(size);
  let at = changetype<usize>(out);
  for (let i = 0; i < texts.length; i++) {
    const text = String.UTF8.encode(texts[i]);
    store<u32>(at, text.byteLength);
    memory.copy(at + 4, changetype<usize>(text), text.byteLength);
    at += 4 + text.byteLength;
  }
  return out;
}
`

// Words of the language, and names that mean something in every file.
var assemblyScriptKeywords = strings.Fields("abstract as async await bool break case catch class const continue debugger declare default delete do else enum " +
	"export extends f32 f64 false finally for from function get i16 i32 i64 i8 if implements import in instanceof interface is isize keyof let module namespace new null " +
	"of package private protected public readonly return set static string super switch this throw true try type typeof u16 u32 u64 u8 usize v128 var void while with yield abort list take takeText")

var assemblyScriptTypes = map[kind]string{
	kindUint32: "u32", kindInt32: "i32", kindBool: "bool", kindInt64: "i64", kindFloat64: "f64",
	kindString: "string", kindBytes: "ArrayBuffer", kindStrings: "string[]", kindHandles: "u32[]",
}

// emitAssemblyScript writes the imports of a guest in AssemblyScript, and
// functions around them that take the language's own types.
func emitAssemblyScript(in *boundary) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n//\n", generatedMark)
	b.WriteString("// A function that can fail returns null if its result is text or bytes, false if it has none, and else a negative\n" +
		"// number; then errorTake tells the error.\n")
	b.WriteString(assemblyScriptRuntime)
	for _, t := range in.types {
		fmt.Fprintf(&b, "\n/** %s */\nexport type %s = %s;\n", text(t.doc), t.name, assemblyScriptTypes[t.kind])
	}
	for _, e := range in.enums {
		b.WriteString("\n")
		for _, v := range e.values {
			fmt.Fprintf(&b, "/** %s %s */\nexport const %s: %s = %s;\n", e.name+":", text(v.doc), v.name, e.name, v.value)
		}
	}
	for _, m := range in.methods {
		emitAssemblyScriptFunction(&b, m)
	}
	return b.Bytes(), nil
}

func emitAssemblyScriptFunction(b *bytes.Buffer, m method) {
	scope := newScope(append(assemblyScriptKeywords, m.local, m.local+"_")...)
	var raw, params, args, before []string
	for _, v := range m.wireParams() {
		raw = append(raw, escaped(v.name, assemblyScriptKeywords)+": "+v.typ)
	}
	for _, p := range m.params {
		name := scope.fresh(lowerFirst(p.name))
		typ := assemblyScriptTypes[p.typ.kind]
		if p.typ.name != "" {
			typ = p.typ.name
			if p.typ.kind == kindHandles {
				typ += "[]"
			}
		}
		params = append(params, name+": "+typ)
		encode := map[kind]string{kindString: "String.UTF8.encode(%s)", kindStrings: "list(%s)"}[p.typ.kind]
		if encode != "" {
			encoded := scope.fresh(name + "Bytes")
			before = append(before, fmt.Sprintf("  const %s = "+encode+";\n", encoded, name))
			name = encoded
		}
		switch p.typ.kind {
		case kindString, kindStrings, kindBytes:
			args = append(args, "i32(changetype<usize>("+name+"))", name+".byteLength")
		case kindHandles:
			args = append(args, "i32("+name+".dataStart)", name+".length")
		default:
			args = append(args, name)
		}
	}
	wire := m.wireResult()
	if wire == "" {
		wire = "void"
	}
	fmt.Fprintf(b, "\n@external(\"sparkstalk_v1\", %q)\ndeclare function %s_(%s): %s;\n", m.wire, m.local, strings.Join(raw, ", "), wire)
	call := fmt.Sprintf("%s_(%s)", m.local, strings.Join(args, ", "))
	result, body := assemblyScriptResult(m, call, scope.fresh("result"))
	fmt.Fprintf(b, "/** %s */\nexport function %s(%s): %s {\n%s%s}\n", text(m.docOfImport()), m.local, strings.Join(params, ", "), result, strings.Join(before, ""), body)
}

// assemblyScriptResult is a result's type, and the statements that make it.
func assemblyScriptResult(m method, call, result string) (typ, body string) {
	fetch := ""
	if m.result != nil {
		fetch = map[kind]string{kindBytes: "take", kindString: "takeText"}[m.result.kind]
	}
	switch {
	case m.result == nil && m.err:
		return "bool", fmt.Sprintf("  return %s >= 0;\n", call)
	case m.result == nil:
		return "void", fmt.Sprintf("  %s;\n", call)
	case fetch != "" && m.err:
		return assemblyScriptTypes[m.result.kind] + " | null", fmt.Sprintf("  const %s = %s;\n  return %s < 0 ? null : %s(%s);\n", result, call, result, fetch, result)
	case fetch != "":
		return assemblyScriptTypes[m.result.kind], fmt.Sprintf("  return %s(%s);\n", fetch, call)
	case m.err:
		return "i64", fmt.Sprintf("  return %s;\n", call)
	}
	typ = assemblyScriptTypes[m.result.kind]
	if m.result.kind == kindBool {
		call += " != 0"
	}
	if m.result.name != "" {
		typ = m.result.name
	}
	return typ, fmt.Sprintf("  return %s;\n", call)
}
