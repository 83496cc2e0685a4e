package hostfn

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// read is a cursor's column of its current batch.
func read(t *testing.T, i *Invocation, c abi.Cursor, column int32) (valid, offsets, values []byte) {
	t.Helper()
	var out [3][]byte
	for n, which := range []abi.Buffer{abi.Validity, abi.Offsets, abi.Values} {
		var err error
		if out[n], err = i.CursorColumn(c, column, which); err != nil {
			t.Fatal(err)
		}
	}
	return out[0], out[1], out[2]
}

func cursorSchema(t *testing.T, i *Invocation, c abi.Cursor) abi.CursorSchema {
	t.Helper()
	var schema abi.CursorSchema
	data, err := i.CursorSchema(c)
	if err == nil {
		err = json.Unmarshal(data, &schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestACursorHasTheColumnsAsBuffers(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Cursor")
		c, err := i.CursorOpen(i.FrameSQL(`SELECT * FROM VALUES
			(true, 1Y, 2S, 3, 4L, 1.5F, 2.5D, 'one', X'01FF', DATE'1970-01-03', TIMESTAMP'1970-01-01 00:00:01Z', -1.50BD, array(1, 2), NULL),
			(false, -1Y, -2S, -3, -4L, -1.5F, -2.5D, 'é', X'', DATE'1969-12-31', TIMESTAMP'1969-12-31 23:59:59.999999Z', 123456789012345.25BD, array(), NULL),
			(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
			AS t(b, i8, i16, i32, i64, f32, f64, s, bin, d, ts, dec, a, n)`, nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := i.CursorNext(c, 0); n != 3 || err != nil {
			t.Fatalf("next = %d, %v; want the 3 rows", n, err)
		}
		u32 := binary.LittleEndian.Uint32
		u64 := binary.LittleEndian.Uint64
		want := []struct {
			name   string
			layout abi.Layout
			typ    string
			check  func(offsets, values []byte) string // of the first two rows
			want   string
		}{
			{"b", abi.LayoutBool, "boolean", func(_, v []byte) string { return fmt.Sprint(v[0] & 3) }, "1"},
			{"i8", abi.LayoutInt8, "tinyint", func(_, v []byte) string { return fmt.Sprint(int8(v[0]), int8(v[1])) }, "1 -1"},
			{"i16", abi.LayoutInt16, "smallint", func(_, v []byte) string { return fmt.Sprint(v[:4]) }, "[2 0 254 255]"},
			{"i32", abi.LayoutInt32, "int", func(_, v []byte) string { return fmt.Sprint(u32(v), int32(u32(v[4:]))) }, "3 -3"},
			{"i64", abi.LayoutInt64, "bigint", func(_, v []byte) string { return fmt.Sprint(u64(v), int64(u64(v[8:]))) }, "4 -4"},
			{"f32", abi.LayoutFloat32, "float", func(_, v []byte) string { return fmt.Sprintf("%x %x", u32(v), u32(v[4:])) }, "3fc00000 bfc00000"},
			{"f64", abi.LayoutFloat64, "double", func(_, v []byte) string { return fmt.Sprintf("%x %x", u64(v), u64(v[8:])) }, "4004000000000000 c004000000000000"},
			{"s", abi.LayoutUTF8, "string", func(o, v []byte) string { return fmt.Sprintf("%v %s", o, v) }, "[0 0 0 0 3 0 0 0 5 0 0 0 5 0 0 0] oneé"},
			{"bin", abi.LayoutBinary, "binary", func(o, v []byte) string { return fmt.Sprint(o, v) }, "[0 0 0 0 2 0 0 0 2 0 0 0 2 0 0 0] [1 255]"},
			{"d", abi.LayoutInt32, "date", func(_, v []byte) string { return fmt.Sprint(u32(v), int32(u32(v[4:]))) }, "2 -1"},
			{"ts", abi.LayoutInt64, "timestamp", func(_, v []byte) string { return fmt.Sprint(u64(v), int64(u64(v[8:]))) }, "1000000 -1"},
			{"dec", abi.LayoutDecimal, "decimal(17,2)", func(_, v []byte) string {
				return fmt.Sprint(int64(u64(v)), int64(u64(v[8:])), u64(v[16:]), u64(v[24:]))
			}, "-150 -1 12345678901234525 0"},
			{"a", abi.LayoutJSON, "array<int>", func(o, v []byte) string { return fmt.Sprintf("%d %s", u32(o[8:]), v) }, "7 [1,2][]"},
			{"n", abi.LayoutNull, "void", func(o, v []byte) string { return fmt.Sprint(len(o), len(v)) }, "0 0"},
		}
		schema := cursorSchema(t, i, c)
		if len(schema.Columns) != len(want) {
			t.Fatalf("%d columns, want %d", len(schema.Columns), len(want))
		}
		for n, test := range want {
			column := schema.Columns[n]
			if column.Name != test.name || column.Layout != test.layout || column.Type != test.typ || !column.Nullable {
				t.Errorf("column %d is %+v, want %s %s %s, nullable", n, column, test.name, test.typ, test.layout)
			}
			valid, offsets, values := read(t, i, c, int32(n))
			if got := test.check(offsets, values); got != test.want {
				t.Errorf("%s: got %s, want %s", test.name, got, test.want)
			}
			if test.layout != abi.LayoutNull && (len(valid) != 1 || valid[0]&7 != 3) {
				t.Errorf("%s: validity %b, want that of two rows in three", test.name, valid)
			}
		}
		offsets, err := i.CursorColumn(c, 11, abi.JSONOffsets)
		if err != nil || len(offsets) != 16 {
			t.Errorf("offsets of the JSON: %v, %v", offsets, err)
		}
		text, err := i.CursorColumn(c, 11, abi.JSONValues)
		if want := `{"__type__":"decimal","__value__":"-1.50"}{"__type__":"decimal","__value__":"123456789012345.25"}null`; err != nil || string(text) != want {
			t.Errorf("JSON: %s, %v; want %s", text, err, want)
		}
		if n, err := i.CursorNext(c, 0); n != 0 || err != nil {
			t.Errorf("next = %d, %v; want the end", n, err)
		}
	})
}

// Parts of a batch begin amid bytes of its bitmaps and amid its texts.
func TestBatchesAreCutToWhatTheGuestAsksFor(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Cut")
		c, err := i.CursorOpen(i.FrameSQL("SELECT IF(id % 3 = 0, NULL, id) AS n, id % 2 = 0 AS even, concat('row', id) AS s FROM range(0, 100, 1, 1)", nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		row := 0
		for {
			n, err := i.CursorNext(c, 7)
			if err != nil || n > 7 {
				t.Fatalf("next = %d, %v", n, err)
			}
			if n == 0 {
				break
			}
			valid, _, numbers := read(t, i, c, 0)
			_, _, bools := read(t, i, c, 1)
			_, offsets, texts := read(t, i, c, 2)
			for k := range int(n) {
				if null := valid != nil && valid[k/8]>>(k%8)&1 == 0; null != (row%3 == 0) {
					t.Errorf("row %d: null is %t", row, null)
				} else if got := binary.LittleEndian.Uint64(numbers[8*k:]); !null && got != uint64(row) {
					t.Errorf("row %d: got %d", row, got)
				}
				if even := bools[k/8]>>(k%8)&1 == 1; even != (row%2 == 0) {
					t.Errorf("row %d: even is %t", row, even)
				}
				from, to := binary.LittleEndian.Uint32(offsets[4*k:]), binary.LittleEndian.Uint32(offsets[4*k+4:])
				if got, want := string(texts[from:to]), fmt.Sprint("row", row); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				row++
			}
		}
		if row != 100 {
			t.Errorf("%d rows, want 100", row)
		}
	})
}

func TestCursorsAreLimitedAndEndWithTheTask(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		binder := New(Config{Session: w.session, Cache: w.cache, Limits: abi.Limits{Cursors: 2}})
		i := binder.Open(t.Context(), Task{ID: proctest.Name(t), Name: "demo.Cursors"})
		defer i.Close()
		frame := i.FrameRange(0, 3_000_000, 1, 4)
		first, err := i.CursorOpen(frame)
		if err != nil {
			t.Fatal(err)
		}
		second, err := i.CursorOpen(frame)
		if err != nil {
			t.Fatal(err)
		}
		_, err = i.CursorOpen(frame)
		wantError(t, err, "sparkstalk.LimitExceeded", "2 cursors open", "close one")
		if n, err := i.CursorNext(first, 10); n != 10 || err != nil {
			t.Errorf("next = %d, %v", n, err)
		}
		if err := errors.Join(i.CursorClose(first), i.CursorClose(first)); err != nil {
			t.Errorf("close: %v", err)
		}
		_, err = i.CursorNext(first, 0)
		wantError(t, err, "sparkstalk.BadHandle", "cursor 1 is closed")
		wantError(t, i.CursorClose(77), "sparkstalk.BadHandle", "cursor 77")
		third, err := i.CursorOpen(i.FrameRange(0, 3, 1, 1))
		if err != nil {
			t.Fatal(err)
		}
		_, err = i.CursorColumn(third, 0, abi.Values)
		wantError(t, err, "ValueError", "at no batch")
		if n, err := i.CursorNext(third, 0); n != 3 || err != nil {
			t.Errorf("next = %d, %v", n, err)
		}
		_, err = i.CursorColumn(third, 1, abi.Values)
		wantError(t, err, "ValueError", "no column 1")
		_, err = i.CursorColumn(third, 0, 9)
		wantError(t, err, "ValueError", "buffer 9")
		open := i.cursors[second]
		i.Close()
		select {
		case <-time.After(time.Minute):
			t.Error("the cursor's execution goes on after its task")
		case <-drained(open):
		}
	})
}

// drained is closed when the cursor's goroutine has ended.
func drained(c *cursor) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range c.batches {
		}
	}()
	return done
}

func TestWhatIsWrongWithAPlanShowsWhenItsCursorIsOpened(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Cursor")
		_, err := i.CursorOpen(i.FrameSelect(i.FrameRange(0, 10, 1, 0), []abi.Expr{i.ExprColumn("nonesuch")}))
		wantError(t, err, "pyspark.errors.AnalysisException", "nonesuch")
		limit := errors.New("time limit exceeded")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, limit)
		defer cancel()
		slow := w.binder.Open(ctx, Task{ID: proctest.Name(t), Name: "demo.Slow"})
		defer slow.Close()
		frame := slow.FrameFilter(slow.FrameRange(0, 200_000_000_000, 1, 0), slow.ExprSQL("hash(id) % 1000003 = 7000"))
		c, err := slow.CursorOpen(frame)
		for err == nil {
			_, err = slow.CursorNext(c, 0)
		}
		if err != limit {
			t.Errorf("got %v, want the cause of the end", err)
		}
	})
}

func TestAnEngineKilledAmidACursorIsAClearError(t *testing.T) {
	e := proctest.StartEngine(t, "sail")
	session, err := spark.Open(spark.Config{Remote: e.Remote(), Address: e.Address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() }) // of an engine that was killed
	w := &world{session: session, cache: cache.New(cache.Config{Session: session})}
	w.binder = New(Config{Session: session, Cache: w.cache})
	i := w.open(t, "demo.Cursor")
	c, err := i.CursorOpen(i.FrameRange(0, 2_000_000_000, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	n, err := i.CursorNext(c, 0)
	if n == 0 || err != nil {
		t.Fatalf("next = %d, %v", n, err)
	}
	for _, p := range e.Status().Running {
		if p.Address == e.Address() && p.Host == os.Getpid() {
			err = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for err == nil && n > 0 {
		n, err = i.CursorNext(c, 0)
	}
	wantError(t, err, "sparkstalk.SparkSessionLost", "rows had been read")
	if strings.Contains(err.Error(), "%!") {
		t.Error(err)
	}
	other := w.open(t, "demo.After")
	if n, err := other.ActionCount(other.FrameRange(0, 5, 1, 0)); n != 5 || err != nil {
		t.Errorf("the next task's count = %d, %v; want 5", n, err)
	}
}

// A guest that takes its time holds the engine back: nothing piles up here.
func TestRowsWaitInTheEngine(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Slow")
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		// 96 MB in all. Spark keeps what is not fetched yet in its own memory.
		c, err := i.CursorOpen(i.FrameRange(0, 12_000_000, 1, 2))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := i.CursorNext(c, 0); n == 0 || err != nil {
			t.Fatalf("next = %d, %v", n, err)
		}
		time.Sleep(500 * time.Millisecond)
		if now := heap(); now > before+32<<20 {
			t.Errorf("%d MB are waiting here", (now-before)>>20)
		}
		if err := i.CursorClose(c); err != nil {
			t.Error(err)
		}
	})
}
