package sdk

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// param is a parameter and the field that holds it.
type param struct {
	abi.Param
	index []int
}

// parameters reads the parameters of a task from its argument struct.
func parameters(t reflect.Type) ([]param, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the arguments are a struct with a field for each parameter, not %s; struct{} is for none", t)
	}
	var params []param
	seen := make(map[string]string)
	optional := ""
	for _, f := range fields(t, nil) {
		p, skip, err := parameter(f)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		if skip {
			continue
		}
		if other, ok := seen[p.Name]; ok {
			return nil, fmt.Errorf("field %s: field %s is named %q too", f.Name, other, p.Name)
		}
		if p.Default != nil {
			optional = f.Name
		} else if optional != "" {
			return nil, fmt.Errorf("field %s: a parameter without a default follows %s, which has one", f.Name, optional)
		}
		seen[p.Name] = f.Name
		params = append(params, p)
	}
	return params, nil
}

// fields returns a struct's fields with those of embedded structs in their place.
func fields(t reflect.Type, index []int) []reflect.StructField {
	var all []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		f.Index = append(index[:len(index):len(index)], i)
		if _, tagged := f.Tag.Lookup("arg"); f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct {
			all = append(all, fields(f.Type, f.Index)...)
			continue
		}
		all = append(all, f)
	}
	return all
}

func parameter(f reflect.StructField) (p param, skip bool, err error) {
	tag, ok := f.Tag.Lookup("arg")
	switch {
	case tag == "-":
		return param{}, true, nil
	case !f.IsExported():
		return param{}, false, fmt.Errorf("it is not exported, so no argument can fill it")
	case !ok:
		return param{}, false, fmt.Errorf("it has no tag such as `arg:%q`, or `arg:\"-\"` if it is no parameter", strings.ToLower(f.Name))
	}
	name, option, hasOption := strings.Cut(tag, ",")
	if !isIdentifier(name) {
		return param{}, false, fmt.Errorf("%q is no name that Python could use for an argument", name)
	}
	if err := pyjson.Check(f.Type); err != nil {
		return param{}, false, err
	}
	p = param{index: f.Index, Param: abi.Param{Name: name, Type: pyjson.Words(f.Type), Doc: f.Tag.Get("doc")}}
	if !hasOption {
		return p, false, nil
	}
	text, ok := strings.CutPrefix(option, "default=")
	if !ok {
		return param{}, false, fmt.Errorf("what follows the name in its tag is default=…, not %q", option)
	}
	if p.Default, err = defaultJSON(f.Type, text); err != nil {
		return param{}, false, err
	}
	if err := pyjson.Decode(p.Default, reflect.New(f.Type).Interface()); err != nil {
		return param{}, false, fmt.Errorf("the default %s %w", text, err)
	}
	return p, false, nil
}

// defaultJSON writes a default as the JSON that a client would send.
func defaultJSON(t reflect.Type, text string) (json.RawMessage, error) {
	if t.Kind() == reflect.Pointer {
		if text == "null" {
			return json.RawMessage("null"), nil
		}
		t = t.Elem()
	}
	switch {
	case pyjson.Want(t) == "bytes":
		return pyjson.Marshal(map[string]string{"__type__": "bytes", "__value__": text})
	case t == reflect.TypeFor[json.Number]():
	case t.Kind() == reflect.String, t == reflect.TypeFor[time.Time](), reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) && !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return pyjson.Marshal(text)
	}
	if err := pyjson.Valid([]byte(text)); err != nil {
		return nil, fmt.Errorf("the default %s is not JSON, as %s needs: %w", text, pyjson.Words(t), err)
	}
	return json.RawMessage(text), nil
}

func isIdentifier(name string) bool {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return name != ""
}
