package spark

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Literal is a constant of a type in DDL form. value is JSON: null, a bool, a
// number or a string; a binary in base64; dates and times in ISO 8601, a
// timestamp with a zone; an interval of days to seconds as microseconds, one of
// years and months as months, a calendar interval as [months, days,
// microseconds]; an array as an array, a map as an array of pairs, and a struct
// as an array of its fields' values. What [WriteJSON] makes of a value, other than
// an interval, is taken too.
func Literal(ddl string, value []byte) *Column {
	t, err := parseType(ddl)
	if err != nil {
		return InvalidColumn(fmt.Errorf("literal: %w", err))
	}
	literal, err := typedLiteral(t, value)
	if err != nil {
		return InvalidColumn(fmt.Errorf("literal of type %s: %w", ddl, err))
	}
	c := column(int64(len(value)), nil, func(*renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_Literal_{Literal: literal}}
	})
	c.literal = literal
	return c
}

// typedLiteral reads the JSON form of a value. The depth of what it makes is
// that of the type, which parseType bounds.
func typedLiteral(t *sparkpb.DataType, value []byte) (*sparkpb.Expression_Literal, error) {
	value, err := literalForm(t, bytes.TrimSpace(value))
	if err != nil {
		return nil, err
	}
	if string(value) == "null" {
		return &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_Null{Null: t}}, nil
	}
	out := &sparkpb.Expression_Literal{}
	switch k := t.GetKind().(type) {
	case *sparkpb.DataType_Boolean_:
		v := new(sparkpb.Expression_Literal_Boolean)
		err, out.LiteralType = read(value, &v.Boolean, "true or false"), v
	case *sparkpb.DataType_Byte_:
		v := new(sparkpb.Expression_Literal_Byte)
		v.Byte, err = readInt32(value, 8)
		out.LiteralType = v
	case *sparkpb.DataType_Short_:
		v := new(sparkpb.Expression_Literal_Short)
		v.Short, err = readInt32(value, 16)
		out.LiteralType = v
	case *sparkpb.DataType_Integer_:
		v := new(sparkpb.Expression_Literal_Integer)
		v.Integer, err = readInt32(value, 32)
		out.LiteralType = v
	case *sparkpb.DataType_Long_:
		v := new(sparkpb.Expression_Literal_Long)
		v.Long, err = readInt(value, 64)
		out.LiteralType = v
	case *sparkpb.DataType_Float_:
		var f float64
		f, err = readFloat(value, 32)
		out.LiteralType = &sparkpb.Expression_Literal_Float{Float: float32(f)}
	case *sparkpb.DataType_Double_:
		v := new(sparkpb.Expression_Literal_Double)
		v.Double, err = readFloat(value, 64)
		out.LiteralType = v
	case *sparkpb.DataType_Decimal_:
		var text string
		text, err = readDecimal(value, k.Decimal)
		out.LiteralType = &sparkpb.Expression_Literal_Decimal_{Decimal: &sparkpb.Expression_Literal_Decimal{
			Value: text, Precision: k.Decimal.Precision, Scale: k.Decimal.Scale,
		}}
	case *sparkpb.DataType_String_:
		v := new(sparkpb.Expression_Literal_String_)
		err, out.LiteralType = read(value, &v.String_, "a string"), v
	case *sparkpb.DataType_Binary_:
		var text string
		if err = read(value, &text, "a string in base64"); err == nil {
			v := new(sparkpb.Expression_Literal_Binary)
			v.Binary, err = base64.StdEncoding.DecodeString(text)
			out.LiteralType = v
		}
	case *sparkpb.DataType_Date_, *sparkpb.DataType_Timestamp_, *sparkpb.DataType_TimestampNtz, *sparkpb.DataType_Time_,
		*sparkpb.DataType_TimestampNtzNanos, *sparkpb.DataType_TimestampLtzNanos:
		err = timeLiteral(out, t, value)
	case *sparkpb.DataType_YearMonthInterval_:
		v := new(sparkpb.Expression_Literal_YearMonthInterval)
		v.YearMonthInterval, err = readInt32(value, 32)
		out.LiteralType = v
	case *sparkpb.DataType_DayTimeInterval_:
		v := new(sparkpb.Expression_Literal_DayTimeInterval)
		v.DayTimeInterval, err = readInt(value, 64)
		out.LiteralType = v
	case *sparkpb.DataType_CalendarInterval_:
		err = calendarLiteral(out, value)
	case *sparkpb.DataType_Array_:
		//lint:ignore SA1019 Spark 4.0 and Sail know no other field
		v := &sparkpb.Expression_Literal_Array{ElementType: k.Array.ElementType}
		v.Elements, err = readList(value, func(int) *sparkpb.DataType { return k.Array.ElementType })
		out.LiteralType = &sparkpb.Expression_Literal_Array_{Array: v}
	case *sparkpb.DataType_Map_:
		err = mapLiteral(out, k.Map, value)
	case *sparkpb.DataType_Struct_:
		err = structLiteral(out, t, value)
	default:
		err = fmt.Errorf("only null can be one of that type")
	}
	return out, err
}

// read decodes one JSON value; form says what it should be.
func read(value []byte, to any, form string) error {
	if err := json.Unmarshal(value, to); err != nil {
		return fmt.Errorf("%s is no %s", oneLine(string(value)), form)
	}
	return nil
}

func readInt(value []byte, bits int) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is no integer of %d bits", oneLine(string(value)), bits)
	}
	return n, nil
}

func readInt32(value []byte, bits int) (int32, error) {
	n, err := readInt(value, bits)
	return int32(n), err
}

func readFloat(value []byte, bits int) (float64, error) {
	switch string(value) {
	case `"NaN"`, "NaN":
		return math.NaN(), nil
	case `"Infinity"`, "Infinity":
		return math.Inf(1), nil
	case `"-Infinity"`, "-Infinity":
		return math.Inf(-1), nil
	}
	f, err := strconv.ParseFloat(string(value), bits)
	if err != nil {
		return 0, fmt.Errorf("%s is no number of %d bits, nor one of %q", oneLine(string(value)), bits, []string{"NaN", "Infinity", "-Infinity"})
	}
	return f, nil
}

// readDecimal returns the digits of a decimal, which must fit its type: an
// engine would take others for something else.
func readDecimal(value []byte, t *sparkpb.DataType_Decimal) (string, error) {
	text := string(bytes.Trim(value, `"`))
	whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
	for _, digit := range whole + fraction {
		if digit < '0' || digit > '9' {
			return "", fmt.Errorf("%s is no decimal number such as 12.50", oneLine(text))
		}
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole)+len(fraction) == 0 && !strings.Contains(text, "0") {
		return "", fmt.Errorf("%s is no decimal number such as 12.50", oneLine(text))
	}
	if len(fraction) > int(t.GetScale()) || len(whole) > int(t.GetPrecision()-t.GetScale()) {
		return "", fmt.Errorf("%s has more digits than the type", oneLine(text))
	}
	// Sail takes the digits for those of the type's scale, wherever the point is.
	if missing := int(t.GetScale()) - len(fraction); missing > 0 {
		if fraction == "" {
			text = strings.TrimSuffix(text, ".") + "."
		}
		text += strings.Repeat("0", missing)
	}
	return text, nil
}

// timeLiteral reads a date or time. One with a date, a time and a zone is taken
// for any of the types: its parts are those that are written.
func timeLiteral(out *sparkpb.Expression_Literal, t *sparkpb.DataType, value []byte) error {
	var text string
	if err := read(value, &text, "a string"); err != nil {
		return err
	}
	parse := func(layout string) (time.Time, error) {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err == nil || layout == time.RFC3339Nano {
			return at, timeFault(err, text, layout)
		}
		at, err = time.Parse(layout, text)
		return at, timeFault(err, text, layout)
	}
	switch k := t.GetKind().(type) {
	case *sparkpb.DataType_Date_:
		at, err := parse(time.DateOnly)
		days := written(at).Truncate(24*time.Hour).Unix() / 86400
		out.LiteralType = &sparkpb.Expression_Literal_Date{Date: int32(days)}
		return err
	case *sparkpb.DataType_Timestamp_:
		at, err := parse(time.RFC3339Nano)
		out.LiteralType = &sparkpb.Expression_Literal_Timestamp{Timestamp: at.UnixMicro()}
		return err
	case *sparkpb.DataType_TimestampNtz:
		at, err := parse("2006-01-02T15:04:05.999999999")
		out.LiteralType = &sparkpb.Expression_Literal_TimestampNtz{TimestampNtz: written(at).UnixMicro()}
		return err
	case *sparkpb.DataType_TimestampNtzNanos, *sparkpb.DataType_TimestampLtzNanos:
		layout := time.RFC3339Nano
		digits, ntz, _ := nanosOf(t)
		if ntz {
			layout = "2006-01-02T15:04:05.999999999"
		}
		at, err := parse(layout)
		if ntz {
			at = written(at)
		}
		out.LiteralType = nanosLiteral(at, digits, ntz).LiteralType
		return err
	case *sparkpb.DataType_Time_:
		at, err := parse("15:04:05.999999999")
		nanos := ((at.Hour()*60+at.Minute())*60+at.Second())*1_000_000_000 + at.Nanosecond()
		out.LiteralType = &sparkpb.Expression_Literal_Time_{Time: &sparkpb.Expression_Literal_Time{
			Nano: int64(nanos), Precision: k.Time.Precision,
		}}
		return err
	}
	return nil
}

func timeFault(err error, text, layout string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q does not look like %s", oneLine(text), layout)
}

// written is the date and time that a clock in its own zone shows, in UTC.
func written(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, t.Nanosecond(), time.UTC)
}

func calendarLiteral(out *sparkpb.Expression_Literal, value []byte) error {
	var parts []json.RawMessage
	if err := read(value, &parts, "array of months, days and microseconds"); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("%s is no array of months, days and microseconds", oneLine(string(value)))
	}
	months, err := readInt32(parts[0], 32)
	if err != nil {
		return err
	}
	days, err := readInt32(parts[1], 32)
	if err != nil {
		return err
	}
	micros, err := readInt(parts[2], 64)
	out.LiteralType = &sparkpb.Expression_Literal_CalendarInterval_{CalendarInterval: &sparkpb.Expression_Literal_CalendarInterval{
		Months: months, Days: days, Microseconds: micros,
	}}
	return err
}

// readList reads an array, each element as the type for its place.
func readList(value []byte, typeOf func(i int) *sparkpb.DataType) ([]*sparkpb.Expression_Literal, error) {
	var list []json.RawMessage
	if err := read(value, &list, "array"); err != nil {
		return nil, err
	}
	out := make([]*sparkpb.Expression_Literal, len(list))
	for i, raw := range list {
		t := typeOf(i)
		if t == nil {
			return nil, fmt.Errorf("%d values are too many", len(list))
		}
		var err error
		if out[i], err = typedLiteral(t, raw); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, nil
}

func mapLiteral(out *sparkpb.Expression_Literal, t *sparkpb.DataType_Map, value []byte) error {
	var pairs []json.RawMessage
	if err := read(value, &pairs, "array of pairs"); err != nil {
		return err
	}
	//lint:ignore SA1019 Spark 4.0 and Sail know no other field
	m := &sparkpb.Expression_Literal_Map{KeyType: t.KeyType, ValueType: t.ValueType}
	for i, raw := range pairs {
		pair, err := readList(raw, func(i int) *sparkpb.DataType {
			switch i {
			case 0:
				return t.KeyType
			case 1:
				return t.ValueType
			}
			return nil
		})
		if err == nil && len(pair) != 2 {
			err = fmt.Errorf("%s is no key with a value", oneLine(string(raw)))
		}
		if err != nil {
			return fmt.Errorf("pair %d: %w", i, err)
		}
		m.Keys, m.Values = append(m.Keys, pair[0]), append(m.Values, pair[1])
	}
	out.LiteralType = &sparkpb.Expression_Literal_Map_{Map: m}
	return nil
}

func structLiteral(out *sparkpb.Expression_Literal, t *sparkpb.DataType, value []byte) error {
	fields := t.GetStruct().GetFields()
	values, err := readList(value, func(i int) *sparkpb.DataType {
		if i >= len(fields) {
			return nil
		}
		return fields[i].DataType
	})
	if err == nil && len(values) != len(fields) {
		err = fmt.Errorf("%d values for %d fields", len(values), len(fields))
	}
	//lint:ignore SA1019 Spark 4.0 and Sail know no other field
	out.LiteralType = &sparkpb.Expression_Literal_Struct_{Struct: &sparkpb.Expression_Literal_Struct{StructType: t, Elements: values}}
	return err
}
