package spark

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// rowsOf returns the JSON of one column's values, as arrays.
func rowsOf(t testing.TB, column arrow.Array) (string, error) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "c", Type: column.DataType(), Nullable: true}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{column}, int64(column.Len()))
	defer batch.Release()
	w := &rowWriter{buf: []byte{'['}}
	err := w.batch(batch, RowArrays)
	return string(append(w.buf, ']')), err
}

// parsed makes a column from JSON as arrow reads it.
func parsed(t testing.TB, kind arrow.DataType, text string) arrow.Array {
	t.Helper()
	column, _, err := array.FromJSON(memory.DefaultAllocator, kind, strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	t.Cleanup(column.Release)
	return column
}

func TestValuesAsJSON(t *testing.T) {
	text, micros := arrow.BinaryTypes.String, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "Europe/Berlin"}
	for _, c := range []struct {
		kind     arrow.DataType
		in, want string
	}{
		{arrow.FixedWidthTypes.Boolean, `[true,false,null]`, `[[true],[false],[null]]`},
		{arrow.PrimitiveTypes.Int8, `[-128,127]`, `[[-128],[127]]`},
		{arrow.PrimitiveTypes.Int64, `[-9223372036854775808,9223372036854775807]`, `[[-9223372036854775808],[9223372036854775807]]`},
		{arrow.PrimitiveTypes.Uint64, `[18446744073709551615]`, `[[18446744073709551615]]`},
		{arrow.PrimitiveTypes.Float64, `[1,0.1,1e16,123456789012345680,1e-5,-0.0001,1e300]`, `[[1.0],[0.1],[1e+16],[1.2345678901234568e+17],[1e-05],[-0.0001],[1e+300]]`},
		{arrow.PrimitiveTypes.Float32, `[0.1]`, `[[0.10000000149011612]]`}, // as PySpark widens it
		{text, `["a\"\\\n\u0001é\u2028😀",""]`, `[["a\"\\\n\u0001é` + "\u2028" + `😀"],[""]]`},
		{arrow.BinaryTypes.LargeString, `["a",null]`, `[["a"],[null]]`},
		{arrow.BinaryTypes.StringView, `["a string that is not stored inline"]`, `[["a string that is not stored inline"]]`},
		{arrow.BinaryTypes.Binary, `["//4="]`, `[[{"__type__":"base64","__value__":"//4="}]]`},
		{arrow.BinaryTypes.LargeBinary, `["YQ=="]`, `[[{"__type__":"base64","__value__":"YQ=="}]]`},
		{&arrow.FixedSizeBinaryType{ByteWidth: 1}, `["YQ=="]`, `[[{"__type__":"base64","__value__":"YQ=="}]]`},
		{&arrow.Decimal128Type{Precision: 10, Scale: 2}, `["1.10","-0.05","0.00","12345678.90",null]`,
			`[[{"__type__":"decimal","__value__":"1.10"}],[{"__type__":"decimal","__value__":"-0.05"}],[{"__type__":"decimal","__value__":"0.00"}],` +
				`[{"__type__":"decimal","__value__":"12345678.90"}],[null]]`},
		{&arrow.Decimal128Type{Precision: 38, Scale: 0}, `["99999999999999999999999999999999999999"]`, `[[{"__type__":"decimal","__value__":"99999999999999999999999999999999999999"}]]`},
		{&arrow.Decimal256Type{Precision: 76, Scale: 3}, `["-1.5"]`, `[[{"__type__":"decimal","__value__":"-1.500"}]]`},
		{arrow.FixedWidthTypes.Date32, `["2026-01-02","0001-01-01"]`, `[[{"__type__":"date","__value__":"2026-01-02"}],[{"__type__":"date","__value__":"0001-01-01"}]]`},
		{arrow.FixedWidthTypes.Date32, `[2932897,-719529]`, `[["+10000-01-01"],["-0001-12-31"]]`},
		{arrow.FixedWidthTypes.Date64, `["2026-01-02"]`, `[[{"__type__":"date","__value__":"2026-01-02"}]]`},
		{micros, `[1767323045678901,-1000000]`,
			`[[{"__type__":"datetime","__value__":"2026-01-02T03:04:05.678901+00:00"}],[{"__type__":"datetime","__value__":"1969-12-31T23:59:59+00:00"}]]`},
		{&arrow.TimestampType{Unit: arrow.Nanosecond}, `[1767323045000001999]`, `[[{"__type__":"datetime","__value__":"2026-01-02T03:04:05.000001"}]]`},
		{&arrow.TimestampType{Unit: arrow.Second}, `[253402300800]`, `[["+10000-01-01T00:00:00"]]`},
		{arrow.FixedWidthTypes.Time64us, `["03:04:05.000006","00:00:00"]`, `[[{"__type__":"time","__value__":"03:04:05.000006"}],[{"__type__":"time","__value__":"00:00:00"}]]`},
		{arrow.FixedWidthTypes.Time32s, `["23:59:59"]`, `[[{"__type__":"time","__value__":"23:59:59"}]]`},
		{arrow.FixedWidthTypes.Duration_us, `["93784500000us","-1us","0us"]`,
			`[["INTERVAL '1 02:03:04.5' DAY TO SECOND"],["INTERVAL '-0 00:00:00.000001' DAY TO SECOND"],["INTERVAL '0 00:00:00' DAY TO SECOND"]]`},
		{arrow.FixedWidthTypes.MonthInterval, `[{"months":14},{"months":-1}]`, `[["INTERVAL '1-2' YEAR TO MONTH"],["INTERVAL '-0-1' YEAR TO MONTH"]]`},
		{arrow.FixedWidthTypes.DayTimeInterval, `[{"days":1,"milliseconds":500}]`, `[["INTERVAL '1 00:00:00.5' DAY TO SECOND"]]`},
		{arrow.FixedWidthTypes.MonthDayNanoInterval, `[{"months":1,"days":-2,"nanoseconds":-3500000000}]`, `[["1 months -2 days -3.5 seconds"]]`},
		{arrow.Null, `[null]`, `[[null]]`},
		{arrow.ListOf(arrow.PrimitiveTypes.Int32), `[[1,null],[],null]`, `[[[1,null]],[[]],[null]]`},
		{arrow.LargeListOf(text), `[["a"]]`, `[[["a"]]]`},
		{arrow.FixedSizeListOf(2, text), `[["a","b"]]`, `[[["a","b"]]]`},
		{arrow.StructOf(arrow.Field{Name: `a"b`, Type: text, Nullable: true}, arrow.Field{Name: "c", Type: arrow.ListOf(text)}),
			`[{"a\"b":null,"c":["x"]}, null]`, `[[{"a\"b":null,"c":["x"]}],[null]]`},
		{arrow.MapOf(text, arrow.PrimitiveTypes.Int32), `[[{"key":"a","value":1},{"key":"b","value":null}],[]]`, `[[{"a":1,"b":null}],[{}]]`},
		{arrow.MapOf(arrow.PrimitiveTypes.Int32, text), `[[{"key":1,"value":"a"}],[]]`, `[[[[1,"a"]]],[[]]]`},
		{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: text}, `["a","b","a",null]`, `[["a"],["b"],["a"],[null]]`},
	} {
		got, err := rowsOf(t, parsed(t, c.kind, c.in))
		if err != nil || got != c.want {
			t.Errorf("%s: got  %s, %v\nwant %s", c.kind, got, err, c.want)
		}
	}
}

func TestRareValuesAsJSON(t *testing.T) {
	floats := array.NewFloat64Builder(memory.DefaultAllocator)
	defer floats.Release()
	floats.AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 5e-324}, nil)
	column := floats.NewArray()
	defer column.Release()
	if got, err := rowsOf(t, column); err != nil || got != `[[NaN],[Infinity],[-Infinity],[-0.0],[5e-324]]` {
		t.Errorf("got %s, %v", got, err)
	}
	small := array.NewDecimal32Builder(memory.DefaultAllocator, &arrow.Decimal32Type{Precision: 5, Scale: -2})
	defer small.Release()
	small.Append(decimal.Decimal32(15))
	column = small.NewArray()
	defer column.Release()
	if got, err := rowsOf(t, column); err != nil || got != `[[{"__type__":"decimal","__value__":"15E+2"}]]` {
		t.Errorf("got %s, %v", got, err)
	}
	durations := array.NewDurationBuilder(memory.DefaultAllocator, &arrow.DurationType{Unit: arrow.Microsecond})
	defer durations.Release()
	durations.Append(math.MinInt64)
	column = durations.NewArray()
	defer column.Release()
	if got, err := rowsOf(t, column); err != nil || got != `[["INTERVAL '-106751991 04:00:54.775808' DAY TO SECOND"]]` {
		t.Errorf("got %s, %v", got, err)
	}
	// A slice begins amid its parent's buffers.
	whole := parsed(t, arrow.ListOf(arrow.BinaryTypes.String), `[["a"],["b","c"],null,["d"]]`)
	sliced := array.NewSlice(whole, 1, 4)
	defer sliced.Release()
	if got, err := rowsOf(t, sliced); err != nil || got != `[[["b","c"]],[null],[["d"]]]` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestRowForms(t *testing.T) {
	a, b := parsed(t, arrow.PrimitiveTypes.Int64, `[1,2]`), parsed(t, arrow.BinaryTypes.String, `["x",null]`)
	batch := func(names ...string) arrow.RecordBatch {
		schema := arrow.NewSchema([]arrow.Field{{Name: names[0], Type: a.DataType()}, {Name: names[1], Type: b.DataType(), Nullable: true}}, nil)
		r := array.NewRecordBatch(schema, []arrow.Array{a, b}, 2)
		t.Cleanup(r.Release)
		return r
	}
	for form, want := range map[RowForm]string{
		RowArrays:  `[[1,"x"],[2,null],[1,"x"],[2,null]`,
		RowObjects: `[{"n":1,"s\"":"x"},{"n":2,"s\"":null},{"n":1,"s\"":"x"},{"n":2,"s\"":null}`,
	} {
		w := &rowWriter{buf: []byte{'['}}
		for range 2 {
			if err := w.batch(batch("n", `s"`), form); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(w.buf); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if err := new(rowWriter).batch(batch("n", "n"), RowArrays); err != nil {
		t.Errorf("arrays: %v", err)
	}
	if err := new(rowWriter).batch(batch("n", "n"), RowObjects); err == nil || !strings.Contains(err.Error(), `"n"`) {
		t.Errorf("objects of two columns of one name: %v", err)
	}
	if err := new(rowWriter).batch(batch("n", "s"), 7); err == nil {
		t.Error("form 7 is known")
	}
}

func TestRowsOverTheLimit(t *testing.T) {
	column := parsed(t, arrow.PrimitiveTypes.Int64, `[1,2,3,4]`) // [[1],[2],[3],[4]] is 17 bytes
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: column.DataType()}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{column}, 4)
	defer batch.Release()
	var out bytes.Buffer
	w := &rowWriter{w: &out, buf: []byte{'['}, limit: 10}
	err := w.batch(batch, RowArrays)
	e, ok := errors.AsType[*TooLargeError](err)
	if !ok || e.Limit != 10 || e.Rows != 2 || !strings.Contains(e.Error(), "10 bytes") {
		t.Errorf("got %v, want a TooLargeError after 2 rows", err)
	}
	for n, want := range map[int64]string{8 << 20: "8 MiB", 3 << 10: "3 KiB", 1000: "1000 bytes"} {
		if got := byteSize(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// manyRows is a batch of the types that most columns have.
func manyRows(t testing.TB, rows int) arrow.RecordBatch {
	t.Helper()
	ids, halves := array.NewInt64Builder(memory.DefaultAllocator), array.NewFloat64Builder(memory.DefaultAllocator)
	names, evens := array.NewStringBuilder(memory.DefaultAllocator), array.NewBooleanBuilder(memory.DefaultAllocator)
	for n := range int64(rows) {
		ids.Append(n)
		halves.Append(float64(n) / 2)
		names.Append(fmt.Sprint("name ", n%100))
		if n%7 == 0 {
			evens.AppendNull()
		} else {
			evens.Append(n%2 == 0)
		}
	}
	columns := []arrow.Array{ids.NewArray(), halves.NewArray(), names.NewArray(), evens.NewArray()}
	var fields []arrow.Field
	for i, c := range columns {
		t.Cleanup(c.Release)
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: c.DataType(), Nullable: true})
	}
	batch := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(rows))
	t.Cleanup(batch.Release)
	return batch
}

// TestBatchesInPartsAreWhole compares what is written at the same time with the
// same rows in batches that are too small for that.
func TestBatchesInPartsAreWhole(t *testing.T) {
	const rows = 5000
	batch := manyRows(t, rows)
	write := func(limit int64, size int64) (string, error) {
		var out bytes.Buffer
		w := newRowWriter(&out, limit, nil)
		for range 2 {
			for at := int64(0); at < rows; at += size {
				part := batch.NewSlice(at, min(at+size, rows))
				err := w.batch(part, RowObjects)
				part.Release()
				if err != nil {
					return out.String(), err
				}
			}
		}
		err := w.end()
		return out.String(), err
	}
	want, err := write(0, partRows-1)
	if err != nil || !json.Valid([]byte(want)) {
		t.Fatalf("%v in %.100s", err, want)
	}
	length := int64(len(want))
	if got, err := write(length, rows); err != nil || got != want {
		t.Errorf("with a limit that fits: %v, %d bytes, want %d", err, len(got), length)
	}
	for _, limit := range []int64{1, 30, length / 4, length/2 - 3, length / 2, length/2 + 60, length - 1} {
		_, sequential := write(limit, partRows-1)
		_, err := write(limit, rows)
		if one, ok := errors.AsType[*TooLargeError](sequential); !ok || err == nil || err.Error() != one.Error() {
			t.Errorf("limit %d: got %v, want %v", limit, err, sequential)
		}
	}
}

func BenchmarkManyRowsAsJSON(b *testing.B) {
	batch := manyRows(b, 10_000)
	w := newRowWriter(io.Discard, 0, nil)
	for b.Loop() {
		if err := w.batch(batch, RowArrays); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzStringsAsJSON(f *testing.F) {
	f.Add("a\"b\\\x00\x1f\x7f\xff\u2028😀")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func FuzzFloatsAsJSON(f *testing.F) {
	f.Add(uint64(1))
	f.Add(math.Float64bits(1e16))
	f.Fuzz(func(t *testing.T, bits uint64) {
		want := math.Float64frombits(bits)
		if math.IsNaN(want) || math.IsInf(want, 0) {
			return
		}
		var got float64
		if err := json.Unmarshal(pyfloat.AppendJSON(nil, want), &got); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
}

func BenchmarkRowsAsJSON(b *testing.B) {
	words, counts := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	defer words.Release()
	defer counts.Release()
	for n := range int64(1000) {
		words.Append("another word")
		counts.Append(n * 1000)
	}
	a, c := words.NewArray(), counts.NewArray()
	defer a.Release()
	defer c.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "word", Type: a.DataType()}, {Name: "count", Type: c.DataType()}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{a, c}, 1000)
	defer batch.Release()
	for b.Loop() {
		w := &rowWriter{buf: []byte{'['}, w: new(bytes.Buffer)}
		if err := w.batch(batch, RowObjects); err != nil {
			b.Fatal(err)
		}
	}
}
