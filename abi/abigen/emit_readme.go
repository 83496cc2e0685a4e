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
			fmt.Fprintf(&b, "### %s\n\n| import | parameters | result | what it does |\n| --- | --- | --- | --- |\n", group)
		}
		var params []string
		for _, v := range m.wireParams() {
			params = append(params, fmt.Sprintf("%s&nbsp;%s", code(v.name), v.typ))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(m.wire), strings.Join(params, ", "), m.readmeResult(), cell(m.docOfImport()))
		if last := in.methods[len(in.methods)-1]; last.name == m.name || words(next(in.methods, m))[0] != group {
			b.WriteString("\n")
		}
	}
	for _, e := range in.enums {
		fmt.Fprintf(&b, "### Values of %s\n\n%s\n\n| value | name | |\n| --- | --- | --- |\n", e.name, text(e.doc))
		for _, v := range e.values {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", v.value, v.name, cell(v.doc))
		}
		b.WriteString("\n")
	}
	b.WriteString(readmeEnd)
	b.Write(tail)
	return b.Bytes(), nil
}

// next is the name of the method after m.
func next(methods []method, m method) string {
	for i := range methods[:len(methods)-1] {
		if methods[i].name == m.name {
			return methods[i+1].name
		}
	}
	return m.name
}

// readmeResult says what the function returns.
func (m method) readmeResult() string {
	what := ""
	switch {
	case m.inRegister():
		what = "i64: length, for `take`"
	case m.result == nil && m.err:
		what = "i64: 0"
	case m.result == nil:
		return "none"
	case m.result.name != "":
		what = m.wireResult() + ": " + m.result.name
	default:
		what = m.wireResult()
	}
	if m.err {
		what += ", or -1"
	}
	return what
}

// docOfImport is the method's doc without its Go name at the front.
func (m method) docOfImport() string {
	doc, ok := strings.CutPrefix(m.doc, m.name+" ")
	if !ok {
		return m.doc
	}
	return doc
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
