package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// list is functions.json.
type list struct {
	// Spark is the version whose PySpark has these functions.
	Spark     string      `json:"spark"`
	Functions []*function `json:"functions"`
}

// function is one of PySpark's functions.
type function struct {
	Name     string   `json:"name"`     // PySpark's
	Go       string   `json:"go"`       // ours; Name in CamelCase if empty
	SQL      string   `json:"sql"`      // Spark's; Name if empty
	Distinct bool     `json:"distinct"` // as in count(DISTINCT x)
	Group    string   `json:"group"`    // the file that it goes into
	Since    string   `json:"since"`    // the version of Spark that brought it to PySpark
	Doc      string   `json:"doc"`      // what comes after its name
	Aliases  []string `json:"aliases"`  // further names of PySpark's for the same
	Params   []param  `json:"params"`
	// Order names the parameters in the order of Spark's function, if it is
	// another one.
	Order []string `json:"order"`

	// Sample has an argument for each parameter: see sample. From is what the
	// column sk of the sample's table is, aggregated before.
	Sample []json.RawMessage `json:"sample"`
	From   string            `json:"from"`
	// Use says how a test calls it: see uses. Volatile says that it gives another
	// answer each time.
	Use      string `json:"use"`
	Volatile bool   `json:"volatile"`
}

// param is a parameter of a function.
type param struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Optional bool   `json:"optional"`
	Variadic bool   `json:"variadic"`
	// Default is sent where the parameter is left out. Without one nothing is,
	// for it and those behind it.
	Default json.RawMessage `json:"default"`
}

// goTypes are the kinds of parameters with their types. A column is one or its
// name, a number one or its name or a number, a value what Lit takes.
var goTypes = map[string]string{
	"column": "ColumnOrName", "number": "any", "value": "any", "string": "string", "int": "int", "long": "int64",
	"float": "float64", "bool": "bool", "options": "map[string]string",
}

// uses are how functions are called: as a value of a row, over groups, as several
// rows, as the only one of its kind, over a window, in a cube, by a writer, or to fail.
var uses = []string{"", "aggregate", "generator", "alone", "window", "grouping", "transform", "error"}

func readList(data []byte) (*list, error) {
	var l list
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	var errs []error
	for i, f := range l.Functions {
		f.complete()
		for _, name := range append([]string{f.Name, "Go's " + f.Go}, f.Aliases...) {
			if names[name] {
				errs = append(errs, fmt.Errorf("%s: the name %s is there twice", f.Name, name))
			}
			names[name] = true
		}
		if i > 0 && l.Functions[i-1].Name > f.Name {
			errs = append(errs, fmt.Errorf("%s: not in the order of names", f.Name))
		}
		if err := f.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Name, err))
		}
	}
	return &l, errors.Join(errs...)
}

func (f *function) complete() {
	if f.Go == "" {
		for word := range strings.SplitSeq(f.Name, "_") {
			f.Go += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	if f.SQL == "" {
		f.SQL = f.Name
	}
}

func (f *function) check() error {
	switch {
	case f.Doc == "" || !strings.HasSuffix(f.Doc, "."):
		return errors.New("the doc is no sentence")
	case f.Group == "":
		return errors.New("no group")
	case !slices.Contains(uses, f.Use):
		return fmt.Errorf("it cannot be used as %q", f.Use)
	}
	optional := false
	for i, p := range f.Params {
		switch {
		case goTypes[p.Kind] == "":
			return fmt.Errorf("parameter %s is of the unknown kind %q", p.Name, p.Kind)
		case token.IsKeyword(p.Name):
			return fmt.Errorf("the parameter %s needs a name that is no keyword of Go's", p.Name)
		case optional && !p.Optional:
			return fmt.Errorf("parameter %s is behind one that may be left out", p.Name)
		case p.Variadic && (p.Optional || i != len(f.Params)-1):
			return fmt.Errorf("parameter %s is variadic: it has to be the last one, after none that may be left out", p.Name)
		case p.Default != nil && !p.Optional:
			return fmt.Errorf("parameter %s has a default and is not optional", p.Name)
		}
		optional = optional || p.Optional
	}
	if len(f.Order) > 0 && (len(f.Order) != 2 || len(f.Params) != 2 || f.Order[0] != f.Params[1].Name) {
		return errors.New("only the second of two parameters can come first")
	}
	if len(f.Sample) < len(f.Params) {
		return fmt.Errorf("%d samples for %d parameters", len(f.Sample), len(f.Params))
	}
	return nil
}

// required and optional are the parameters that have to be given, and those that
// may be left out.
func (f *function) required() []param { return f.Params[:f.firstOptional()] }
func (f *function) optional() []param { return f.Params[f.firstOptional():] }

func (f *function) firstOptional() int {
	if i := slices.IndexFunc(f.Params, func(p param) bool { return p.Optional }); i >= 0 {
		return i
	}
	return len(f.Params)
}
