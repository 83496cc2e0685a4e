package hostfn

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// world is a session on a real engine with a cache and a binder.
type world struct {
	session *spark.Session
	cache   *cache.Cache
	binder  *Binder
}

// onEngines runs a test on both local engines.
func onEngines(t *testing.T, test func(t *testing.T, w *world)) {
	for name, engine := range map[string]func(testing.TB) string{"sail": proctest.Sail, "spark": proctest.Spark} {
		t.Run(name, func(t *testing.T) { test(t, connect(t, engine(t), Config{})) })
	}
}

func connect(t *testing.T, remote string, cfg Config) *world {
	t.Helper()
	session, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Errorf("close the session: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := session.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	c := cache.New(cache.Config{Session: session})
	cfg.Session, cfg.Cache = session, c
	return &world{session, c, New(cfg)}
}

func (w *world) open(t *testing.T, name string) *Invocation {
	i := w.binder.Open(t.Context(), Task{ID: proctest.Name(t), Name: name})
	t.Cleanup(i.Close)
	return i
}

// textFile writes a file of its own for the test.
func textFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// wordCounts describes the words of a text file and how often each occurs.
func wordCounts(i *Invocation, path string) abi.Frame {
	call := func(fn string, args ...abi.Expr) abi.Expr { return i.ExprCall(fn, args, false) }
	lines := i.FrameRead("text", "", nil, []string{path})
	words := i.FrameSelect(lines, []abi.Expr{i.ExprAlias(call("explode", call("split", i.ExprColumn("value"), i.ExprString(" "))), []string{"word"})})
	words = i.FrameFilter(words, call("not", call("==", i.ExprColumn("word"), i.ExprString(""))))
	return i.FrameAggregate(words, abi.GroupBy, []abi.Expr{i.ExprColumn("word")},
		[]abi.Expr{i.ExprAlias(call("count", i.ExprInt(1)), []string{"count"})})
}

// top orders word counts by count, then word.
func top(i *Invocation, counts abi.Frame, n int32) abi.Frame {
	return i.FrameLimit(i.FrameSort(counts, []abi.Expr{
		i.ExprSort(i.ExprColumn("count"), true, true),
		i.ExprSort(i.ExprColumn("word"), false, false),
	}, true), n)
}

const fable = "the fox saw the grapes\nand the fox  jumped\nand jumped\n"

func TestWordsAreCounted(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.WordCount")
		frame := top(i, wordCounts(i, textFile(t, fable)), 3)
		want := `[["the",3],["and",2],["fox",2]]`
		rows, err := i.ActionCollect(frame, abi.RowArrays)
		if err != nil || compact(t, rows) != want {
			t.Errorf("rows = %s, %v; want %s", rows, err, want)
		}
		if n, err := i.ActionCount(frame); n != 3 || err != nil {
			t.Errorf("count = %d, %v; want 3", n, err)
		}
		var schema abi.Schema
		data, err := i.ActionSchema(frame)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &schema); err != nil || len(schema.Columns) != 2 ||
			schema.Columns[0].Name != "word" || schema.Columns[0].Type != "string" || schema.Columns[1].Type != "bigint" {
			t.Errorf("schema = %s, %v; want word string, count bigint", data, err)
		}
		if plan, err := i.ActionExplain(frame, ""); err != nil || plan == "" {
			t.Errorf("explain = %q, %v; want a plan", plan, err)
		}
		if err := i.ResultFrame(frame, abi.RowObjects); err != nil {
			t.Fatal(err)
		}
		result, err := i.Result(t.Context())
		if want := `[{"word":"the","count":3},{"word":"and","count":2},{"word":"fox","count":2}]`; err != nil || compact(t, result) != want {
			t.Errorf("result = %s, %v; want %s", result, err, want)
		}
	})
}

func compact(t *testing.T, data []byte) string {
	t.Helper()
	var out strings.Builder
	for _, part := range strings.Split(string(data), "\n") {
		out.WriteString(strings.ReplaceAll(strings.ReplaceAll(part, ", ", ","), ": ", ":"))
	}
	return out.String()
}

func TestAPathThatDoesNotExistIsNamed(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.WordCount")
		path := filepath.Join(t.TempDir(), "nowhere.txt")
		_, err := i.ActionCollect(wordCounts(i, path), abi.RowArrays)
		wantError(t, err, "pyspark.errors.AnalysisException", path)

		// The same when the frame is the result, and when it is cached.
		if err := i.ResultFrame(i.FrameCache(wordCounts(i, path), "words"), abi.RowArrays); err != nil {
			t.Fatal(err)
		}
		_, err = i.Result(t.Context())
		wantError(t, err, "pyspark.errors.AnalysisException", path)
	})
}

func TestPathsThatHoldNothingAreToldFromEmptyFolders(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Paths")
		dir := t.TempDir()
		good := textFile(t, fable)
		for _, paths := range [][]string{
			{filepath.Join(dir, "*.txt")},
			{good, filepath.Join(dir, "missing.txt")},
			{filepath.Join(dir, "missing")},
		} {
			bad := paths[len(paths)-1]
			_, err := i.ActionCount(i.FrameRead("text", "", nil, paths))
			wantError(t, err, "pyspark.errors.AnalysisException", bad, "PATH_NOT_FOUND", "SQLSTATE: 42K03")
			_, err = i.ActionSchema(i.FrameRead("csv", "", nil, paths))
			wantError(t, err, "pyspark.errors.AnalysisException", bad)
		}
		if n, err := i.ActionCount(i.FrameRead("text", "", nil, []string{dir})); n != 0 || err != nil {
			t.Errorf("count of an empty folder = %d, %v; want 0", n, err)
		}
		if n, err := i.ActionCount(i.FrameRead("text", "", nil, []string{good, filepath.Join(filepath.Dir(good), "w*.txt")})); n != 6 || err != nil {
			t.Errorf("count of a file and a pattern = %d, %v; want 6", n, err)
		}
	})
}

func TestAColumnThatDoesNotExistIsNamed(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Columns")
		_, err := i.ActionCount(i.FrameFilter(i.FrameRange(0, 10, 1, 0), i.ExprCall("isnotnull", []abi.Expr{i.ExprColumn("nonesuch")}, false)))
		wantError(t, err, "pyspark.errors.AnalysisException", "nonesuch")
	})
}

// The source file is gone after the first call, so what answers is the cache.
func TestACachedFrameOutlivesItsSource(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		path := textFile(t, fable)
		const callers = 16
		var wg sync.WaitGroup
		for n := range callers {
			wg.Go(func() {
				i := w.open(t, "demo.DataFrameWordCount")
				counts := i.FrameCache(wordCounts(i, path), "words")
				rows, err := i.ActionCollect(top(i, counts, int32(1+n%2)), abi.RowArrays)
				want := []string{`[["the",3]]`, `[["the",3],["and",2]]`}[n%2]
				if err != nil || compact(t, rows) != want {
					t.Errorf("rows = %s, %v; want %s", rows, err, want)
				}
			})
		}
		wg.Wait()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		i := w.open(t, "demo.DataFrameWordCount")
		counts := i.FrameCache(wordCounts(i, path), "words")
		rows, err := i.ActionCollect(top(i, counts, 4), abi.RowArrays)
		if want := `[["the",3],["and",2],["fox",2],["jumped",2]]`; err != nil || compact(t, rows) != want {
			t.Errorf("without the file: rows = %s, %v; want %s", rows, err, want)
		}
		entries := w.cache.Entries()
		if len(entries) != 1 || entries[0].Builds != 1 || entries[0].Uses != callers+1 || entries[0].Leases != 0 {
			t.Errorf("entries = %+v, want one, built once and used %d times", entries, callers+1)
		}
		w.cache.Forget("words")
		_, err = i.ActionCollect(counts, abi.RowArrays)
		wantError(t, err, "pyspark.errors.AnalysisException", path)
	})
}

func TestACachedFrameIsBuiltOnAnother(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		path := textFile(t, fable)
		i := w.open(t, "demo.Nested")
		counts := i.FrameCache(wordCounts(i, path), "words")
		often := i.FrameCache(i.FrameFilter(counts, i.ExprSQL("count > 1")), "often")
		both := i.FrameJoin(often, counts, "inner", 0, []string{"word"})
		for range 2 {
			if n, err := i.ActionCount(both); n != 4 || err != nil {
				t.Errorf("count = %d, %v; want the 4 words that occur twice or more", n, err)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		if entries := w.cache.Entries(); len(entries) != 2 {
			t.Errorf("entries = %+v, want both", entries)
		}
	})
}

func TestRowsOverTheLimitAreAnErrorThatSaysSo(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		binder := New(Config{Session: w.session, Cache: w.cache, Limits: abi.Limits{ResultLimit: 10_000}})
		i := binder.Open(t.Context(), Task{ID: "id", Name: "demo.Big"})
		defer i.Close()
		frame := i.FrameRange(0, 1_000_000, 1, 0)
		_, err := i.ActionCollect(frame, abi.RowArrays)
		wantError(t, err, "sparkstalk.ResultTooLarge", "fewer")
		if err := i.ResultFrame(frame, abi.RowArrays); err != nil {
			t.Fatal(err)
		}
		_, err = i.Result(t.Context())
		wantError(t, err, "sparkstalk.ResultTooLarge", "fewer")
		if n, err := i.ActionCount(frame); n != 1_000_000 || err != nil {
			t.Errorf("count = %d, %v; the session should go on", n, err)
		}
	})
}

func TestATaskThatEndsEarlyInterruptsItsWork(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		limit := errors.New("time limit exceeded")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, limit)
		defer cancel()
		i := w.binder.Open(ctx, Task{ID: proctest.Name(t), Name: "demo.Slow"})
		defer i.Close()
		// No join: Sail interrupts a query between batches, and a large join
		// without keys makes none for minutes, which later tests would wait for.
		slow := i.FrameFilter(i.FrameRange(0, 200_000_000_000, 1, 0), i.ExprSQL("hash(id) % 1000003 = 7"))
		start := time.Now()
		if _, err := i.ActionCount(i.FrameCache(slow, "slow")); err != limit {
			t.Errorf("count = %v, want the cause of the end", err)
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("it ended after %v", took)
		}
		if entries := w.cache.Entries(); len(entries) != 0 {
			t.Errorf("entries = %+v, want none", entries)
		}
		other := w.open(t, "demo.Quick")
		if n, err := other.ActionCount(other.FrameRange(0, 5, 1, 0)); n != 5 || err != nil {
			t.Errorf("the next task's count = %d, %v; want 5", n, err)
		}
	})
}

func TestAnEngineTakesNonsenseTexts(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Nonsense")
		good := i.FrameRange(0, 5, 1, 0)
		for name, f := range map[string]abi.Frame{
			"not UTF-8":       i.FrameFilter(good, i.ExprCall("==", []abi.Expr{i.ExprColumn("\xff"), i.ExprString("\xfe\x00")}, false)),
			"no function":     i.FrameSelect(good, []abi.Expr{i.ExprCall("nonesuch", nil, false)}),
			"no SQL":          i.FrameSQL("SELEC 1", nil, nil),
			"no type":         i.FrameSelect(good, []abi.Expr{i.ExprCast(i.ExprColumn("id"), "what is this", false)}),
			"no join":         i.FrameJoin(good, good, "sideways", 0, []string{"id"}),
			"a wrong literal": i.FrameSelect(good, []abi.Expr{i.ExprCast(i.ExprString("x"), "date", false)}),
		} {
			rows, err := i.ActionCollect(f, abi.RowArrays)
			e, ok := errors.AsType[*abi.Error](err)
			if !ok && name != "a wrong literal" {
				t.Errorf("%s: rows = %s, %v; want an exception", name, rows, err)
			}
			if ok {
				t.Logf("%s: %s.%s: %.200s", name, e.Module, e.Type, e.Message())
			}
		}
		if n, err := i.ActionCount(good); n != 5 || err != nil {
			t.Errorf("count = %d, %v; the session should go on", n, err)
		}
	})
}
