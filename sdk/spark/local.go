package spark

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// CreateDataFrame has the given rows, which are part of the plan: they are for
// some thousands of rows, and are limited with it (64 MiB). data is a slice of
// structs, of maps by column, of slices with a value for each column, or of
// single values for one column. Values are what [TypedLit] takes.
//
// schema is DDL, such as "id bigint, name string". It may be empty for structs,
// whose fields then say it: names by json tags; int and int64 are bigint, int32
// int, int16 smallint, int8 tinyint, float64 double, float32 float, time.Time
// timestamp, []byte binary, slices arrays, maps maps and structs structs.
func (s *Session) CreateDataFrame(data any, schema string) *DataFrame {
	rows := reflect.ValueOf(data)
	if rows.Kind() != reflect.Slice && rows.Kind() != reflect.Array {
		return InvalidFrame(wrongType("rows are a slice, not %T", data))
	}
	element := rows.Type().Elem()
	if schema == "" {
		var err error
		if schema, err = schemaOf(element); err != nil {
			return InvalidFrame(err)
		}
	}
	list := make([]json.RawMessage, rows.Len())
	for i := range list {
		var err error
		if list[i], err = rowJSON(rows.Index(i)); err != nil {
			return InvalidFrame(err)
		}
	}
	return s.CreateDataFrameFromJSON(pyjson.Join('[', list), schema)
}

// CreateDataFrameFromJSON has the rows of a JSON list: each a list of values, or
// an object with the columns' names, in which absent ones are NULL. Values are as
// [DataFrame.CollectJSON] has them, with times and binaries as text if that is
// what is at hand. schema is DDL.
func (s *Session) CreateDataFrameFromJSON(rows json.RawMessage, schema string) *DataFrame {
	return s.frame(func(b *builder) abi.Frame { return b.host.FrameLocal(schema, rows) })
}

// CreateDataFrameFromArrow has the rows of a table of Apache Arrow's, as PySpark's
// createDataFrame takes one: stream is an IPC stream, which pyarrow.ipc.new_stream,
// ipc.NewWriter of arrow-go and others write without compression. The rows are part of the plan, and
// limited with it as those of [Session.CreateDataFrame] are.
//
// schema, in DDL, names the columns anew and casts them; empty leaves them as they
// are. Types are PySpark's for the same table: columns with dictionaries are their
// values, timestamps of nanoseconds are cut to microseconds unless schema has
// them as timestamp_ntz(9) or timestamp_ltz(9), and those of no time zone are of
// the session's. What Spark has no type for (unsigned integers, unions, views)
// and a broken stream are errors of the first action.
func (s *Session) CreateDataFrameFromArrow(stream []byte, schema string) *DataFrame {
	return s.frame(func(b *builder) abi.Frame { return b.host.FrameLocalArrow(schema, stream) })
}

// rowJSON is a row as the list of its values, or as an object.
func rowJSON(v reflect.Value) (json.RawMessage, error) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil, wrongType("a row is nil")
	}
	t := v.Type()
	switch {
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		members := make([]json.RawMessage, 0, v.Len())
		for _, k := range v.MapKeys() {
			name, err := pyjson.Marshal(k.String())
			if err != nil {
				return nil, err
			}
			value, err := literalJSON(v.MapIndex(k))
			if err != nil {
				return nil, err
			}
			members = append(members, append(append(name, ':'), value...))
		}
		return pyjson.Join('{', sortedRaw(members)), nil
	case isRow(t):
		return literalJSON(v)
	}
	value, err := literalJSON(v)
	return pyjson.Join('[', []json.RawMessage{value}), err
}

// isRow says whether a value is a whole row, not the one value of one.
func isRow(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return t != typeTime && pyjson.Want(t) == "dict"
	case reflect.Slice, reflect.Array:
		return t.Elem().Kind() != reflect.Uint8
	}
	return false
}

// schemaOf is the schema that a struct says.
func schemaOf(t reflect.Type) (string, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !isRow(t) {
		return "", wrongType("rows of type %s need a schema, such as \"id bigint, name string\"", t)
	}
	ddl, err := ddlOf(t, 0)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimPrefix(ddl, "struct<"), ">"), nil
}

// maxNesting bounds types that hold themselves.
const maxNesting = 50

// ddlOf is the DDL form of the type that a Go type's values have.
func ddlOf(t reflect.Type, level int) (string, error) {
	if level > maxNesting {
		return "", wrongType("%s holds itself, which no column can", t)
	}
	switch t {
	case typeTime:
		return "timestamp", nil
	case reflect.TypeFor[time.Duration]():
		return "interval day to second", nil
	case reflect.TypeFor[Decimal](), reflect.TypeFor[json.Number]():
		return "decimal(38,18)", nil
	}
	simple := map[reflect.Kind]string{
		reflect.Bool: "boolean", reflect.String: "string", reflect.Float64: "double", reflect.Float32: "float",
		reflect.Int: "bigint", reflect.Int64: "bigint", reflect.Int32: "int", reflect.Int16: "smallint", reflect.Int8: "tinyint",
		reflect.Uint8: "smallint", reflect.Uint16: "int", reflect.Uint32: "bigint",
	}
	if ddl := simple[t.Kind()]; ddl != "" {
		return ddl, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return ddlOf(t.Elem(), level+1)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "binary", nil
		}
		element, err := ddlOf(t.Elem(), level+1)
		return "array<" + element + ">", err
	case reflect.Map:
		key, err := ddlOf(t.Key(), level+1)
		if err != nil {
			return "", err
		}
		value, err := ddlOf(t.Elem(), level+1)
		return "map<" + key + "," + value + ">", err
	case reflect.Struct:
		var fields []string
		for _, f := range pyjson.Fields(t) {
			ddl, err := ddlOf(f.Type, level+1)
			if err != nil {
				return "", err
			}
			fields = append(fields, "`"+strings.ReplaceAll(f.Name, "`", "``")+"`:"+ddl)
		}
		return "struct<" + strings.Join(fields, ",") + ">", nil
	}
	return "", wrongType("a %s is no value of a column", t)
}
