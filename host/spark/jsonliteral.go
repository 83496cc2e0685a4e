package spark

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// appendMetric appends a literal as [WriteJSON] writes a value of a row.
func appendMetric(dst []byte, l *sparkpb.Expression_Literal) ([]byte, error) {
	switch v := l.GetLiteralType().(type) {
	case nil, *sparkpb.Expression_Literal_Null:
		return append(dst, "null"...), nil
	case *sparkpb.Expression_Literal_Boolean:
		return strconv.AppendBool(dst, v.Boolean), nil
	case *sparkpb.Expression_Literal_Byte:
		return strconv.AppendInt(dst, int64(v.Byte), 10), nil
	case *sparkpb.Expression_Literal_Short:
		return strconv.AppendInt(dst, int64(v.Short), 10), nil
	case *sparkpb.Expression_Literal_Integer:
		return strconv.AppendInt(dst, int64(v.Integer), 10), nil
	case *sparkpb.Expression_Literal_Long:
		return strconv.AppendInt(dst, v.Long, 10), nil
	case *sparkpb.Expression_Literal_Float:
		return pyfloat.AppendJSON(dst, float64(v.Float)), nil
	case *sparkpb.Expression_Literal_Double:
		return pyfloat.AppendJSON(dst, v.Double), nil
	case *sparkpb.Expression_Literal_String_:
		return appendString(dst, v.String_), nil
	case *sparkpb.Expression_Literal_Binary:
		return appendBinary(dst, v.Binary), nil
	case *sparkpb.Expression_Literal_Decimal_:
		return appendSpecial(dst, "decimal", func(dst []byte) []byte { return append(dst, v.Decimal.GetValue()...) }), nil
	case *sparkpb.Expression_Literal_Date:
		return appendDate(dst, time.Unix(int64(v.Date)*86400, 0).UTC()), nil
	case *sparkpb.Expression_Literal_Timestamp:
		return appendTimestamp(dst, time.UnixMicro(v.Timestamp).UTC(), "+00:00"), nil
	case *sparkpb.Expression_Literal_TimestampNtz:
		return appendTimestamp(dst, time.UnixMicro(v.TimestampNtz).UTC(), ""), nil
	case *sparkpb.Expression_Literal_TimestampNtzNanos, *sparkpb.Expression_Literal_TimestampLtzNanos:
		_, ntz := v.(*sparkpb.Expression_Literal_TimestampNtzNanos)
		micros, rest, _ := nanosIn(l)
		return appendNanos(dst, time.UnixMicro(micros).Add(time.Duration(rest)).UTC(), ntz), nil
	case *sparkpb.Expression_Literal_Time_:
		return appendTime(dst, time.Unix(0, v.Time.GetNano()).UTC()), nil
	case *sparkpb.Expression_Literal_YearMonthInterval:
		return appendYearMonth(dst, int64(v.YearMonthInterval)), nil
	case *sparkpb.Expression_Literal_DayTimeInterval:
		return appendDayTime(dst, v.DayTimeInterval, arrow.Microsecond), nil
	}
	return appendNestedMetric(dst, l)
}

func appendNestedMetric(dst []byte, l *sparkpb.Expression_Literal) ([]byte, error) {
	switch v := l.GetLiteralType().(type) {
	case *sparkpb.Expression_Literal_Array_:
		return appendMetrics(dst, '[', ']', v.Array.GetElements(), nil)
	case *sparkpb.Expression_Literal_SpecializedArray_:
		return appendSpecialized(dst, v.SpecializedArray)
	case *sparkpb.Expression_Literal_Struct_:
		// Older engines have the names in the one place, newer in the other.
		fields := l.GetDataType().GetStruct().GetFields()
		if fields == nil {
			//lint:ignore SA1019 Spark 4.0 knows no data type beside
			fields = v.Struct.GetStructType().GetStruct().GetFields()
		}
		if len(fields) != len(v.Struct.GetElements()) {
			return nil, fmt.Errorf("a struct has %d values and %d names", len(v.Struct.GetElements()), len(fields))
		}
		return appendMetrics(dst, '{', '}', v.Struct.GetElements(), func(dst []byte, i int) ([]byte, error) {
			return append(appendString(dst, fields[i].GetName()), ':'), nil
		})
	case *sparkpb.Expression_Literal_Map_:
		keys := v.Map.GetKeys()
		if len(keys) != len(v.Map.GetValues()) {
			return nil, fmt.Errorf("a map has %d values and %d keys", len(v.Map.GetValues()), len(keys))
		}
		for _, key := range keys {
			if _, text := key.GetLiteralType().(*sparkpb.Expression_Literal_String_); !text {
				return nil, fmt.Errorf("a map's keys must be strings")
			}
		}
		return appendMetrics(dst, '{', '}', v.Map.GetValues(), func(dst []byte, i int) ([]byte, error) {
			dst, err := appendMetric(dst, keys[i])
			return append(dst, ':'), err
		})
	}
	return nil, fmt.Errorf("a %T has no form in JSON; cast it to string", l.GetLiteralType())
}

// appendMetrics appends values between brackets, with what before appends in
// front of each.
func appendMetrics(dst []byte, opening, closing byte, values []*sparkpb.Expression_Literal, before func([]byte, int) ([]byte, error)) ([]byte, error) {
	var err error
	dst = append(dst, opening)
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		if before != nil {
			if dst, err = before(dst, i); err != nil {
				return nil, err
			}
		}
		if dst, err = appendMetric(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, closing), nil
}

// appendSpecialized appends an array that is sent without a literal for each
// element.
func appendSpecialized(dst []byte, a *sparkpb.Expression_Literal_SpecializedArray) ([]byte, error) {
	switch v := a.GetValueType().(type) {
	case *sparkpb.Expression_Literal_SpecializedArray_Bools:
		return appendEach(dst, v.Bools.GetValues(), strconv.AppendBool), nil
	case *sparkpb.Expression_Literal_SpecializedArray_Ints:
		return appendEach(dst, v.Ints.GetValues(), func(dst []byte, n int32) []byte { return strconv.AppendInt(dst, int64(n), 10) }), nil
	case *sparkpb.Expression_Literal_SpecializedArray_Longs:
		return appendEach(dst, v.Longs.GetValues(), func(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }), nil
	case *sparkpb.Expression_Literal_SpecializedArray_Floats:
		return appendEach(dst, v.Floats.GetValues(), func(dst []byte, f float32) []byte { return pyfloat.AppendJSON(dst, float64(f)) }), nil
	case *sparkpb.Expression_Literal_SpecializedArray_Doubles:
		return appendEach(dst, v.Doubles.GetValues(), pyfloat.AppendJSON), nil
	case *sparkpb.Expression_Literal_SpecializedArray_Strings:
		return appendEach(dst, v.Strings.GetValues(), appendString), nil
	}
	return nil, fmt.Errorf("an array of %T has no form in JSON", a.GetValueType())
}

func appendEach[T any](dst []byte, values []T, each func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = each(dst, v)
	}
	return append(dst, ']')
}
