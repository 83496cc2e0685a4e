package pyjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Want returns Python's name of the type that decodes into t.
func Want(t reflect.Type) string {
	switch {
	case t == typeRaw:
		return "object"
	case t.Kind() == reflect.Pointer:
		return Want(t.Elem()) + " or None"
	case t == typeTime:
		return "datetime"
	case t == typeNumber:
		return "int or float"
	case reflect.PointerTo(t).Implements(typeTextual):
		return "str"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.String:
		return "str"
	case reflect.Interface:
		return "object"
	case reflect.Slice, reflect.Array:
		if isBytes(t) {
			return "bytes"
		}
		return "list"
	case reflect.Map, reflect.Struct:
		return "dict"
	}
	return "int"
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && t != typeRaw
}

// Words names a Go type for people who read a manifest: "string", "[]int64",
// "map[string]float64", "bytes", "json", "any"; structs by their name.
func Words(t reflect.Type) string {
	switch {
	case t == typeRaw:
		return "json"
	case t == typeTime:
		return "datetime"
	case t == typeNumber:
		return "number"
	case isBytes(t):
		return "bytes"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + Words(t.Elem())
	case reflect.Slice:
		return "[]" + Words(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), Words(t.Elem()))
	case reflect.Map:
		return fmt.Sprintf("map[%s]%s", Words(t.Key()), Words(t.Elem()))
	case reflect.Interface:
		return "any"
	case reflect.Struct:
		if t.Name() == "" {
			return "struct"
		}
		return t.Name()
	}
	return t.Kind().String()
}

// Check returns why a JSON value cannot be decoded into t, or nil.
func Check(t reflect.Type) error { return check(t, make(map[reflect.Type]bool)) }

func check(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	switch {
	case t == typeRaw, t == typeTime, t == typeNumber:
		return nil
	case t == typeDuration:
		return fmt.Errorf("%s has no unit in JSON; take a number of seconds", t)
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface &&
		(reflect.PointerTo(t).Implements(typeUnmarshaler) || reflect.PointerTo(t).Implements(typeTextual)):
		return nil
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return nil
		}
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return check(t.Elem(), seen)
	case reflect.Map:
		switch t.Key().Kind() {
		case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			return check(t.Elem(), seen)
		}
		return fmt.Errorf("the names of a JSON object are strings, so %s cannot be decoded", t)
	case reflect.Struct:
		for _, f := range Fields(t) {
			if err := check(f.Type, seen); err != nil {
				return fmt.Errorf("field %s of %s: %w", f.Go, t, err)
			}
		}
		return nil
	}
	return fmt.Errorf("%s cannot be decoded from JSON", t)
}

// A Field is a field of a struct that is decoded from a JSON object.
type Field struct {
	// Name is the name in JSON: that of the json tag, or the field's own.
	Name string
	// Go is the field's name.
	Go    string
	Index []int
	Type  reflect.Type
}

// Fields returns the fields of a struct as encoding/json sees them, with those
// of embedded structs.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			continue
		}
		if throughPointer(t, f.Index) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields = append(fields, Field{Name: name, Go: f.Name, Index: f.Index, Type: f.Type})
	}
	return fields
}

// throughPointer says whether a field lies behind an embedded pointer, which
// may be nil.
func throughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		t = t.Field(i).Type
		if t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

// Lookup finds the field for a JSON name: the one of that very name, else one
// that differs in case only.
func Lookup(fields []Field, name string) (Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Field{}, false
}

// Marshal is json.Marshal without the escapes for HTML. A json.RawMessage
// passes with its very bytes.
func Marshal(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok && raw != nil {
		if err := Valid(raw); err != nil {
			return nil, err
		}
		return raw, nil
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// Join writes an array or object, by its opening character, of elements that
// are JSON already.
func Join(open byte, elements []json.RawMessage) json.RawMessage {
	out := []byte{open}
	for i, e := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e...)
	}
	return append(out, open+2)
}
