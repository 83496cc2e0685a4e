package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// pyspark is pyspark.json.
type pyspark struct {
	// Spark is the version that the names are of.
	Spark string `json:"spark"`
	// Classes have the public names of each class, and "functions" of that module.
	Classes map[string][]string `json:"classes"`
}

// class is a class of PySpark's in mapping.json.
type class struct {
	// Type is ours in package spark; Package the one whose functions it is.
	Type    string `json:"type"`
	Package string `json:"package"`
	// Names are those that need words.
	Names map[string]name `json:"names"`
}

// name says what covers a name of PySpark's, or why nothing does.
type name struct {
	Go    string `json:"go"`    // "Type.Method" of package spark, or a function
	NA    string `json:"na"`    // why it does not apply to tasks
	Lacks string `json:"lacks"` // why it is not there though it applies
}

// sdk are the exported names of the SDK, as they are written, by their letters:
// "dataframe.groupby" is DataFrame.GroupBy.
type sdk map[string]string

func key(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// readSDK reads the exported names of packages. Functions of another package
// than spark have its name in front: "functions.abs".
func readSDK(dirs ...string) (sdk, error) {
	out := make(sdk)
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return nil, err
		}
		prefix := ""
		if base := filepath.Base(dir); base != "spark" {
			prefix = base + "."
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			for _, d := range file.Decls {
				out.declared(prefix, d)
			}
		}
	}
	return out, nil
}

func (s sdk) declared(prefix string, d ast.Decl) {
	add := func(name string) {
		if ast.IsExported(name[strings.LastIndexByte(name, '.')+1:]) {
			s[key(prefix+name)] = name
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name.Name)
			return
		}
		t := d.Recv.List[0].Type
		if star, ok := t.(*ast.StarExpr); ok {
			t = star.X
		}
		if id, ok := t.(*ast.Ident); ok {
			add(id.Name + "." + d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				for _, n := range v.Names {
					add(n.Name)
				}
			}
		}
	}
}

// readFunctions adds the names that functions.json gives PySpark's functions.
func (s sdk) readFunctions(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var list struct {
		Functions []struct {
			Name, Go string
			Aliases  []string
		}
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&list); err != nil {
		return err
	}
	for _, f := range list.Functions {
		goName := f.Go
		if goName == "" {
			goName = f.Name
		}
		for _, alias := range f.Aliases {
			s[key("functions."+alias)] = s[key("functions."+goName)]
		}
	}
	return nil
}
