package host

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestStockCeleryClientGetsTheDemoAnswers(t *testing.T) {
	t.Parallel()
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		dir := hosttest.Texts(t)
		w := serve(t, func(c *Config) { c.Spark = remote })
		got := w.python(
			call{name: "demo.simple_sum", args: []any{100000}},
			call{name: "demo.simple_sum", kwargs: map[string]any{"n": 0}},
			call{name: "demo.WordCount", args: []any{dir, "a"}},
			call{name: "demo.WordCount", args: []any{dir}, kwargs: map[string]any{"first_letter": "ä"}},
			call{name: "demo.WordCount", args: []any{dir, "T"}},
			call{name: "demo.DataFrameWordCount", args: []any{dir, "a"}},
			call{name: "demo.WordCount", args: []any{"/no/such/folder", "a"}},
			call{name: "demo.WordCount", args: []any{dir}},
			call{name: "demo.WordCount", args: []any{dir, "a", 1}},
			call{name: "demo.simple_sum", args: []any{"many"}},
			call{name: "demo.nosuch"},
		)
		for i, want := range []string{
			"4999950000", "0", hosttest.WordCount(t, dir, "a", ""), hosttest.WordCount(t, dir, "ä", ""), hosttest.WordCount(t, dir, "t", ""),
			hosttest.WordCount(t, dir, "a", `" "`),
		} {
			if !hosttest.EqualJSON(string(got[i].OK), want) {
				t.Errorf("call %d: got %s, want %s", i, got[i], want)
			}
		}
		for i, want := range map[int]struct{ class, base, message string }{
			6:  {"AnalysisException", "Exception", "/no/such/folder"},
			7:  {"TypeError", "TypeError", "first_letter"},
			8:  {"TypeError", "TypeError", "takes 2 positional arguments but 3 were given"},
			9:  {"TypeError", "TypeError", "'n'"},
			10: {"NotRegistered", "NotRegistered", "demo.nosuch"},
		} {
			if o := got[i]; o.Type != want.class || !slices.Contains(o.Bases, want.base) || !strings.Contains(o.Message, want.message) {
				t.Errorf("call %d: got %s (bases %v), want %s that says %q", i, o, o.Bases, want.class, want.message)
			}
		}
		if strings.HasSuffix(t.Name(), "/spark") && !strings.Contains(got[6].Message, "PATH_NOT_FOUND") {
			t.Errorf("Spark's condition is missing: %s", got[6])
		}
	})
}

func TestSecondCallIsAnsweredFromTheCache(t *testing.T) {
	t.Parallel()
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		dir := hosttest.Texts(t)
		w := serve(t, func(c *Config) { c.Spark = remote })
		w.python(call{name: "demo.WordCount", args: []any{dir, "a"}})
		before := w.runtime.cache.Entries()
		if len(before) != 1 || before[0].Builds != 1 {
			t.Fatalf("cache after the first call: %+v", before)
		}
		got := w.python(call{name: "demo.WordCount", args: []any{dir, "t"}}, call{name: "demo.WordCount", args: []any{dir, "o"}})
		if want := hosttest.WordCount(t, dir, "t", ""); !hosttest.EqualJSON(string(got[0].OK), want) {
			t.Errorf("got %s, want %s", got[0], want)
		}
		if after := w.runtime.cache.Entries(); len(after) != 1 || after[0].Builds != 1 || after[0].Hits < 2 {
			t.Errorf("cache after three calls: %+v; want one entry, built once", after)
		}
	})
}

func TestTaskStatesAndFailuresReachPython(t *testing.T) {
	t.Parallel()
	w := serve(t, func(*Config) {})
	got := w.python(
		call{name: "test.echo", args: []any{map[string]any{"f": json.RawMessage("2.0"), "big": json.RawMessage("1180591620717411303424"), "s": "é😀<>&"}}},
		call{name: "test.fail", args: []any{"ValueError", "boom"}},
		call{name: "test.fail", args: []any{"billing.errors.Declined", "no funds"}},
		call{name: "test.panic"},
		call{name: "test.progress"},
		call{name: "test.spin_limited", args: []any{60}},
		call{name: "test.noop"},
		call{name: "test.spin", args: []any{60}, options: map[string]any{"time_limit": 1}},
		call{name: "test.noop", options: map[string]any{"link": map[string]any{"task": "x", "args": []any{}, "kwargs": map[string]any{}, "options": map[string]any{}, "subtask_type": nil, "immutable": false}}},
		call{name: "test.slow_query", options: map[string]any{"time_limit": 2}},
		call{name: "test.noop", options: map[string]any{"countdown": 1}},
	)
	if want := `{"big":1180591620717411303424,"f":2.0,"s":"é😀<>&"}`; !hosttest.EqualJSON(string(got[0].OK), want) || !strings.Contains(string(got[0].OK), "2.0") {
		t.Errorf("echo: got %s, want %s", got[0], want)
	}
	for i, want := range map[int][2]string{
		1: {"ValueError", "boom"}, 2: {"Declined", "no funds"}, 3: {"Panic", "on request"}, 5: {"TimeLimitExceeded", "1"},
		7: {"TimeLimitExceeded", "1"}, 9: {"TimeLimitExceeded", "2"},
	} {
		if got[i].Type != want[0] || !strings.Contains(got[i].Message, want[1]) {
			t.Errorf("call %d: got %s, want %s that says %q", i, got[i], want[0], want[1])
		}
	}
	if got[3].Traceback == "" {
		t.Error("a panic has no traceback")
	}
	for i, want := range map[int]string{4: `"done"`, 6: "null", 8: "null", 10: "null"} {
		if string(got[i].OK) != want {
			t.Errorf("call %d: got %s, want %s", i, got[i], want)
		}
	}
}

func TestThousandMixedCallsLoseNone(t *testing.T) {
	t.Parallel()
	dir := hosttest.Texts(t)
	w := serve(t, func(c *Config) { c.Concurrency = 4 })
	var calls []call
	var want []string
	counted := hosttest.WordCount(t, dir, "a", "")
	for n := range 1000 {
		switch n % 5 {
		case 0:
			calls, want = append(calls, call{name: "demo.simple_sum", args: []any{n}}), append(want, fmt.Sprint(n*(n-1)/2))
		case 1:
			calls, want = append(calls, call{name: "test.echo", args: []any{n}}), append(want, fmt.Sprint(n))
		case 2:
			calls, want = append(calls, call{name: "demo.WordCount", args: []any{dir, "a"}}), append(want, counted)
		case 3:
			calls, want = append(calls, call{name: "test.fail", args: []any{"KeyError", fmt.Sprint(n)}}), append(want, "KeyError")
		case 4:
			calls, want = append(calls, call{name: "test.nosuch"}), append(want, "NotRegistered")
		}
	}
	wrong := 0
	for i, o := range w.python(calls...) {
		if o.Type != want[i] && !hosttest.EqualJSON(string(o.OK), want[i]) {
			if wrong++; wrong < 10 {
				t.Errorf("call %d, %s: got %s, want %s", i, calls[i].name, o, want[i])
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d calls went wrong", wrong, len(calls))
	}
}

func TestRedisBackendServesPython(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.ResultBackend = proctest.Redis(t) })
	got := w.python(call{name: "demo.simple_sum", args: []any{10}}, call{name: "test.fail", args: []any{"ValueError", "boom"}}, call{name: "test.nosuch"})
	if string(got[0].OK) != "45" || got[1].Type != "ValueError" || got[2].Type != "NotRegistered" {
		t.Errorf("got %v", got)
	}
}

func TestStopLetsRunningTasksEndAndReturnsTheRest(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.Concurrency, c.Grace = 1, 20 })
	calls := []call{{name: "test.spin", args: []any{3}}}
	for range 20 {
		calls = append(calls, call{name: "test.noop"})
	}
	wait := w.pythonStart(calls...)
	hosttest.Eventually(t, func() bool { return w.worker.Stats().Active == 1 })
	time.Sleep(200 * time.Millisecond) // so that the noops wait behind the running one
	w.stop()
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	if n := w.worker.Stats().Done; n != 1 {
		t.Errorf("%d tasks ended during the stop, want the running one only", n)
	}
	<-w.ended
	w.start() // the next host of the queue gets what was returned
	got, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got {
		if o.OK == nil {
			t.Errorf("call %d: %s", i, o)
		}
	}
}

func TestSecondSignalInterruptsAndLateAckedTasksReturn(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.Concurrency, c.Grace = 2, 600 })
	wait := w.pythonStart(call{name: "test.spin", args: []any{600}}, call{name: "test.spin_late", args: []any{5}})
	hosttest.Eventually(t, func() bool { return w.worker.Stats().Active == 2 })
	w.stop()
	w.stopNow()
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	w.start()
	got, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Type != "WorkerLostError" {
		t.Errorf("the task that was acknowledged early: got %s, want a WorkerLostError", got[0])
	}
	if string(got[1].OK) != `"spun"` {
		t.Errorf("the task that is acknowledged late: got %s, want it run again", got[1])
	}
}

func TestRunOnceNeedsNoBroker(t *testing.T) {
	t.Parallel()
	plugins := t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "1"), plugins, "demo.wasm")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := OpenRuntime(ctx, Config{Plugins: plugins, Spark: proctest.Sail(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	got, err := r.Call(ctx, "demo.simple_sum", []json.RawMessage{json.RawMessage("10")}, nil)
	if err != nil || string(got) != "45" {
		t.Errorf("got %s, %v", got, err)
	}
}
