package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// The generated part of README.md stands between these lines.
const (
	readmeBegin = "<!-- abigen: what follows is generated from host.go; do not edit it -->"
	readmeEnd   = "<!-- abigen: end -->"
)

// emitReadme replaces what stands between the markers of the page.
func emitReadme(in *boundary, page []byte) ([]byte, error) {
	head, rest, ok := bytes.Cut(page, []byte(readmeBegin))
	if !ok {
		return nil, fmt.Errorf("the line %q is missing", readmeBegin)
	}
	_, tail, ok := bytes.Cut(rest, []byte(readmeEnd))
	if !ok {
		return nil, fmt.Errorf("the line %q is missing", readmeEnd)
	}
	var b bytes.Buffer
	b.Write(head)
	b.WriteString(readmeBegin + "\n\n")
	group := ""
	for _, m := range in.methods {
		if g := words(m.name)[0]; g != group {
			group = g
			fmt.Fprintf(&b, "### %s\n\n| import | WASM type | parameters | result | what it does |\n| --- | --- | --- | --- | --- |\n", group)
		}
		var params []string
		for _, p := range m.params {
			params = append(params, fmt.Sprintf("%s %s", code(snake(p.name)), p.typ.inWords()))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(m.wire), m.wireType(), strings.Join(params, ", "), m.resultInWords(), cell(m.docOfImport()))
		if isLast(in.methods, m) {
			b.WriteString("\n")
		}
	}
	b.WriteString("### Types\n\n| type | WASM type | |\n| --- | --- | --- |\n")
	for _, t := range in.types {
		wire := "i32"
		if v := (method{params: []param{{typ: goType{kind: t.kind}}}}).wireParams(); len(v) == 1 {
			wire = v[0].typ
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.name, wire, cell(t.doc))
	}
	b.WriteString("\n")
	if len(in.enums) > 0 {
		b.WriteString("| type | value | name | |\n| --- | --- | --- | --- |\n")
	}
	for _, e := range in.enums {
		for _, v := range e.values {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.name, v.value, v.name, cell(v.doc))
		}
	}
	b.WriteString("\n" + readmeEnd)
	b.Write(tail)
	return b.Bytes(), nil
}

// isLast says that m is the last method of its group.
func isLast(methods []method, m method) bool {
	for i := range methods {
		if methods[i].name == m.name {
			return i+1 == len(methods) || words(methods[i+1].name)[0] != words(m.name)[0]
		}
	}
	return true
}

// wireType is the function's type: (i32,i32) → i64.
func (m method) wireType() string {
	var params []string
	for _, v := range m.wireParams() {
		params = append(params, v.typ)
	}
	result := m.wireResult()
	if result == "" {
		result = "()"
	}
	// No line break within: the column would become one value wide.
	return strings.ReplaceAll(fmt.Sprintf("(%s) → %s", strings.Join(params, ","), result), " ", "&nbsp;")
}

// inWords is the type as the page's rules call it.
func (t goType) inWords() string {
	switch {
	case t.kind == kindStrings:
		return "list of strings"
	case t.kind == kindHandles && t.name != "":
		return "list of " + t.name
	case t.kind == kindHandles:
		return "list of u32"
	case t.kind == kindBytes:
		return "bytes"
	case t.name != "":
		return t.name
	case t.kind == kindUint32:
		return "u32"
	case t.kind == kindInt32:
		return "i32"
	case t.kind == kindInt64:
		return "i64"
	case t.kind == kindFloat64:
		return "f64"
	default:
		return t.spell("")
	}
}

func (m method) resultInWords() string {
	what := "nothing"
	if m.result != nil {
		what = m.result.inWords()
	}
	if m.err {
		what += ", or an error"
	}
	return what
}

// docOfImport is the method's doc without its Go name at the front.
func (m method) docOfImport() string {
	if doc, ok := strings.CutPrefix(m.doc, m.name+" "); ok {
		return doc
	}
	return m.doc
}

var docLink = regexp.MustCompile(`\[([A-Z]\w*(?:\.\w+)*)\]`)

// text is doc comment text as Markdown: a link of Go's becomes a plain word.
func text(s string) string { return docLink.ReplaceAllString(s, "$1") }

// cell is text for a table's cell.
func cell(s string) string {
	s = text(s)
	for _, c := range []string{"|", "<", "*", "[", "]"} {
		s = strings.ReplaceAll(s, c, `\`+c)
	}
	return s
}

func code(s string) string { return "`" + s + "`" }
