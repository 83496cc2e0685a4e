package spark

import (
	"encoding/base64"
	"math/big"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/parquet/variant"
	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// spatialOrVariant returns the appender of a column whose type Arrow does not
// know, or nil for another one.
func spatialOrVariant(a arrow.Array, t *sparkpb.DataType) (appender, error) {
	if t.GetVariant() != nil {
		if s, ok := a.(*array.Struct); ok {
			return variantAppender(s)
		}
		return nil, nil
	}
	id, spatial := int32(0), false
	if g := t.GetGeometry(); g != nil {
		id, spatial = g.GetSrid(), true
	}
	if g := t.GetGeography(); g != nil {
		id, spatial = g.GetSrid(), true
	}
	// Spark sends a struct of srid and wkb; Sail the latter alone.
	wkb, bare := a.(*array.Binary)
	if !spatial || !bare {
		return nil, nil
	}
	return func(dst []byte, row int) []byte {
		dst = strconv.AppendInt(append(dst, `{"srid":`...), int64(id), 10)
		return append(appendBinary(append(dst, `,"wkb":`...), wkb.Value(row)), '}')
	}, nil
}

// variantAppender writes variants as the values that they hold.
func variantAppender(a *array.Struct) (appender, error) {
	parts := make(map[string]*array.Binary, 2)
	for i, field := range a.DataType().(*arrow.StructType).Fields() {
		if part, ok := a.Field(i).(*array.Binary); ok {
			parts[field.Name] = part
		}
	}
	values, names := parts["value"], parts["metadata"]
	if values == nil || names == nil {
		return structAppender(a, nil)
	}
	raw, err := structAppender(a, nil)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, row int) []byte {
		start := len(dst)
		out, ok := appendVariantBytes(dst, names.Value(row), values.Value(row))
		if !ok { // it is broken: nothing of it may get lost
			return raw(dst[:start], row)
		}
		return out
	}, nil
}

// appendVariantBytes reports false if the bytes are no variant.
func appendVariantBytes(dst, names, value []byte) (out []byte, ok bool) {
	defer func() {
		if recover() != nil { // the decoder trusts lengths
			out, ok = dst, false
		}
	}()
	v, err := variant.New(names, value)
	if err != nil {
		return dst, false
	}
	return appendVariant(dst, v), true
}

// appendVariant writes what a variant holds, in the form of a column of its
// type.
func appendVariant(dst []byte, v variant.Value) []byte {
	switch value := v.Value().(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, value)
	case int8:
		return strconv.AppendInt(dst, int64(value), 10)
	case int16:
		return strconv.AppendInt(dst, int64(value), 10)
	case int32:
		return strconv.AppendInt(dst, int64(value), 10)
	case int64:
		return strconv.AppendInt(dst, value, 10)
	case float32:
		return pyfloat.AppendJSON(dst, float64(value))
	case float64:
		return pyfloat.AppendJSON(dst, value)
	case string:
		return appendString(dst, value)
	case []byte:
		return appendBinary(dst, value)
	case uuid.UUID:
		return appendString(dst, value.String())
	case arrow.Date32:
		return appendDate(dst, time.Unix(int64(value)*86400, 0).UTC())
	case arrow.Time64:
		return appendTime(dst, inUnit(int64(value), arrow.Microsecond))
	case arrow.Timestamp:
		return appendVariantTime(dst, v.Type(), int64(value))
	case variant.DecimalValue[decimal.Decimal32]:
		return appendDecimal(dst, big.NewInt(int64(value.Value.(decimal.Decimal32))), int32(value.Scale))
	case variant.DecimalValue[decimal.Decimal64]:
		return appendDecimal(dst, big.NewInt(int64(value.Value.(decimal.Decimal64))), int32(value.Scale))
	case variant.DecimalValue[decimal.Decimal128]:
		return appendDecimal(dst, value.Value.(decimal.Decimal128).BigInt(), int32(value.Scale))
	case variant.ArrayValue:
		dst = append(dst, '[')
		for i := range value.Len() {
			element, err := value.Value(i)
			if err != nil {
				panic(err) // caught by appendVariantBytes
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendVariant(dst, element)
		}
		return append(dst, ']')
	case variant.ObjectValue:
		return appendVariantObject(dst, value)
	}
	return appendString(dst, base64.StdEncoding.EncodeToString(v.Bytes()))
}

func appendVariantTime(dst []byte, kind variant.Type, n int64) []byte {
	switch kind {
	case variant.TimestampMicros:
		return appendTimestamp(dst, inUnit(n, arrow.Microsecond), "+00:00")
	case variant.TimestampNanos:
		return appendTimestamp(dst, inUnit(n, arrow.Nanosecond), "+00:00")
	case variant.TimestampNanosNTZ:
		return appendTimestamp(dst, inUnit(n, arrow.Nanosecond), "")
	}
	return appendTimestamp(dst, inUnit(n, arrow.Microsecond), "")
}

func appendVariantObject(dst []byte, object variant.ObjectValue) []byte {
	var names []string
	for name := range object.Values() {
		names = append(names, name)
	}
	asObject := fitObject(names)
	opening, closing := byte('{'), byte('}')
	if !asObject {
		opening, closing = '[', ']'
	}
	dst = append(dst, opening)
	first := true
	for name, value := range object.Values() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if asObject {
			dst = appendVariant(append(appendString(dst, name), ':'), value)
		} else {
			dst = append(appendVariant(append(appendString(append(dst, '['), name), ','), value), ']')
		}
	}
	return append(dst, closing)
}
