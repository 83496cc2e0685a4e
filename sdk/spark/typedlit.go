package spark

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// A Decimal is a decimal number as text, such as "12.50", for [Lit].
type Decimal string

// column is the literal, of the type that PySpark gives a Decimal: ten digits or
// as many as it has, with its own number of them behind the point.
func (d Decimal) column() Column {
	whole, fraction, _ := strings.Cut(strings.TrimLeft(string(d), "+-"), ".")
	precision := max(10, len(strings.TrimLeft(whole, "0"))+len(fraction))
	return TypedLit(d, "decimal("+strconv.Itoa(precision)+","+strconv.Itoa(len(fraction))+")")
}

// TypedLit is a literal of a type in DDL form, such as "tinyint", "date",
// "decimal(10,2)" or "array<map<string,int>>". value is nil (NULL), a bool, a
// number, a string, []byte, a time.Time (of a date, timestamp, timestamp_ntz or
// time: what its clock shows), a time.Duration (of an interval of days to
// seconds), a [Decimal], an int (months, of an interval of years and months), a
// [3]int64 of months, days and microseconds (of a calendar interval), a slice (of
// an array), a map, or a struct or a []any with the fields' values in order (of a
// struct). What does not fit is an error at the action.
func TypedLit(value any, ddl string) Column {
	data, err := literalJSON(reflect.ValueOf(value))
	if err != nil {
		return Invalid(err)
	}
	return Column{&node{kind: kindTypedLiteral, text: ddl, value: data}}
}

// literalJSON is a value in the form that abi.Host's ExprLiteral takes.
func literalJSON(v reflect.Value) (json.RawMessage, error) {
	if !v.IsValid() {
		return json.RawMessage("null"), nil
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return json.Marshal(x.Format(time.RFC3339Nano))
	case time.Duration:
		return json.Marshal(x.Microseconds())
	case json.Number:
		return json.RawMessage(x.String()), nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return literalJSON(v.Elem())
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Marshal(v.Interface())
	case reflect.Float32, reflect.Float64:
		return floatJSON(v.Float()), nil
	case reflect.Slice, reflect.Array:
		return listJSON(v)
	case reflect.Map:
		return mapJSON(v)
	case reflect.Struct:
		return structJSON(v)
	}
	return nil, wrongType("a %s is no value of a column", v.Type())
}

func floatJSON(f float64) json.RawMessage {
	switch {
	case math.IsNaN(f):
		return json.RawMessage(`"NaN"`)
	case math.IsInf(f, 1):
		return json.RawMessage(`"Infinity"`)
	case math.IsInf(f, -1):
		return json.RawMessage(`"-Infinity"`)
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64)
}

func listJSON(v reflect.Value) (json.RawMessage, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return json.RawMessage("null"), nil
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return json.Marshal(v.Bytes()) // in base64
	}
	list := make([]json.RawMessage, v.Len())
	for i := range list {
		var err error
		if list[i], err = literalJSON(v.Index(i)); err != nil {
			return nil, err
		}
	}
	return pyjson.Join('[', list), nil
}

// mapJSON is a map as pairs, in the order of the keys' text: the cache knows a
// plan by its bytes.
func mapJSON(v reflect.Value) (json.RawMessage, error) {
	if v.IsNil() {
		return json.RawMessage("null"), nil
	}
	pairs := make([]json.RawMessage, 0, v.Len())
	for _, k := range v.MapKeys() {
		key, err := literalJSON(k)
		if err != nil {
			return nil, err
		}
		value, err := literalJSON(v.MapIndex(k))
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pyjson.Join('[', []json.RawMessage{key, value}))
	}
	return pyjson.Join('[', sortedRaw(pairs)), nil
}

// sortedRaw puts a list in the order of its texts.
func sortedRaw(list []json.RawMessage) []json.RawMessage {
	slices.SortFunc(list, func(a, b json.RawMessage) int { return strings.Compare(string(a), string(b)) })
	return list
}

func structJSON(v reflect.Value) (json.RawMessage, error) {
	fields := pyjson.Fields(v.Type())
	if len(fields) == 0 {
		return nil, wrongType("a %s is no value of a column", v.Type())
	}
	list := make([]json.RawMessage, len(fields))
	for i, f := range fields {
		var err error
		if list[i], err = literalJSON(v.FieldByIndex(f.Index)); err != nil {
			return nil, err
		}
	}
	return pyjson.Join('[', list), nil
}
