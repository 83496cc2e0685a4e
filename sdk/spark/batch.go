package spark

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Batch is some rows of a DataFrame as columns. See [DataFrame.Batches].
type Batch struct {
	cursor  *cursor
	rows    int
	vectors []Vector // filled when asked for
}

// NumRows returns the number of rows, which is above zero.
func (b *Batch) NumRows() int { return b.rows }

// NumColumns returns the number of columns.
func (b *Batch) NumColumns() int { return len(b.cursor.columns) }

// Column returns a column by its name, the first of that name.
func (b *Batch) Column(name string) (*Vector, error) {
	for i, c := range b.cursor.columns {
		if c.Name == name {
			return b.At(i)
		}
	}
	names := make([]string, len(b.cursor.columns))
	for i, c := range b.cursor.columns {
		names[i] = c.Name
	}
	return nil, fmt.Errorf("there is no column %q; there are %s", name, strings.Join(names, ", "))
}

// At returns column i, counted from 0. Its values are fetched now.
func (b *Batch) At(i int) (*Vector, error) {
	if i < 0 || i >= len(b.vectors) {
		return nil, fmt.Errorf("there is no column %d; there are %d, counted from 0", i, len(b.vectors))
	}
	v := &b.vectors[i]
	if v.column != nil {
		return v, nil
	}
	column := &b.cursor.columns[i]
	buffers := []abi.Buffer{abi.Validity, abi.Values}
	switch column.Layout {
	case abi.LayoutNull:
		buffers = nil
	case abi.LayoutUTF8, abi.LayoutBinary, abi.LayoutJSON:
		buffers = append(buffers, abi.Offsets)
	}
	if !column.Nullable && buffers != nil {
		buffers = buffers[1:]
	}
	for _, which := range buffers {
		data, err := b.cursor.buffer(i, which)
		if err != nil {
			return nil, err
		}
		switch which {
		case abi.Validity:
			v.valid = data
		case abi.Offsets:
			v.offsets = numbers[int32](data)
		case abi.Values:
			v.values = data
		}
	}
	v.column, v.rows, v.cursor, v.index = column, b.rows, b.cursor, i
	return v, nil
}

// A Vector is a column of a [Batch].
type Vector struct {
	column  *abi.CursorColumn // nil until the values are there
	rows    int
	valid   []byte
	offsets []int32
	values  []byte
	text    string // values, once a string was asked for

	cursor      *cursor // and index: where the JSON comes from
	index       int
	jsonOffsets []int32 // once JSON was asked for
	json        []byte
}

// Name returns the column's name.
func (v *Vector) Name() string { return v.column.Name }

// Type returns the column's type in DDL form, such as "array<string>".
func (v *Vector) Type() string { return v.column.Type }

// Layout returns how the values are laid out, which says what can read them.
func (v *Vector) Layout() abi.Layout { return v.column.Layout }

// Len returns the number of rows.
func (v *Vector) Len() int { return v.rows }

// HasNulls says whether a row is NULL.
func (v *Vector) HasNulls() bool {
	return len(v.valid) > 0 || v.column.Layout == abi.LayoutNull && v.rows > 0
}

// IsNull says whether a row is NULL. The other methods give some value for it,
// which means nothing.
func (v *Vector) IsNull(row int) bool {
	if len(v.valid) == 0 {
		return v.column.Layout == abi.LayoutNull
	}
	return v.valid[row>>3]>>(row&7)&1 == 0
}

// numbers is a buffer as numbers. The buffer is aligned; the machines that
// modules and hosts run on are little-endian, as the buffers are.
func numbers[T any](data []byte) []T {
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/int(unsafe.Sizeof(one)))
}

func numbersOf[T any](v *Vector, layout abi.Layout) []T {
	if v.column.Layout != layout {
		return nil
	}
	return numbers[T](v.values)
}

// Int8s returns the values of a tinyint column, or nil for another one.
func (v *Vector) Int8s() []int8 { return numbersOf[int8](v, abi.LayoutInt8) }

// Int16s returns the values of a smallint column, or nil for another one.
func (v *Vector) Int16s() []int16 { return numbersOf[int16](v, abi.LayoutInt16) }

// Int32s returns the values of a column of ints, of dates (days since 1970) or
// of year-month intervals (months), or nil for another one.
func (v *Vector) Int32s() []int32 { return numbersOf[int32](v, abi.LayoutInt32) }

// Int64s returns the values of a column of bigints, of timestamps (microseconds
// since 1970; nanoseconds of timestamp_ntz(9) and the like), of day-time intervals
// (microseconds) or of times (nanoseconds), or nil for another one.
func (v *Vector) Int64s() []int64 { return numbersOf[int64](v, abi.LayoutInt64) }

// Float32s returns the values of a column of floats, or nil for another one.
func (v *Vector) Float32s() []float32 { return numbersOf[float32](v, abi.LayoutFloat32) }

// Float64s returns the values of a column of doubles, or nil for another one.
func (v *Vector) Float64s() []float64 { return numbersOf[float64](v, abi.LayoutFloat64) }

// Bool returns a value of a boolean column.
func (v *Vector) Bool(row int) bool { return v.values[row>>3]>>(row&7)&1 == 1 }

// Bytes returns a value of a string or binary column, or the JSON of another one
// that has no layout of its own. It is good until the next batch.
func (v *Vector) Bytes(row int) []byte { return v.values[v.offsets[row]:v.offsets[row+1]] }

// Text returns a value of a string column, or the JSON of one that has no
// layout of its own. It may be kept, but keeps the other texts of its batch in
// memory; strings.Clone helps who keeps a few of many.
func (v *Vector) Text(row int) string {
	if v.text == "" {
		v.text = string(v.values)
	}
	return v.text[v.offsets[row]:v.offsets[row+1]]
}

// Time returns a value of a column of timestamps or dates, in UTC.
func (v *Vector) Time(row int) time.Time {
	if v.column.Layout == abi.LayoutInt32 {
		return time.Unix(int64(v.Int32s()[row])*86400, 0).UTC()
	}
	if strings.HasSuffix(v.column.Type, ")") { // timestamp_ntz(9)
		return time.Unix(0, v.Int64s()[row]).UTC()
	}
	return time.UnixMicro(v.Int64s()[row]).UTC()
}

// Decimal returns a value of a decimal column with all its digits.
func (v *Vector) Decimal(row int) json.Number {
	digits := v.unscaled(row).String()
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	scale := v.scale()
	if scale == 0 {
		return json.Number(sign + digits)
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	return json.Number(sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:])
}

// unscaled is a decimal without its point.
func (v *Vector) unscaled(row int) *big.Int {
	low := binary.LittleEndian.Uint64(v.values[row*16:])
	high := int64(binary.LittleEndian.Uint64(v.values[row*16+8:]))
	n := new(big.Int).Lsh(big.NewInt(high), 64)
	return n.Or(n, new(big.Int).SetUint64(low))
}

// scale is the number of digits behind the point of decimal(10,2).
func (v *Vector) scale() int {
	var precision, scale int
	if _, err := fmt.Sscanf(v.column.Type, "decimal(%d,%d)", &precision, &scale); err != nil {
		return 0
	}
	return scale
}

// JSON returns a value of any column as [DataFrame.CollectJSON] has it. It is
// good until the next batch.
func (v *Vector) JSON(row int) (json.RawMessage, error) {
	if v.jsonOffsets == nil {
		offsets, err := v.cursor.buffer(v.index, abi.JSONOffsets)
		if err != nil {
			return nil, err
		}
		values, err := v.cursor.buffer(v.index, abi.JSONValues)
		if err != nil {
			return nil, err
		}
		v.jsonOffsets, v.json = numbers[int32](offsets), values
	}
	return v.json[v.jsonOffsets[row]:v.jsonOffsets[row+1]], nil
}
