package spark

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// arrowStreamOf writes batches, whose rows are JSON, as an IPC stream.
func arrowStreamOf(t testing.TB, fields []arrow.Field, options []ipc.Option, batches ...string) []byte {
	t.Helper()
	schema := arrow.NewSchema(fields, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, append(options, ipc.WithSchema(schema))...)
	for _, rows := range batches {
		batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func nullable(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

var (
	textWords = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	allKinds  = []arrow.Field{
		nullable("i", arrow.PrimitiveTypes.Int64), nullable("s", arrow.BinaryTypes.String), nullable("w", textWords),
		nullable("l", arrow.ListOf(arrow.PrimitiveTypes.Int32)), nullable("f", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)),
		nullable("m", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64)),
		nullable("st", arrow.StructOf(nullable("d", &arrow.Decimal128Type{Precision: 5, Scale: 2}), nullable("b", arrow.BinaryTypes.LargeBinary))),
		nullable("t", &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}), nullable("o", arrow.FixedWidthTypes.Boolean), nullable("n", arrow.Null),
	}
	allRows = `[{"i":1,"s":"é","w":"a","l":[1,null],"f":[1,2],"m":[{"key":"k","value":1.5}],"st":{"d":"1.25","b":"AP8="},"t":"2024-01-02 03:04:05.123456789Z","o":true},{}]`
)

func TestLocalArrowRefuses(t *testing.T) {
	ints := []arrow.Field{nullable("i", arrow.PrimitiveTypes.Int32)}
	good := arrowStreamOf(t, ints, nil, `[{"i":1}]`)
	nested := arrow.DataType(arrow.PrimitiveTypes.Int8)
	for range 70 {
		nested = arrow.ListOf(nested)
	}
	for name, c := range map[string]struct {
		stream       []byte
		schema, want string
	}{
		"nothing":             {nil, "", "EOF"},
		"no Arrow":            {[]byte("id,name\n1,one\n"), "", "the stream ends amid it"},
		"a file":              {[]byte("ARROW1\x00\x00rest of it"), "", "this is an Arrow file"},
		"cut in the schema":   {good[:40], "", "message 1: the stream ends amid it"},
		"cut in a body":       {good[:len(good)-9], "", "message 2: the stream ends amid it: its body takes"},
		"a broken offset":     {append(bytes.Clone(good[:8]), bytes.Repeat([]byte{0xff}, len(good)-8)...), "", "message 1: the metadata are broken"},
		"compressed":          {arrowStreamOf(t, ints, []ipc.Option{ipc.WithZstd()}, `[{"i":1}]`), "", "message 2: its rows are compressed"},
		"no columns":          {arrowStreamOf(t, nil, nil), "", "no columns"},
		"unsigned":            {arrowStreamOf(t, []arrow.Field{nullable("u", arrow.PrimitiveTypes.Uint8)}, nil), "", "column u: no type of Spark's is for Arrow's uint8"},
		"a view":              {arrowStreamOf(t, []arrow.Field{nullable("v", arrow.BinaryTypes.StringView)}, nil), "", "kind 24 string view"},
		"half":                {arrowStreamOf(t, []arrow.Field{nullable("h", arrow.FixedWidthTypes.Float16)}, nil), "", "column h: no type of Spark's is for Arrow's float16"},
		"a large decimal":     {arrowStreamOf(t, []arrow.Field{nullable("d", &arrow.Decimal256Type{Precision: 50})}, nil), "", "precision 50"},
		"nested deep":         {arrowStreamOf(t, []arrow.Field{nullable("n", nested)}, nil), "", "more than 60 levels"},
		"null in not null":    {arrowStreamOf(t, []arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int32}}, nil, `[{"i":1},{"i":null}]`), "", "row 1: column i: it is NULL"},
		"columns of a schema": {good, "a int, b int", "the schema has 2 columns, and the table 1"},
		"a wrong schema":      {good, "a what", "type"},
		"zones":               {arrowStreamOf(t, []arrow.Field{nullable("t", arrow.FixedWidthTypes.Timestamp_ns)}, nil), "t timestamp_ntz(9)", "cannot become a timestamp_ntz(9)"},
		"a variant of shape":  {arrowStreamOf(t, []arrow.Field{nullable("g", arrow.StructOf(arrow.Field{Name: "wkb", Type: arrow.BinaryTypes.Binary, Metadata: arrow.NewMetadata([]string{"geometry"}, []string{"true"})}))}, nil), "", "type geometry"},
		"seconds":             {arrowStreamOf(t, []arrow.Field{nullable("t", arrow.PrimitiveTypes.Int64)}, nil, `[{"t":9223372036854775807}]`), "t timestamp", ""},
	} {
		df, _ := LocalArrow(c.schema, c.stream, 1<<20)
		switch err := df.Err(); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A small stream may say that it is a large table: dictionaries, lists and
// columns that share what they refer to.
func TestLocalArrowIsBounded(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	rows := "[" + strings.Repeat(`{"w":"`+long+`"},`, 999) + `{"w":"` + long + `"}]`
	words := arrowStreamOf(t, []arrow.Field{nullable("w", textWords)}, nil, rows)
	if len(words) > 200_000 {
		t.Fatalf("the stream is of %d bytes", len(words))
	}
	// A batch that says how many rows it has, in its own and its column's length.
	none := arrowStreamOf(t, []arrow.Field{nullable("n", arrow.Null)}, nil, `[{},{},{},{},{},{},{}]`)
	if n := bytes.Count(none, []byte{7, 0, 0, 0, 0, 0, 0, 0}); n < 2 {
		t.Fatalf("the number of rows is in the stream %d times", n)
	}
	none = bytes.ReplaceAll(none, []byte{7, 0, 0, 0, 0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, math.MaxInt64/2))
	for name, stream := range map[string][]byte{"words": words, "nulls": none} {
		df, size := LocalArrow("", stream, 1<<20)
		if err := df.Err(); !errors.Is(err, ErrPlanLimit) || size != 1<<20 {
			t.Errorf("%s: got %v of %d bytes, want ErrPlanLimit", name, err, size)
		}
	}
	df, size := LocalArrow("", words, 1<<30)
	if err := df.Err(); err != nil || size < 100_000_000 {
		t.Errorf("got %v, of %d bytes", err, size)
	}
}

// Metadata may refer to one field many times over, or to a field from within
// itself, which Arrow's reader would follow to the end of the memory.
func TestLocalArrowRefusesSharedMetadata(t *testing.T) {
	table := func(level, children int) []byte {
		b := flatbuffers.NewBuilder(1024)
		name := b.CreateString(strings.Repeat("n", 200))
		var field flatbuffers.UOffsetT
		for range level {
			var list flatbuffers.UOffsetT
			if field != 0 {
				b.StartVector(4, children, 4)
				for range children {
					b.PrependUOffsetT(field)
				}
				list = b.EndVector(children)
			}
			b.StartObject(1)
			kind := b.EndObject()
			b.StartObject(7)
			b.PrependUOffsetTSlot(0, name, 0)
			b.PrependByteSlot(2, 13, 0) // struct
			b.PrependUOffsetTSlot(3, kind, 0)
			b.PrependUOffsetTSlot(5, list, 0)
			field = b.EndObject()
		}
		b.StartVector(4, 1, 4)
		b.PrependUOffsetT(field)
		fields := b.EndVector(1)
		b.StartObject(4)
		b.PrependUOffsetTSlot(1, fields, 0)
		schema := b.EndObject()
		b.StartObject(5)
		b.PrependInt16Slot(0, 4, 0)
		b.PrependByteSlot(1, fbSchema, 0)
		b.PrependUOffsetTSlot(2, schema, 0)
		b.Finish(b.EndObject())
		meta := b.FinishedBytes()
		return append(binary.LittleEndian.AppendUint32([]byte{0xff, 0xff, 0xff, 0xff}, uint32(len(meta))), meta...)
	}
	for _, c := range []struct {
		level, children int
		want            string
	}{{30, 2, "again and again"}, {2, 100_000, "again and again"}, {100, 1, "again and again"}, {2, 1, "without fields"}} {
		df, _ := LocalArrow("", table(c.level, c.children), 1<<20)
		if err := df.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d levels of %d: got %v, want %q", c.level, c.children, err, c.want)
		}
	}
}

// FuzzLocalArrow changes streams: they are rows, or an error that says what is
// wrong, in the memory that they may take.
func FuzzLocalArrow(f *testing.F) {
	const most = 1 << 20
	f.Add(arrowStreamOf(f, allKinds, nil, allRows, `[]`, allRows))
	for _, field := range allKinds {
		f.Add(arrowStreamOf(f, []arrow.Field{field}, nil, `[{}]`))
	}
	f.Add(arrowStreamOf(f, allKinds, []ipc.Option{ipc.WithLZ4()}, allRows))
	f.Fuzz(func(t *testing.T, stream []byte) {
		df, size := LocalArrow("", stream, most)
		if size > most {
			t.Errorf("%d bytes", size)
		}
		if df.Err() == nil {
			return
		}
		if text := df.Err().Error(); !strings.HasPrefix(text, "local data: ") {
			t.Errorf("got %q", text)
		}
	})
}

// Each byte of a stream in turn is another: what Arrow's reader would make of it
// never ends the process.
func TestLocalArrowTakesChangedStreams(t *testing.T) {
	good := arrowStreamOf(t, allKinds, nil, allRows)
	if df, _ := LocalArrow("", good, 1<<20); df.Err() != nil {
		t.Fatal(df.Err())
	}
	broken := 0
	for i := range good {
		for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			changed := bytes.Clone(good)
			changed[i] = b
			if df, _ := LocalArrow("", changed, 1<<20); df.Err() != nil {
				broken++
			}
		}
		if df, _ := LocalArrow("", good[:i], 1<<20); df.Err() != nil {
			broken++
		}
	}
	if broken < len(good) {
		t.Errorf("%d of %d changes show", broken, 6*len(good))
	}
}
