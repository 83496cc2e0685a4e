package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

const (
	interfaceName   = "Host"
	unsupportedPath = "abi/unsupported.go"
)

// A boundary is the parsed Host interface.
type boundary struct {
	methods []method
	types   []declaredType // those that methods use, as declared
	enums   []enum
}

// A method is one host function.
type method struct {
	name   string // FrameSQL
	wire   string // frame_sql
	local  string // frameSQL, what Go functions for it are called
	doc    string // one paragraph of text
	params []param
	result *goType // nil when there is none beside an error
	err    bool    // the last result is an error
}

type param struct {
	name string
	typ  goType
}

// A goType is a type that crosses the boundary.
type goType struct {
	kind kind
	// name is the type's own name if package abi declares it; of the elements
	// if the kind is handles.
	name string
}

// kind says how a type crosses the boundary.
type kind int

const (
	kindUint32 kind = iota // uint32 and handles
	kindInt32
	kindBool
	kindInt64
	kindFloat64
	kindString
	kindBytes
	kindStrings
	kindHandles // a slice of a handle type
)

// basics are the predeclared types that may cross.
var basics = map[string]kind{
	"uint32": kindUint32, "int32": kindInt32, "bool": kindBool,
	"int64": kindInt64, "float64": kindFloat64, "string": kindString,
}

// An enum is a named int32 type with its constants.
type enum struct {
	name, doc string
	values    []enumValue
}

type enumValue struct {
	name, value, doc string
}

// A declaredType is a type of package abi that is a predeclared one underneath.
type declaredType struct {
	name string
	kind kind
	doc  string
}

// parseDir parses the Host interface of the package in dir.
func parseDir(dir string) (*boundary, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sources := map[string][]byte{}
	for _, e := range entries {
		name := e.Name()
		// What this command writes is left out, so that it can repair a file
		// that does not parse.
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || name == filepath.Base(unsupportedPath) {
			continue
		}
		source, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		sources[name] = source
	}
	return parseSources(sources)
}

// parseSources parses the Host interface from the package's files. Every
// method that cannot be bound is one error, with its position.
func parseSources(sources map[string][]byte) (*boundary, error) {
	p := &packageParser{fset: token.NewFileSet(), declared: map[string]declaredType{}, used: map[string]bool{}}
	var files []*ast.File
	for _, name := range sortedKeys(sources) {
		f, err := parser.ParseFile(p.fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, f := range files {
		p.types(f)
	}
	if p.host == nil {
		return nil, fmt.Errorf("no interface %s is declared", interfaceName)
	}
	out := &boundary{methods: p.methods()}
	for _, name := range p.order {
		if p.used[name] {
			out.types = append(out.types, p.declared[name])
		}
	}
	for _, f := range files {
		out.enums = append(out.enums, p.enums(f)...)
	}
	return out, errors.Join(p.problems...)
}

type packageParser struct {
	fset     *token.FileSet
	declared map[string]declaredType
	order    []string // of declared
	used     map[string]bool
	host     *ast.InterfaceType
	problems []error
}

func (p *packageParser) problem(at token.Pos, format string, args ...any) {
	p.problems = append(p.problems, fmt.Errorf("%s: %s", p.fset.Position(at), fmt.Sprintf(format, args...)))
}

// types collects the interface and the named types that may cross.
func (p *packageParser) types(f *ast.File) {
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.TypeSpec)
			doc := spec.Doc
			if doc == nil {
				doc = gen.Doc
			}
			switch t := spec.Type.(type) {
			case *ast.InterfaceType:
				if spec.Name.Name == interfaceName {
					p.host = t
				}
			case *ast.Ident:
				if k, ok := basics[t.Name]; ok {
					p.declared[spec.Name.Name] = declaredType{name: spec.Name.Name, kind: k, doc: paragraph(doc)}
					p.order = append(p.order, spec.Name.Name)
				}
			}
		}
	}
}

func (p *packageParser) methods() []method {
	var methods []method
	seen := map[string]string{"take": "the runtime's take", "error_take": "the runtime's error_take"}
	for _, field := range p.host.Methods.List {
		if len(field.Names) == 0 {
			p.problem(field.Pos(), "%s embeds a type; only methods can be bound", interfaceName)
			continue
		}
		for _, name := range field.Names {
			m, ok := p.method(name, field)
			if !ok {
				continue
			}
			if other, taken := seen[m.wire]; taken {
				p.problem(name.Pos(), "%s: its import %s is already that of %s", m.name, m.wire, other)
				continue
			}
			seen[m.wire] = m.name
			methods = append(methods, m)
		}
	}
	if len(p.host.Methods.List) == 0 {
		p.problem(p.host.Pos(), "%s has no methods", interfaceName)
	}
	return methods
}

func (p *packageParser) method(name *ast.Ident, field *ast.Field) (method, bool) {
	before := len(p.problems)
	sig := field.Type.(*ast.FuncType)
	m := method{name: name.Name, wire: snake(name.Name), local: lowerFirst(name.Name), doc: paragraph(field.Doc)}
	if !name.IsExported() {
		p.problem(name.Pos(), "%s: not exported", m.name)
	}
	if m.doc == "" {
		p.problem(name.Pos(), "%s: no doc comment; the README takes its text from there", m.name)
	}
	for _, f := range sig.Params.List {
		t, ok := p.typ(m.name, f.Type)
		if !ok {
			continue
		}
		if len(f.Names) == 0 {
			p.problem(f.Pos(), "%s: a parameter has no name; errors and the README need one", m.name)
		}
		for _, n := range f.Names {
			if n.Name == "_" {
				p.problem(n.Pos(), "%s: a parameter has no name; errors and the README need one", m.name)
			}
			m.params = append(m.params, param{name: n.Name, typ: t})
		}
	}
	if sig.Results != nil {
		p.results(&m, sig.Results)
	}
	return m, len(p.problems) == before
}

func (p *packageParser) results(m *method, results *ast.FieldList) {
	list := results.List
	for _, f := range list {
		if len(f.Names) > 0 {
			p.problem(f.Pos(), "%s: a result has a name", m.name)
			return
		}
	}
	if last, ok := list[len(list)-1].Type.(*ast.Ident); ok && last.Name == "error" {
		m.err = true
		list = list[:len(list)-1]
	}
	switch len(list) {
	case 0:
		return
	case 1:
	default:
		p.problem(results.Pos(), "%s: more than one result beside an error", m.name)
		return
	}
	t, ok := p.typ(m.name, list[0].Type)
	if !ok {
		return
	}
	switch {
	case t.kind == kindStrings || t.kind == kindHandles:
		p.problem(list[0].Pos(), "%s: a list cannot be a result; return its JSON as []byte", m.name)
	case t.kind == kindFloat64 && m.err:
		p.problem(list[0].Pos(), "%s: float64 beside an error cannot cross, since a result of -1 means an error", m.name)
	default:
		m.result = &t
	}
}

// typ resolves a parameter's or result's type, or records why it cannot cross.
func (p *packageParser) typ(method string, expr ast.Expr) (goType, bool) {
	switch e := expr.(type) {
	case *ast.Ident:
		if k, ok := basics[e.Name]; ok {
			return goType{kind: k}, true
		}
		if d, ok := p.declared[e.Name]; ok {
			p.used[e.Name] = true
			return goType{kind: d.kind, name: e.Name}, true
		}
	case *ast.ArrayType:
		elem, ok := e.Elt.(*ast.Ident)
		if e.Len != nil || !ok {
			break
		}
		switch elem.Name {
		case "byte":
			return goType{kind: kindBytes}, true
		case "string":
			return goType{kind: kindStrings}, true
		case "uint32":
			return goType{kind: kindHandles}, true
		}
		if d, ok := p.declared[elem.Name]; ok && d.kind == kindUint32 {
			p.used[elem.Name] = true
			return goType{kind: kindHandles, name: elem.Name}, true
		}
	}
	p.problem(expr.Pos(), "%s: the type %s cannot cross the boundary; these can: bool, int32, uint32, int64, float64 and string, "+
		"types declared as one of them, and slices of byte, string, uint32 and of types declared as uint32", method, typeText(expr))
	return goType{}, false
}

// enums collects the constants of each named int32 type of f, in order.
func (p *packageParser) enums(f *ast.File) []enum {
	var out []enum
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			spec := spec.(*ast.ValueSpec)
			typ, ok := spec.Type.(*ast.Ident)
			if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
				continue
			}
			declared, ok := p.declared[typ.Name]
			if !ok || declared.kind != kindInt32 || !p.used[typ.Name] {
				continue
			}
			value, ok := literal(spec.Values[0])
			if !ok {
				p.problem(spec.Values[0].Pos(), "%s: write the number, for authors in other languages", spec.Names[0].Name)
				continue
			}
			if len(out) == 0 || out[len(out)-1].name != typ.Name {
				out = append(out, enum{name: typ.Name, doc: declared.doc})
			}
			last := &out[len(out)-1]
			last.values = append(last.values, enumValue{name: spec.Names[0].Name, value: value, doc: paragraph(spec.Comment)})
		}
	}
	return out
}

// literal is the text of an integer literal, with its sign.
func literal(e ast.Expr) (string, bool) {
	sign := ""
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.SUB {
		sign, e = "-", u.X
	}
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.INT {
		return "", false
	}
	return sign + l.Value, true
}
