package sdk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type none struct{}

type echoArgs struct {
	Value any `arg:"value"`
}

type typedArgs struct {
	N     int8                `arg:"n,default=0"`
	F     float64             `arg:"f,default=0"`
	S     string              `arg:"s,default=s"`
	B     []byte              `arg:"b,default=b"`
	At    time.Time           `arg:"at,default=2026-01-02T03:04:05Z"`
	Ids   []int64             `arg:"ids,default=[]"`
	Names map[string]int      `arg:"names,default={}"`
	Point *struct{ X, Y int } `arg:"point,default=null"`
}

// body is what the task "test.body" does; each test sets its own.
var body func(ctx *sdk.Context) (any, error)

var kept *spark.DataFrame

var (
	counts = sdk.Cached("counts", func(ctx *sdk.Context, path string) *spark.DataFrame {
		return ctx.Spark().Read().Parquet(path).GroupBy("k").Count()
	})
	nothing = sdk.Cached("nothing", func(*sdk.Context, int) *spark.DataFrame { return nil })
)

func init() {
	sdk.Task("test.body", func(ctx *sdk.Context, _ none) (any, error) { return body(ctx) })
	sdk.Task("test.echo", func(_ *sdk.Context, a echoArgs) (any, error) { return a.Value, nil })
	sdk.Task("test.raw", func(_ *sdk.Context, a struct {
		Value json.RawMessage `arg:"value"`
	}) (json.RawMessage, error) {
		return a.Value, nil
	})
	sdk.Task("test.typed", func(_ *sdk.Context, a typedArgs) (string, error) { return fmt.Sprintf("%+v", a), nil })
	sdk.Task("test.void", func(*sdk.Context, none) (none, error) { return none{}, nil })
	sdk.Task("test.rows", func(ctx *sdk.Context, _ none) (*spark.DataFrame, error) {
		return ctx.Spark().Range(0, 2), nil
	}, sdk.RowsAsObjects(), sdk.Doc("two rows"))
}

// run calls test.body.
func run(t *testing.T, h *sdktest.Host, f func(ctx *sdk.Context) (any, error)) (string, error) {
	t.Helper()
	body = f
	got, err := h.Call("test.body")
	return string(got), err
}

func TestResultsAreJSON(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{none{}, `null`},
		{struct{}{}, `null`},
		{(*spark.DataFrame)(nil), `null`},
		{int64(math.MaxInt64), `9223372036854775807`},
		{"<a & b>", `"<a & b>"`},
		{[]any{1, "x", nil, 2.5}, `[1,"x",null,2.5]`},
		{map[string]any{"b": 1, "a": []int{}}, `{"a":[],"b":1}`},
		{json.RawMessage(`{"a": 2.0, "b": NaN}`), `{"a": 2.0, "b": NaN}`},
	} {
		got, err := run(t, sdktest.New(t), func(*sdk.Context) (any, error) { return c.value, nil })
		if err != nil || got != c.want {
			t.Errorf("%#v: got %s, %v, want %s", c.value, got, err, c.want)
		}
	}
	_, err := run(t, sdktest.New(t), func(*sdk.Context) (any, error) { return math.NaN(), nil })
	e := exception(t, err)
	if e.Type != "EncodeError" || e.Module != "kombu.exceptions" || !strings.Contains(e.Message(), "a float64, cannot be encoded") {
		t.Errorf("got %+v", err)
	}
	if got, err := sdktest.Call(t, "test.void"); err != nil || string(got) != "null" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestADataFrameIsItsRows(t *testing.T) {
	h := sdktest.New(t)
	h.On("range").Columns("id").Rows(0, 1)
	if got, err := h.Call("test.rows"); err != nil || string(got) != `[{"id":0},{"id":1}]` {
		t.Errorf("got %s, %v", got, err)
	}
	got, err := run(t, h, func(ctx *sdk.Context) (any, error) { return ctx.Spark().Range(0, 2), nil })
	if err != nil || got != `[[0],[1]]` {
		t.Errorf("got %s, %v", got, err)
	}
	got, err = run(t, h, func(ctx *sdk.Context) (any, error) {
		return map[string]any{"rows": ctx.Spark().Range(0, 2), "n": 2}, nil
	})
	if err != nil || got != `{"n":2,"rows":[[0],[1]]}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestArgumentsHaveTheirTypes(t *testing.T) {
	got, err := sdktest.Call(t, "test.typed", -128, 2, sdktest.Kwargs{
		"b": []byte{0xff}, "at": time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600)), "ids": []any{1, 2}, "names": map[string]any{"a": 1},
	})
	want := `"{N:-128 F:2 S:s B:[255] At:2026-01-02 03:04:05.000006 +0100 +0100 Ids:[1 2] Names:map[a:1] Point:<nil>}"`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, c := range []struct {
		kwargs sdktest.Kwargs
		want   string
	}{
		{sdktest.Kwargs{"n": "1"}, "TypeError: typed() argument 'n' must be int, not str"},
		{sdktest.Kwargs{"n": 200}, "OverflowError: typed() argument 'n' must be an int from -128 to 127, not 200"},
		{sdktest.Kwargs{"ids": []any{1, "2"}}, "TypeError: typed() argument 'ids[1]' must be int, not str"},
		{sdktest.Kwargs{"names": map[string]any{"a b": 1.5}}, `TypeError: typed() argument 'names["a b"]' must be int, not float`},
		{sdktest.Kwargs{"point": map[string]any{"x": nil}}, "TypeError: typed() argument 'point.x' must be int, not NoneType"},
		{sdktest.Kwargs{"point": 1}, "TypeError: typed() argument 'point' must be dict or None, not int"},
		{sdktest.Kwargs{"b": "text"}, "TypeError: typed() argument 'b' must be bytes, not str"},
	} {
		if _, err := sdktest.Call(t, "test.typed", c.kwargs); err == nil || err.Error() != c.want {
			t.Errorf("%v: got %v, want %s", c.kwargs, err, c.want)
		}
	}
	for _, raw := range []string{`{"a":  [1.0, 123456789012345678901234567890, "\u00e9"]}`, `Infinity`, `null`} {
		if got, err := sdktest.Call(t, "test.raw", json.RawMessage(raw)); err != nil || string(got) != raw {
			t.Errorf("got %s, %v, want %s", got, err, raw)
		}
	}
	big := json.RawMessage(`[123456789012345678901234567890,{"a":null}]`)
	if got, err := sdktest.Call(t, "test.echo", big); err != nil || string(got) != string(big) {
		t.Errorf("got %s, %v", got, err)
	}
}

func exception(t *testing.T, err error) *sdk.Error {
	t.Helper()
	e, ok := errors.AsType[*sdk.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *sdk.Error", err)
	}
	return e
}

func TestErrorsKeepTheirClass(t *testing.T) {
	analysis := abi.Errorf("pyspark.errors.AnalysisException", "[PATH_NOT_FOUND] /x")
	analysis.Args = append(analysis.Args, json.RawMessage("7"))
	analysis.Traceback = "there"
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("boom"), `sparkstalk.TaskError["boom"]`},
		{fmt.Errorf("open: %w", fs.ErrNotExist), `sparkstalk.TaskError["open: file does not exist"]`},
		{sdk.Errorf("ValueError", "bad %d", 5), `builtins.ValueError["bad 5"]`},
		{sdk.Errorf("sales.errors.NoSuchCustomer", "%q", "<x>"), `sales.errors.NoSuchCustomer["\"<x>\""]`},
		{fmt.Errorf("while counting: %w", sdk.Errorf("KeyError", "k")), `builtins.KeyError["while counting: k"]`},
		{analysis, `pyspark.errors.AnalysisException["[PATH_NOT_FOUND] /x" 7]there`},
		{fmt.Errorf("read %s: %w", "/x", analysis), `pyspark.errors.AnalysisException["read /x: [PATH_NOT_FOUND] /x" 7]there`},
		{sdk.Errorf("LookupError", "no data: %w", analysis), `builtins.LookupError["no data: AnalysisException: [PATH_NOT_FOUND] /x"]`},
	} {
		_, err := run(t, sdktest.New(t), func(*sdk.Context) (any, error) { return nil, c.err })
		e := exception(t, err)
		args := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprintf("%s", e.Args), `\u003c`, "<"), `\u003e`, ">")
		if got := fmt.Sprintf("%s.%s%s%s", e.Module, e.Type, args, e.Traceback); got != c.want {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
	if err := sdk.Errorf("ValueError", "x: %w", fs.ErrNotExist); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func explode(values []int) int { return values[3] }

type badError struct{ text *string }

func (b badError) Error() string { return *b.text }

func TestAPanicIsAnErrorWithItsStack(t *testing.T) {
	_, err := run(t, sdktest.New(t), func(*sdk.Context) (any, error) { return explode(nil), nil })
	e := exception(t, err)
	if e.Module != "sparkstalk" || e.Type != "Panic" || e.Message() != "runtime error: index out of range [3] with length 0" {
		t.Errorf("got %+v", e)
	}
	if lines := strings.Split(e.Traceback, "\n"); !strings.Contains(lines[1]+lines[3], "explode") {
		t.Errorf("the stack begins with\n%s", e.Traceback)
	}
	for name, f := range map[string]func(*sdk.Context) (any, error){
		"an error's own method": func(*sdk.Context) (any, error) { return nil, badError{} },
		"a nil *sdk.Error":      func(*sdk.Context) (any, error) { return nil, (*sdk.Error)(nil) },
		"a value":               func(*sdk.Context) (any, error) { panic(7) },
		"a marshaler":           func(*sdk.Context) (any, error) { return panicking{}, nil },
	} {
		if _, err := run(t, sdktest.New(t), f); exception(t, err).Type != "Panic" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("no") }

func TestLogStateAndRequestReachTheHost(t *testing.T) {
	h := sdktest.New(t)
	h.SetRequest(sdk.Request{ID: "42", Retries: 2, Hostname: "w@h"})
	got, err := run(t, h, func(ctx *sdk.Context) (any, error) {
		ctx.Log().Info("hello", "n", 1, "level", "<mine>", "d", time.Second, "msg", "too", slog.Group("g", "x", 1))
		ctx.Log().With("a", 1).WithGroup("in").Warn("second", "b", 2)
		ctx.Log().Debug("bare")
		ctx.Log().Log(t.Context(), slog.LevelError+2, "worse")
		if err := ctx.Progress(3, 10); err != nil {
			return nil, err
		}
		if err := ctx.UpdateState("ODD", make(chan int)); err == nil {
			t.Error("a channel passes as meta")
		}
		return []any{ctx.ID(), ctx.Retries(), ctx.Request().Task, ctx.Request().Hostname}, ctx.UpdateState("HALF", "<half>")
	})
	if err != nil || got != `["42",2,"test.body","w@h"]` {
		t.Errorf("got %s, %v", got, err)
	}
	logs := []sdktest.Log{
		{Level: slog.LevelInfo, Message: "hello", Attrs: map[string]any{"n": int64(1), "level": "<mine>", "d": int64(time.Second), "msg": "too", "g": map[string]any{"x": int64(1)}}},
		{Level: slog.LevelWarn, Message: "second", Attrs: map[string]any{"a": int64(1), "in": map[string]any{"b": int64(2)}}},
		{Level: slog.LevelDebug, Message: "bare", Attrs: nil},
		{Level: slog.LevelError + 2, Message: "worse", Attrs: nil},
	}
	if !reflect.DeepEqual(h.Logs(), logs) {
		t.Errorf("got %v\nwant %v", h.Logs(), logs)
	}
	states := []sdktest.State{{State: "PROGRESS", Meta: json.RawMessage(`{"current":3,"total":10}`)}, {State: "HALF", Meta: json.RawMessage(`"<half>"`)}}
	if !reflect.DeepEqual(h.States(), states) {
		t.Errorf("got %s\nwant %s", h.States(), states)
	}
}

func TestCachedDataFrames(t *testing.T) {
	h := sdktest.New(t)
	h.On("").Count(3)
	got, err := run(t, h, func(ctx *sdk.Context) (any, error) { return counts.Get(ctx, "/data").Limit(2).Count() })
	if err != nil || got != "3" {
		t.Fatalf("got %s, %v", got, err)
	}
	want := "limit 2\n  cache counts\n    aggregate count(1) AS count by k\n      read parquet \"/data\""
	if h.Plan() != want || fmt.Sprint(h.Caches()) != "[counts]" {
		t.Errorf("got %v and\n%s\nwant\n%s", h.Caches(), h.Plan(), want)
	}
	for name, f := range map[string]func(*sdk.Context) (any, error){
		"an action": func(ctx *sdk.Context) (any, error) { return nothing.Get(ctx, 5).Where(F.Col("k").Gt(1)).Count() },
		"a result":  func(ctx *sdk.Context) (any, error) { return nothing.Get(ctx, 5), nil },
		"a join": func(ctx *sdk.Context) (any, error) {
			return ctx.Spark().Range(0, 1).CrossJoin(nothing.Get(ctx, 5)), nil
		},
	} {
		_, err := run(t, sdktest.New(t), f)
		if err == nil || err.Error() != `TypeError: cache "nothing": only DataFrames can be cached, but its function returned nil for the key 5` {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestADataFrameOfAnEarlierCallIsAnError(t *testing.T) {
	h := sdktest.New(t)
	h.On("").Count(0)
	if _, err := run(t, h, func(ctx *sdk.Context) (any, error) {
		kept = ctx.Spark().Range(0, 1)
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*sdk.Context) (any, error){
		"count":  func(*sdk.Context) (any, error) { return kept.Count() },
		"result": func(*sdk.Context) (any, error) { return kept, nil },
		"join":   func(ctx *sdk.Context) (any, error) { return ctx.Spark().Range(0, 1).Join(kept, "id", ""), nil },
		"column": func(ctx *sdk.Context) (any, error) { return ctx.Spark().Range(0, 1).Select(kept.Col("id")), nil },
	} {
		_, err := run(t, h, f)
		if err == nil || !strings.Contains(err.Error(), "that call has ended") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheManifestIsOneThatHostsTake(t *testing.T) {
	data, err := json.Marshal(sdk.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	m, err := abi.ParseManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if m.SDK != "go/"+sdk.Version || !reflect.DeepEqual(m.Caches, []string{"sales", "counts", "nothing", "test.warm", "test.plain"}) {
		t.Errorf("got %+v", m)
	}
	for _, task := range m.Tasks {
		if task.Name == "test.rows" && (task.Returns != "DataFrame" || task.Doc != "two rows") || task.Name == "test.void" && task.Returns != "null" {
			t.Errorf("got %+v", task)
		}
	}
}

// refusing takes no result and no large error.
type refusing struct {
	abi.Unsupported
	last []byte
}

func (*refusing) TaskArgs() []byte { return []byte(`{"args":[],"kwargs":{}}`) }

func (r *refusing) ResultJSON([]byte) error {
	return abi.Errorf("ValueError", "%s", strings.Repeat("x", 200))
}

func (r *refusing) ResultError(failure []byte) error {
	if len(failure) > 200 {
		return abi.Errorf("ValueError", "too large")
	}
	r.last = failure
	return nil
}

func TestWhatTheHostRefusesIsAnError(t *testing.T) {
	h := new(refusing)
	if code := sdk.Describe(h); code != 1 || !strings.Contains(string(h.last), "cannot be handed over: ValueError: too large") {
		t.Errorf("got %d, %s", code, h.last)
	}
	if code := sdk.Run(h, 99); code != 1 || !strings.Contains(string(h.last), "there is no task 99 in this module") {
		t.Errorf("got %d, %s", code, h.last)
	}
	body = func(*sdk.Context) (any, error) { return 1, nil }
	index := slices.IndexFunc(sdk.Manifest().Tasks, func(t abi.TaskSpec) bool { return t.Name == "test.body" })
	if code := sdk.Run(h, int32(index)); code != 1 || !strings.Contains(string(h.last), "too large") {
		t.Errorf("got %d, %s", code, h.last)
	}
}
