package spark

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// arrowCopy copies values that a guest wrote into columns of the types that
// localType gives them. Nothing that a value refers to is trusted: offsets, keys
// of dictionaries and lengths may point anywhere.
type arrowCopy struct {
	most, left int64 // bytes that values may take, and of these what they may still
}

func (c *arrowCopy) take(n int) error {
	if c.left -= int64(n); c.left < 0 {
		return fmt.Errorf("%w: rows may take %d bytes more of what a task may hand over; read large data from files", ErrPlanLimit, c.most)
	}
	return nil
}

// column returns what appends the value of a row to a column.
func (c *arrowCopy) column(from arrow.Array, to array.Builder) func(row int) error {
	value, width := c.value(from, to), 4 // an offset, of what is of no one width
	if t, ok := to.Type().(arrow.FixedWidthDataType); ok {
		width = max(t.Bytes(), 1)
	}
	return func(row int) error {
		if err := c.take(width); err != nil {
			return err
		}
		if from.IsNull(row) {
			to.AppendNull()
			return nil
		}
		return value(row)
	}
}

// value is column for rows that are not NULL.
func (c *arrowCopy) value(from arrow.Array, to array.Builder) func(row int) error {
	switch a := from.(type) {
	case *array.Null:
		return func(int) error { to.AppendNull(); return nil }
	case *array.Boolean:
		return copied(a.Value, to.(*array.BooleanBuilder).Append)
	case *array.Int8:
		return copied(a.Value, to.(*array.Int8Builder).Append)
	case *array.Int16:
		return copied(a.Value, to.(*array.Int16Builder).Append)
	case *array.Int32:
		return copied(a.Value, to.(*array.Int32Builder).Append)
	case *array.Int64:
		return copied(a.Value, to.(*array.Int64Builder).Append)
	case *array.Float32:
		return copied(a.Value, to.(*array.Float32Builder).Append)
	case *array.Float64:
		return copied(a.Value, to.(*array.Float64Builder).Append)
	case *array.Date32:
		return copied(a.Value, to.(*array.Date32Builder).Append)
	case *array.MonthInterval:
		return copied(a.Value, to.(*array.MonthIntervalBuilder).Append)
	case *array.Decimal32, *array.Decimal64, *array.Decimal128, *array.Decimal256:
		return copyDecimals(a, to.(*array.Decimal128Builder))
	case *array.Timestamp:
		return copyTimestamps(a, to)
	case *array.Time64:
		nanos := int64(a.DataType().(*arrow.Time64Type).Unit.Multiplier())
		return func(row int) error {
			n := int64(a.Value(row))
			if n < 0 || n >= 24*3600*1e9/nanos {
				return fmt.Errorf("%d is no time of a day", n)
			}
			to.(*array.Time64Builder).Append(arrow.Time64(n * nanos))
			return nil
		}
	case *array.Duration:
		unit := a.DataType().(*arrow.DurationType).Unit
		return func(row int) error {
			n := int64(a.Value(row))
			if nanosBehind(n, unit) != 0 {
				return fmt.Errorf("%d nanoseconds are no whole microseconds, in which Spark counts intervals", n)
			}
			micros, err := inMicros(n, unit)
			to.(*array.DurationBuilder).Append(arrow.Duration(micros))
			return err
		}
	case *array.Dictionary:
		return c.words(a, to)
	case *array.Map:
		b := to.(*array.MapBuilder)
		key, item := c.column(a.Keys(), b.KeyBuilder()), c.column(a.Items(), b.ItemBuilder())
		return elements(a, a.Keys().Len(), func() { b.Append(true) }, func(n int) error {
			if a.Keys().IsNull(n) {
				return errors.New("a key of a map is NULL")
			}
			if err := key(n); err != nil {
				return err
			}
			return item(n)
		})
	case array.ListLike:
		b := to.(*array.ListBuilder)
		return elements(a, a.ListValues().Len(), func() { b.Append(true) }, c.column(a.ListValues(), b.ValueBuilder()))
	case *array.Struct:
		return c.structs(a, to.(*array.StructBuilder))
	case array.StringLike:
		b := to.(*array.StringBuilder)
		return func(row int) error {
			text := a.Value(row)
			if !utf8.ValidString(text) {
				return errors.New("a text is not UTF-8")
			}
			b.Append(text)
			return c.take(len(text))
		}
	case interface{ Value(int) []byte }:
		b := to.(*array.BinaryBuilder)
		return func(row int) error {
			data := a.Value(row)
			b.Append(data)
			return c.take(len(data))
		}
	}
	return func(int) error { return fmt.Errorf("values of Arrow's %s cannot be read", from.DataType()) } // localType lets none through
}

// copied is for values that are the same on both sides.
func copied[T any](value func(int) T, add func(T)) func(row int) error {
	return func(row int) error {
		add(value(row))
		return nil
	}
}

// words is for values that are in a dictionary.
func (c *arrowCopy) words(a *array.Dictionary, to array.Builder) func(row int) error {
	word, n := c.column(a.Dictionary(), to), a.Dictionary().Len()
	return func(row int) error {
		key := a.GetValueIndex(row)
		if key < 0 || key >= n {
			return fmt.Errorf("word %d of a dictionary that has %d", key, n)
		}
		return word(key)
	}
}

// elements is for lists and maps, of which a has the offsets.
func elements(a array.ListLike, n int, begin func(), element func(n int) error) func(row int) error {
	return func(row int) error {
		start, end := a.ValueOffsets(row)
		if start < 0 || end < start || end > int64(n) {
			return fmt.Errorf("elements %d to %d of %d", start, end, n)
		}
		begin()
		for i := start; i < end; i++ {
			if err := element(int(i)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *arrowCopy) structs(a *array.Struct, b *array.StructBuilder) func(row int) error {
	fields := make([]func(int) error, a.NumField())
	types := b.Type().(*arrow.StructType)
	for i := range fields {
		fields[i] = c.column(a.Field(i), b.FieldBuilder(i))
	}
	return func(row int) error {
		b.Append(true)
		for i, field := range fields {
			if err := notNull(types.Field(i), b.FieldBuilder(i), field, row); err != nil {
				return fmt.Errorf("field %s: %w", types.Field(i).Name, err)
			}
		}
		return nil
	}
}

// notNull copies a row of a field, which must have a value if its type says so.
func notNull(f arrow.Field, to array.Builder, column func(int) error, row int) error {
	nulls := to.NullN()
	if err := column(row); err != nil {
		return err
	}
	if !f.Nullable && to.NullN() != nulls {
		return errors.New("it is NULL, and the table's schema says that it is never")
	}
	return nil
}

func copyDecimals(a arrow.Array, b *array.Decimal128Builder) func(row int) error {
	precision := b.Type().(*arrow.Decimal128Type).Precision
	return func(row int) error {
		var n decimal128.Num
		switch a := a.(type) {
		case *array.Decimal32:
			n = decimal128.FromI64(int64(a.Value(row)))
		case *array.Decimal64:
			n = decimal128.FromI64(int64(a.Value(row)))
		case *array.Decimal128:
			n = a.Value(row)
		case *array.Decimal256:
			big := a.Value(row).BigInt()
			if big.BitLen() > 127 {
				return fmt.Errorf("%s does not fit %s", big, a.DataType())
			}
			n = decimal128.FromBigInt(big)
		}
		if !n.FitsInPrecision(precision) {
			return fmt.Errorf("%s does not fit %s", n.BigInt(), a.DataType())
		}
		b.Append(n)
		return nil
	}
}

func copyTimestamps(a *array.Timestamp, to array.Builder) func(row int) error {
	unit := a.DataType().(*arrow.TimestampType).Unit
	if fine, ok := to.(*array.StructBuilder); ok {
		micros, rest := fine.FieldBuilder(0).(*array.Int64Builder), fine.FieldBuilder(1).(*array.Int16Builder)
		return func(row int) error {
			n, err := inMicros(int64(a.Value(row)), unit)
			fine.Append(true)
			micros.Append(n)
			rest.Append(nanosBehind(int64(a.Value(row)), unit))
			return err
		}
	}
	b := to.(*array.TimestampBuilder)
	return func(row int) error {
		n, err := inMicros(int64(a.Value(row)), unit)
		b.Append(arrow.Timestamp(n))
		return err
	}
}

// inMicros is a time in microseconds. Finer ones are cut to the earlier one, as
// PySpark does.
func inMicros(n int64, unit arrow.TimeUnit) (int64, error) {
	if unit == arrow.Nanosecond {
		micros := n / 1000
		if n%1000 < 0 {
			micros--
		}
		return micros, nil
	}
	times := int64(unit.Multiplier() / arrow.Microsecond.Multiplier())
	if n > math.MaxInt64/times || n < math.MinInt64/times {
		return 0, fmt.Errorf("%d%s are too many for microseconds of 64 bits", n, unit)
	}
	return n * times, nil
}

// nanosBehind is what inMicros cuts off.
func nanosBehind(n int64, unit arrow.TimeUnit) int16 {
	if unit != arrow.Nanosecond {
		return 0
	}
	return int16((n%1000 + 1000) % 1000)
}
