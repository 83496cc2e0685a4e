package spark

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// appender appends the JSON of one row's value.
type appender func(dst []byte, row int) []byte

// newAppender returns the appender of a column, with null for what is null. t
// is Spark's type of the column, which tells a variant from a struct; it may be
// nil.
func newAppender(a arrow.Array, t *sparkpb.DataType) (appender, error) {
	if a.DataType().ID() == arrow.NULL {
		return func(dst []byte, _ int) []byte { return append(dst, "null"...) }, nil
	}
	value, err := valueAppender(a, t)
	if err != nil {
		return nil, err
	}
	if a.NullN() == 0 && a.DataType().ID() != arrow.DICTIONARY {
		return value, nil
	}
	return func(dst []byte, row int) []byte {
		if a.IsNull(row) {
			return append(dst, "null"...)
		}
		return value(dst, row)
	}, nil
}

func valueAppender(a arrow.Array, t *sparkpb.DataType) (appender, error) {
	if special, err := spatialOrVariant(a, t); special != nil || err != nil {
		return special, err
	}
	if nanos := nanosAppender(a, t); nanos != nil {
		return nanos, nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return func(dst []byte, row int) []byte { return strconv.AppendBool(dst, a.Value(row)) }, nil
	case *array.Int8:
		return signed(a.Int8Values()), nil
	case *array.Int16:
		return signed(a.Int16Values()), nil
	case *array.Int32:
		return signed(a.Int32Values()), nil
	case *array.Int64:
		return signed(a.Int64Values()), nil
	case *array.Uint8:
		return unsigned(a.Uint8Values()), nil
	case *array.Uint16:
		return unsigned(a.Uint16Values()), nil
	case *array.Uint32:
		return unsigned(a.Uint32Values()), nil
	case *array.Uint64:
		return unsigned(a.Uint64Values()), nil
	case *array.Float16:
		return func(dst []byte, row int) []byte { return pyfloat.AppendJSON(dst, float64(a.Value(row).Float32())) }, nil
	case *array.Float32:
		return floats(a.Float32Values()), nil
	case *array.Float64:
		return floats(a.Float64Values()), nil
	case array.StringLike:
		return func(dst []byte, row int) []byte { return appendString(dst, a.Value(row)) }, nil
	case interface{ Value(int) []byte }: // binary, large binary, binary view, fixed-size binary
		return func(dst []byte, row int) []byte { return appendBinary(dst, a.Value(row)) }, nil
	case *array.Decimal32:
		scale := a.DataType().(*arrow.Decimal32Type).Scale
		return func(dst []byte, row int) []byte { return appendDecimal(dst, big.NewInt(int64(a.Value(row))), scale) }, nil
	case *array.Decimal64:
		scale := a.DataType().(*arrow.Decimal64Type).Scale
		return func(dst []byte, row int) []byte { return appendDecimal(dst, big.NewInt(int64(a.Value(row))), scale) }, nil
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(dst []byte, row int) []byte { return appendDecimal(dst, a.Value(row).BigInt(), scale) }, nil
	case *array.Decimal256:
		scale := a.DataType().(*arrow.Decimal256Type).Scale
		return func(dst []byte, row int) []byte { return appendDecimal(dst, a.Value(row).BigInt(), scale) }, nil
	}
	if f := timeAppender(a); f != nil {
		return f, nil
	}
	return nestedAppender(a, t)
}

func nestedAppender(a arrow.Array, t *sparkpb.DataType) (appender, error) {
	switch a := a.(type) {
	case *array.Map: // before ListLike, which it is, too
		return mapAppender(a, t.GetMap())
	case array.ListLike:
		items, err := newAppender(a.ListValues(), t.GetArray().GetElementType())
		if err != nil {
			return nil, err
		}
		return func(dst []byte, row int) []byte {
			dst = append(dst, '[')
			start, end := a.ValueOffsets(row)
			for i := start; i < end; i++ {
				if i > start {
					dst = append(dst, ',')
				}
				dst = items(dst, int(i))
			}
			return append(dst, ']')
		}, nil
	case *array.Struct:
		return structAppender(a, t.GetStruct())
	case *array.Dictionary:
		values, err := newAppender(a.Dictionary(), t)
		if err != nil {
			return nil, err
		}
		return func(dst []byte, row int) []byte { return values(dst, a.GetValueIndex(row)) }, nil
	case array.ExtensionArray:
		return newAppender(a.Storage(), t)
	}
	return nil, fmt.Errorf("values of type %s have no form in JSON; cast them to string", a.DataType())
}

func structAppender(a *array.Struct, t *sparkpb.DataType_Struct) (appender, error) {
	fields := a.DataType().(*arrow.StructType).Fields()
	names := make([][]byte, len(fields))
	values := make([]appender, len(fields))
	var plain []string
	for i, field := range fields {
		name, kind := field.Name, (*sparkpb.DataType)(nil)
		if known := t.GetFields(); len(known) == len(fields) {
			// Spark numbers equal names for Arrow.
			name, kind = known[i].GetName(), known[i].GetDataType()
		}
		var err error
		if values[i], err = newAppender(a.Field(i), kind); err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		plain = append(plain, name)
		names[i] = appendString(nil, name)
	}
	if !fitObject(plain) {
		return func(dst []byte, row int) []byte {
			dst = append(dst, '[')
			for i, value := range values {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = append(value(append(append(append(dst, '['), names[i]...), ','), row), ']')
			}
			return append(dst, ']')
		}, nil
	}
	return func(dst []byte, row int) []byte {
		dst = append(dst, '{')
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = value(append(append(dst, names[i]...), ':'), row)
		}
		return append(dst, '}')
	}, nil
}

// fitObject reports whether names can be those of a JSON object: all different,
// and not the two that Celery takes for a value of its own.
func fitObject(names []string) bool {
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return len(names) != 2 || !seen["__type__"] || !seen["__value__"]
}

func mapAppender(a *array.Map, t *sparkpb.DataType_Map) (appender, error) {
	keys, err := newAppender(a.Keys(), t.GetKeyType())
	if err != nil {
		return nil, err
	}
	items, err := newAppender(a.Items(), t.GetValueType())
	if err != nil {
		return nil, err
	}
	texts, _ := a.Keys().(array.StringLike)
	return func(dst []byte, row int) []byte {
		start, end := a.ValueOffsets(row)
		object := texts != nil && (end-start != 2 || fitObject([]string{texts.Value(int(start)), texts.Value(int(start) + 1)}))
		opening, closing := byte('['), byte(']')
		if object {
			opening, closing = '{', '}'
		}
		dst = append(dst, opening)
		for i := start; i < end; i++ {
			if i > start {
				dst = append(dst, ',')
			}
			if object {
				dst = items(append(keys(dst, int(i)), ':'), int(i))
			} else {
				dst = items(append(keys(append(dst, '['), int(i)), ','), int(i))
				dst = append(dst, ']')
			}
		}
		return append(dst, closing)
	}, nil
}

func signed[T int8 | int16 | int32 | int64](values []T) appender {
	return func(dst []byte, row int) []byte { return strconv.AppendInt(dst, int64(values[row]), 10) }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](values []T) appender {
	return func(dst []byte, row int) []byte { return strconv.AppendUint(dst, uint64(values[row]), 10) }
}

func floats[T float32 | float64](values []T) appender {
	return func(dst []byte, row int) []byte { return pyfloat.AppendJSON(dst, float64(values[row])) }
}

// appendSpecial appends a value that Celery's JSON has no form of its own for.
// The value needs no escapes.
func appendSpecial(dst []byte, kind string, value func([]byte) []byte) []byte {
	dst = append(dst, `{"__type__":"`...)
	dst = append(dst, kind...)
	dst = append(dst, `","__value__":"`...)
	return append(value(dst), `"}`...)
}

func appendBinary(dst, value []byte) []byte {
	return appendSpecial(dst, "base64", func(dst []byte) []byte { return base64.StdEncoding.AppendEncode(dst, value) })
}

// appendDecimal appends an unscaled number with its point put in.
func appendDecimal(dst []byte, unscaled *big.Int, scale int32) []byte {
	return appendSpecial(dst, "decimal", func(dst []byte) []byte {
		if unscaled.Sign() < 0 {
			dst = append(dst, '-')
		}
		digits := new(big.Int).Abs(unscaled).Append(nil, 10)
		switch n := int(scale); {
		case n < 0:
			return strconv.AppendInt(append(append(dst, digits...), "E+"...), int64(-n), 10)
		case n == 0:
			return append(dst, digits...)
		case len(digits) > n:
			dst = append(dst, digits[:len(digits)-n]...)
			return append(append(dst, '.'), digits[len(digits)-n:]...)
		default:
			dst = append(dst, "0."...)
			for range n - len(digits) {
				dst = append(dst, '0')
			}
			return append(dst, digits...)
		}
	})
}
