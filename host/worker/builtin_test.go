package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

func add(_ context.Context, c Call) (json.RawMessage, error) {
	sum := 0
	for _, a := range c.Args {
		var n int
		if json.Unmarshal(a, &n) != nil {
			return nil, abi.Errorf("TypeError", "not a number: %s", a)
		}
		sum += n
	}
	return fmt.Appendf(nil, "%d", sum), nil
}

func kwarg(name, value string) func(*celery.Task) {
	return func(t *celery.Task) {
		t.Kwargs = append(t.Kwargs, celery.Member{Key: name, Value: json.RawMessage(value)})
	}
}

func TestBuiltinTasks(t *testing.T) {
	b := start(t, Config{}, map[string]body{"add": add, "flaky": raises(flaky())}, nil)
	sig := `{"task": "add", "args": [], "kwargs": {}, "options": {}, "subtask_type": null, "immutable": false}`
	call := func(name string, pairs ...string) string {
		return b.send(name, func(t *celery.Task) {
			for i := 0; i < len(pairs); i += 2 {
				kwarg(pairs[i], pairs[i+1])(t)
			}
		})
	}
	for _, c := range []struct{ id, want string }{
		{call("celery.map", "task", sig, "it", "[1, 2]"), "[1, 2]"},
		{call("celery.starmap", "task", sig, "it", "[[1, 2], [3, 4]]"), "[3, 7]"},
		{call("celery.starmap", "task", sig, "it", "[]"), "[]"},
		{call("celery.backend_cleanup"), "null"},
		{b.send("celery.accumulate", func(t *celery.Task) {
			t.Args = []json.RawMessage{json.RawMessage("1"), json.RawMessage("2")}
			kwarg("index", "-1")(t)
		}), "2"},
	} {
		if r := b.endsSoon(c.id, "SUCCESS"); string(r.Value) != c.want {
			t.Errorf("%s: got %s, want %s", c.id, r.Value, c.want)
		}
	}
	for _, c := range []struct{ id, class, message string }{
		{call("celery.map", "task", sig), "TypeError", "xmap() missing 1 required positional argument: 'it'"},
		{call("celery.map", "task", strings.Replace(sig, "add", "flaky", 1), "it", "[1]"), "ValueError", "flaky"},
		{call("celery.map", "task", strings.Replace(sig, "add", "nosuch", 1), "it", "[1]"), "NotRegistered", "nosuch"},
		{call("celery.map", "task", `5`, "it", "[1]"), "ValueError", "signature"},
		{call("celery.chain"), "NotImplementedError", "chain is not a real task"},
		{call("celery.accumulate", "index", "3"), "IndexError", "out of range"},
		{call("celery.chunks", "task", sig, "it", "[[1, 1]]", "n", "0"), "ValueError", "n is 0"},
	} {
		r := b.endsSoon(c.id, "FAILURE")
		if r.Exception == nil || r.Exception.Type != c.class || !strings.Contains(r.Exception.Error(), c.message) {
			t.Errorf("%s: got %+v, want %s that says %q", c.id, r.Exception, c.class, c.message)
		}
	}
	// Chunks are sent as a group of starmaps, whose result is the task's.
	id := call("celery.chunks", "task", sig, "it", "[[1, 1], [2, 2], [3, 3]]", "n", "2")
	r := b.endsSoon(id, "SUCCESS")
	parts, err := celery.Elements(r.Value)
	if err != nil || len(parts) != 2 {
		t.Fatalf("chunks returned %s", r.Value)
	}
	members, err := celery.Elements(parts[1])
	if err != nil || len(members) != 2 {
		t.Fatalf("chunks returned %s", r.Value)
	}
	var sums []string
	for _, m := range members {
		head, _ := celery.Elements(m)
		pair, _ := celery.Elements(head[0])
		child, _ := celery.Text(pair[0])
		sums = append(sums, string(b.endsSoon(child, "SUCCESS").Value))
	}
	if strings.Join(sums, " ") != "[2, 4] [6]" {
		t.Errorf("chunks came to %q", sums)
	}
}

// TestChordUnlock polls the results of a header, as a client does that knows of
// no other way, and starts the body or fails it.
func TestChordUnlock(t *testing.T) {
	b := start(t, Config{ChordRetryInterval: 10e6}, map[string]body{"add": add, "sum": func(_ context.Context, c Call) (json.RawMessage, error) {
		return c.Args[0], nil
	}}, nil)
	memory := resulttest.NewMemory()
	b.Worker.Config.Store = memory
	unlock := func(body string, ids ...string) {
		var tuples []json.RawMessage
		for _, id := range ids {
			tuples = append(tuples, fmt.Appendf(nil, `[[%q, null], null]`, id))
		}
		b.send("celery.chord_unlock", func(t *celery.Task) {
			t.Args = []json.RawMessage{json.RawMessage(`"group"`), fmt.Appendf(nil, `{"task": "sum", "args": [], "kwargs": {}, "options": {"task_id": %q}, "subtask_type": null, "immutable": false}`, body)}
			kwarg("result", string(celery.AppendArray(nil, tuples)))(t)
			kwarg("interval", "null")(t)
		})
	}
	finish := func(r celery.Result) {
		if err := memory.Store(t.Context(), r, result.Reply{}); err != nil {
			t.Fatal(err)
		}
	}
	finish(celery.Success(&celery.Task{ID: "a"}, json.RawMessage("1")))
	unlock("body", "a", "b")
	b.eventually("some looks", func() bool { return b.Stats().Done > 3 })
	finish(celery.Success(&celery.Task{ID: "b"}, json.RawMessage("2.0")))
	b.eventually("the body", func() bool { return len(memory.States("body")) > 0 })
	if r, err := memory.Wait(t.Context(), "body"); err != nil || string(r.Value) != "[1, 2.0]" {
		t.Errorf("%s, %v", r.Value, err)
	}
	finish(celery.Failure(&celery.Task{ID: "c"}, celery.NewException("builtins", "ValueError", "hdr")))
	unlock("failing", "a", "c")
	if r, err := memory.Wait(t.Context(), "failing"); err != nil || r.Exception == nil || r.Exception.Error() != "ChordError: ValueError('hdr')" {
		t.Errorf("%+v, %v", r, err)
	}
}
