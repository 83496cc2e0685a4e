package spark

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// Lit is a literal: nil (NULL), a bool, an integer (an int or a bigint by its
// value; an int8 is a tinyint, an int16 a smallint), a float64 (double), a float32
// (float), a string, []byte (binary), a [Decimal], a time.Time (timestamp), a
// time.Duration (interval of days to seconds), a json.Number, a pointer to one of
// these (nil is NULL), or a slice or array (an array), a map (a map, in the order
// of its keys) or a struct (a struct with the names of its json tags) of them. A
// Column is returned as it is. Anything else is an error at the action.
// [TypedLit] makes literals of all other types.
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
		return TypedLit(v, "timestamp")
	case time.Duration:
		return TypedLit(v, "interval day to second")
	case Decimal:
		return v.column()
	case int8:
		return TypedLit(v, "tinyint")
	case int16:
		return TypedLit(v, "smallint")
	case float32:
		return TypedLit(v, "float")
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
	case reflect.Map:
		return mapColumn(r)
	case reflect.Struct:
		if fields := pyjson.Fields(r.Type()); len(fields) > 0 {
			var args []Column
			for _, f := range fields {
				args = append(args, Lit(f.Name), Lit(r.FieldByIndex(f.Index).Interface()))
			}
			return Call("named_struct", args...)
		}
	}
	return Invalid(wrongType("a %T is no value of a column", value))
}

// mapColumn is a map in the order of its keys as text: the cache knows a plan by
// its bytes.
func mapColumn(m reflect.Value) Column {
	if m.IsNil() {
		return Lit(nil)
	}
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		return strings.Compare(fmt.Sprint(a.Interface()), fmt.Sprint(b.Interface()))
	})
	var args []Column
	for _, key := range keys {
		args = append(args, Lit(key.Interface()), Lit(m.MapIndex(key).Interface()))
	}
	return Call("map", args...)
}
