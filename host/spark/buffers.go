package spark

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// Layout says what the buffers of a column hold.
type Layout string

// The layouts. All numbers are little-endian.
const (
	LayoutNull    Layout = "null"    // no buffers: all rows are NULL
	LayoutBool    Layout = "bool"    // a bit for each row, least significant first
	LayoutInt8    Layout = "int8"    //
	LayoutInt16   Layout = "int16"   //
	LayoutInt32   Layout = "int32"   // dates are days since 1970, year-month intervals are months
	LayoutInt64   Layout = "int64"   // timestamps and day-time intervals are microseconds, times and finer timestamps nanoseconds
	LayoutFloat32 Layout = "float32" //
	LayoutFloat64 Layout = "float64" //
	LayoutDecimal Layout = "decimal" // the number without its point, 16 bytes in two's complement
	LayoutUTF8    Layout = "utf8"    // offsets of 32 bits into UTF-8
	LayoutBinary  Layout = "binary"  // offsets of 32 bits into bytes
	LayoutJSON    Layout = "json"    // offsets of 32 bits into JSON, as WriteJSON writes it
)

// LayoutOf returns the layout of a column, which comes as the given type of
// Arrow's.
func LayoutOf(f Field, t arrow.DataType) Layout {
	if f.kind.GetGeometry() != nil || f.kind.GetGeography() != nil {
		return LayoutJSON // Sail sends mere bytes
	}
	switch t.ID() {
	case arrow.NULL:
		return LayoutNull
	case arrow.BOOL:
		return LayoutBool
	case arrow.INT8:
		return LayoutInt8
	case arrow.INT16:
		return LayoutInt16
	case arrow.INT32, arrow.DATE32, arrow.INTERVAL_MONTHS:
		return LayoutInt32
	case arrow.INT64, arrow.TIMESTAMP, arrow.DURATION, arrow.TIME32, arrow.TIME64:
		return LayoutInt64
	case arrow.FLOAT32:
		return LayoutFloat32
	case arrow.FLOAT64:
		return LayoutFloat64
	case arrow.DECIMAL128:
		return LayoutDecimal
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return LayoutUTF8
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW:
		return LayoutBinary
	}
	return LayoutJSON
}

// Buffers are the values of a column. They may be parts of the batch that they
// are from: nobody writes to them.
type Buffers struct {
	Validity []byte // a bit for each row, least significant first: 0 is NULL; empty if no row is
	Offsets  []byte // of texts and bytes: where each begins; rows + 1 numbers of 32 bits
	Values   []byte
}

// BuffersOf returns the values of a column in the layout of its type, which
// begin with the column's first row also where the column is a slice.
func BuffersOf(f Field, a arrow.Array) (Buffers, error) {
	var b Buffers
	layout := LayoutOf(f, a.DataType())
	if layout != LayoutNull && a.NullN() > 0 {
		b.Validity = bits(a.NullBitmapBytes(), a.Data().Offset(), a.Len())
	}
	switch layout {
	case LayoutNull:
	case LayoutBool:
		data := a.Data()
		b.Values = bits(data.Buffers()[1].Bytes(), data.Offset(), a.Len())
	case LayoutUTF8, LayoutBinary:
		return b, b.texts(a)
	case LayoutJSON:
		return b, b.json(f, a)
	default:
		b.Values = fixed(f, a)
	}
	return b, nil
}

// fixed returns values of one size.
func fixed(f Field, a arrow.Array) []byte {
	data := a.Data()
	width := a.DataType().(arrow.FixedWidthDataType).Bytes()
	values := data.Buffers()[1].Bytes()[data.Offset()*width : (data.Offset()+a.Len())*width]
	switch t := a.DataType().(type) {
	case *arrow.TimestampType:
		if _, _, fine := nanosOf(f.kind); fine {
			return rescale(values, width, t.Unit, arrow.Nanosecond)
		}
		return rescale(values, width, t.Unit, arrow.Microsecond)
	case *arrow.DurationType:
		return rescale(values, width, t.Unit, arrow.Microsecond)
	case *arrow.Time32Type:
		return rescale(values, width, t.Unit, arrow.Nanosecond)
	case *arrow.Time64Type:
		return rescale(values, width, t.Unit, arrow.Nanosecond)
	}
	return values
}

// rescale returns numbers of 64 bits in another unit of time. Finer ones are cut.
func rescale(values []byte, width int, from, to arrow.TimeUnit) []byte {
	if from == to && width == 8 {
		return values
	}
	out := make([]byte, 0, len(values)/width*8)
	times, by := int64(1), int64(1)
	if from.Multiplier() > to.Multiplier() {
		times = int64(from.Multiplier() / to.Multiplier())
	} else {
		by = int64(to.Multiplier() / from.Multiplier())
	}
	for i := 0; i < len(values); i += width {
		n := int64(int32(binary.LittleEndian.Uint32(values[i:])))
		if width == 8 {
			n = int64(binary.LittleEndian.Uint64(values[i:]))
		}
		whole := n / by
		if n%by < 0 { // to the earlier one, as everywhere in time
			whole--
		}
		out = binary.LittleEndian.AppendUint64(out, uint64(whole*times))
	}
	return out
}

// bits returns n bits from the offset on, moved to the front if they are amid a
// byte.
func bits(bitmap []byte, offset, n int) []byte {
	size := int(bitutil.BytesForBits(int64(n)))
	if offset%8 == 0 {
		return bitmap[offset/8 : offset/8+size]
	}
	out := make([]byte, size)
	bitutil.CopyBitmap(bitmap, offset, n, out, 0)
	return out
}

// texts fills in strings or bytes.
func (b *Buffers) texts(a arrow.Array) error {
	data := a.Data()
	switch a.(type) {
	case *array.String, *array.Binary:
		if a.Len() == 0 {
			b.Offsets = make([]byte, 4)
			return nil
		}
		offsets := data.Buffers()[1].Bytes()[data.Offset()*4 : (data.Offset()+a.Len()+1)*4]
		first, last := binary.LittleEndian.Uint32(offsets), binary.LittleEndian.Uint32(offsets[a.Len()*4:])
		if values := data.Buffers()[2]; values != nil {
			b.Values = values.Bytes()[first:last]
		}
		if first != 0 {
			moved := make([]byte, 0, len(offsets))
			for i := 0; i < len(offsets); i += 4 {
				moved = binary.LittleEndian.AppendUint32(moved, binary.LittleEndian.Uint32(offsets[i:])-first)
			}
			offsets = moved
		}
		b.Offsets = offsets
		return nil
	case *array.LargeString, *array.LargeBinary:
		if a.Len() == 0 {
			b.Offsets = make([]byte, 4)
			return nil
		}
		offsets := data.Buffers()[1].Bytes()[data.Offset()*8 : (data.Offset()+a.Len()+1)*8]
		first, last := binary.LittleEndian.Uint64(offsets), binary.LittleEndian.Uint64(offsets[a.Len()*8:])
		if last-first > math.MaxInt32 {
			return fmt.Errorf("a batch has %d bytes of text in one column, more than 2 GiB", last-first)
		}
		if values := data.Buffers()[2]; values != nil {
			b.Values = values.Bytes()[first:last]
		}
		short := make([]byte, 0, len(offsets)/2)
		for i := 0; i < len(offsets); i += 8 {
			short = binary.LittleEndian.AppendUint32(short, uint32(binary.LittleEndian.Uint64(offsets[i:])-first))
		}
		b.Offsets = short
		return nil
	}
	return b.collect(a.Len(), func(row int, values []byte) []byte {
		switch a := a.(type) {
		case array.StringLike:
			return append(values, a.Value(row)...)
		case interface{ Value(int) []byte }:
			return append(values, a.Value(row)...)
		}
		return values
	}, a.IsNull)
}

// JSONBuffers returns a column's values as JSON, with null for NULL, whatever
// its layout.
func JSONBuffers(f Field, a arrow.Array) (Buffers, error) {
	var b Buffers
	value, err := newAppender(a, f.kind)
	if err != nil {
		return b, err
	}
	return b, b.collect(a.Len(), func(row int, values []byte) []byte { return value(values, row) }, nil)
}

// json fills in the JSON of values that have no simpler layout.
func (b *Buffers) json(f Field, a arrow.Array) error {
	value, err := newAppender(a, f.kind)
	if err != nil {
		return err
	}
	return b.collect(a.Len(), func(row int, values []byte) []byte { return value(values, row) }, a.IsNull)
}

// collect fills in what each appends, for the rows that are not to be left out.
func (b *Buffers) collect(rows int, each func(row int, values []byte) []byte, leaveOut func(row int) bool) error {
	b.Offsets = binary.LittleEndian.AppendUint32(make([]byte, 0, 4*(rows+1)), 0)
	for row := range rows {
		if leaveOut == nil || !leaveOut(row) {
			b.Values = each(row, b.Values)
		}
		if len(b.Values) > math.MaxInt32 {
			return fmt.Errorf("a batch has more than 2 GiB of text in one column")
		}
		b.Offsets = binary.LittleEndian.AppendUint32(b.Offsets, uint32(len(b.Values)))
	}
	return nil
}
