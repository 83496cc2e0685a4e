package spark

import (
	"encoding/json"
	"math"
	"reflect"
	"time"
)

// Lit is a literal: nil (NULL), a bool, an integer, a float, a string, []byte
// (binary), a time.Time (timestamp), a json.Number, a pointer to one of these
// (nil is NULL), or a slice or array of them (an array). A Column is returned
// as it is. Anything else is an error at the action.
func Lit(value any) Column {
	switch v := value.(type) {
	case nil:
		return Column{&node{kind: kindLiteral}}
	case Column:
		return v
	case *DataFrame:
		return Invalid(wrongType("a DataFrame is no value of a column"))
	case []byte:
		if v == nil {
			return Lit(nil)
		}
		return Column{&node{kind: kindLiteral, value: v}}
	case time.Time:
		return Lit(v.UTC().Format("2006-01-02T15:04:05.999999Z")).Cast("timestamp")
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return Lit(n)
		}
		f, err := v.Float64()
		if err != nil {
			return Invalid(wrongType("%q is no number that a column can hold", v))
		}
		return Lit(f)
	}
	r := reflect.ValueOf(value)
	switch r.Kind() {
	case reflect.Bool:
		return Column{&node{kind: kindLiteral, value: r.Bool()}}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Column{&node{kind: kindLiteral, value: r.Int()}}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.Uint() > math.MaxInt64 {
			return Invalid(wrongType("%d does not fit a bigint, the largest integer of a column", r.Uint()))
		}
		return Column{&node{kind: kindLiteral, value: int64(r.Uint())}}
	case reflect.Float32, reflect.Float64:
		return Column{&node{kind: kindLiteral, value: r.Float()}}
	case reflect.String:
		return Column{&node{kind: kindLiteral, value: r.String()}}
	case reflect.Pointer:
		if r.IsNil() {
			return Lit(nil)
		}
		return Lit(r.Elem().Interface())
	case reflect.Slice, reflect.Array:
		args := make([]Column, r.Len())
		for i := range args {
			args[i] = Lit(r.Index(i).Interface())
		}
		return Call("array", args...)
	}
	return Invalid(wrongType("a %T is no value of a column", value))
}
