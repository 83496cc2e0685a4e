package spark

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// addLiteral adds a value to a column of its type.
func addLiteral(to array.Builder, value *sparkpb.Expression_Literal) {
	if value.GetNull() != nil {
		to.AppendNull()
		return
	}
	switch b := to.(type) {
	case *array.BooleanBuilder:
		b.Append(value.GetBoolean())
	case *array.Int8Builder:
		b.Append(int8(value.GetByte()))
	case *array.Int16Builder:
		b.Append(int16(value.GetShort()))
	case *array.Int32Builder:
		b.Append(value.GetInteger())
	case *array.Int64Builder:
		b.Append(value.GetLong())
	case *array.Float32Builder:
		b.Append(value.GetFloat())
	case *array.Float64Builder:
		b.Append(value.GetDouble())
	case *array.Decimal128Builder:
		t := b.Type().(*arrow.Decimal128Type)
		n, err := decimal128.FromString(value.GetDecimal().GetValue(), t.Precision, t.Scale)
		if err != nil { // readDecimal lets none through that does not fit
			b.AppendNull()
			return
		}
		b.Append(n)
	case *array.StringBuilder:
		b.Append(value.GetString_())
	case *array.BinaryBuilder:
		b.Append(value.GetBinary())
	case *array.Date32Builder:
		b.Append(arrow.Date32(value.GetDate()))
	case *array.TimestampBuilder:
		micros := value.GetTimestamp()
		if _, ntz := value.GetLiteralType().(*sparkpb.Expression_Literal_TimestampNtz); ntz {
			micros = value.GetTimestampNtz()
		}
		b.Append(arrow.Timestamp(micros))
	case *array.Time64Builder:
		b.Append(arrow.Time64(value.GetTime().GetNano()))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(value.GetDayTimeInterval()))
	case *array.MonthIntervalBuilder:
		b.Append(arrow.MonthInterval(value.GetYearMonthInterval()))
	case *array.MapBuilder: // before ListLike, which it is, too
		b.Append(true)
		for i, key := range value.GetMap().GetKeys() {
			addLiteral(b.KeyBuilder(), key)
			addLiteral(b.ItemBuilder(), value.GetMap().GetValues()[i])
		}
	case *array.ListBuilder:
		b.Append(true)
		for _, element := range value.GetArray().GetElements() {
			addLiteral(b.ValueBuilder(), element)
		}
	case *array.StructBuilder:
		b.Append(true)
		if micros, rest, ok := nanosIn(value); ok {
			b.FieldBuilder(0).(*array.Int64Builder).Append(micros)
			b.FieldBuilder(1).(*array.Int16Builder).Append(rest)
			return
		}
		for i, field := range value.GetStruct().GetElements() {
			addLiteral(b.FieldBuilder(i), field)
		}
	default:
		to.AppendNull() // not reached: arrowType makes no other
	}
}

// literalForm turns a JSON value as rows have it into one that [Literal] takes:
// Celery's special values into their text, objects into arrays.
func literalForm(t *sparkpb.DataType, value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != '{' {
		return value, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		return nil, err
	}
	switch k := t.GetKind().(type) {
	case *sparkpb.DataType_Struct_:
		return structForm(k.Struct, members)
	case *sparkpb.DataType_Map_:
		return mapForm(value)
	}
	if len(members) == 2 && members["__type__"] != nil && members["__value__"] != nil {
		return members["__value__"], nil
	}
	return value, nil // which its type says is wrong
}

// structForm is an object as the list of a struct's values.
func structForm(t *sparkpb.DataType_Struct, members map[string]json.RawMessage) ([]byte, error) {
	out := []byte{'['}
	for i, f := range t.GetFields() {
		if i > 0 {
			out = append(out, ',')
		}
		value, ok := members[f.GetName()]
		if !ok {
			value = json.RawMessage("null")
		}
		delete(members, f.GetName())
		out = append(out, value...)
	}
	for name := range members {
		names := make([]string, len(t.GetFields()))
		for i, f := range t.GetFields() {
			names[i] = f.GetName()
		}
		return nil, fmt.Errorf("there is no field %q; there are %s", name, strings.Join(names, ", "))
	}
	return append(out, ']'), nil
}

// mapForm is an object as the list of a map's pairs, in their order.
func mapForm(value []byte) ([]byte, error) {
	in := json.NewDecoder(strings.NewReader(string(value)))
	if _, err := in.Token(); err != nil {
		return nil, err
	}
	out := []byte{'['}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return nil, err
		}
		var item json.RawMessage
		if err := in.Decode(&item); err != nil {
			return nil, err
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(append(append(out, '['), name...), ','), item...), ']')
	}
	return append(out, ']'), nil
}
