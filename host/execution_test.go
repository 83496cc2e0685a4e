package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result/redis"
)

func TestWaysInWhichATaskEndsReachPython(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.ResultBackend = proctest.Redis(t); c.Concurrency = 4 })
	child := uuid.NewString()
	got := w.python(
		call{name: "test.flaky", args: []any{2}},
		call{name: "test.flaky", args: []any{9}},
		call{name: "test.flaky", args: []any{9, false}},
		call{name: "test.autoretry", args: []any{2}},
		call{name: "test.autoretry", args: []any{9}},
		call{name: "test.reject", args: []any{false}},
		call{name: "test.reject", args: []any{true}},
		call{name: "test.send", args: []any{1, 2}, options: map[string]any{"task_id": child}},
		call{name: "test.slow_query_soft"},
		call{name: "test.slow_query_softer"},
		call{name: "celery.accumulate", args: []any{1, 2}},
		call{name: "celery.backend_cleanup"},
		call{name: "celery.chain"},
		call{name: "celery.map", kwargs: map[string]any{"task": signature("test.echo"), "it": []any{1, "a"}}},
	)
	for i, want := range map[int][2]string{
		1: {"ValueError", "flaky"}, 2: {"MaxRetriesExceededError", "Can't retry test.flaky["}, 4: {"ConnectionError", "try 3"},
		5: {"Reject", "no thanks"}, 9: {"SoftTimeLimitExceeded", ""}, 12: {"NotImplementedError", "chain is not a real task"},
	} {
		if got[i].Type != want[0] || !strings.Contains(got[i].Message, want[1]) {
			t.Errorf("call %d: got %s, want %s that says %q", i, got[i], want[0], want[1])
		}
	}
	for i, want := range map[int]string{
		0: "2", 3: "2", 6: "null", 7: fmt.Sprintf("%q", child+"-child"), 8: `"SoftTimeLimitExceeded"`, 10: "[1, 2]", 11: "null", 13: `[1, "a"]`,
	} {
		if string(got[i].OK) != want {
			t.Errorf("call %d: got %s, want %s", i, got[i], want)
		}
	}
	store, err := redis.New(redis.Config{URL: w.cfg.ResultBackend})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := store.Wait(t.Context(), child+"-child")
	if err != nil || string(r.Value) != "3" || r.ParentID != child {
		t.Errorf("the task that was sent: %+v, %v", r, err)
	}
	if parent, _, err := store.Get(t.Context(), child); err != nil || string(parent.Children) != fmt.Sprintf(`[[["%s-child", null], null]]`, child) {
		t.Errorf("children of its parent: %s, %v", parent.Children, err)
	}
}

func signature(task string) map[string]any {
	return map[string]any{"task": task, "args": []any{}, "kwargs": map[string]any{}, "options": map[string]any{}, "subtask_type": nil, "immutable": false}
}

// TestChordsOverRPC fails as Celery's worker does: its rpc backend cannot count.
func TestChordsOverRPC(t *testing.T) {
	t.Parallel()
	w := serve(t, func(*Config) {})
	chord := map[string]any{
		"task": "celery.chord", "args": []any{}, "options": map[string]any{}, "subtask_type": "chord", "immutable": false,
		"kwargs": map[string]any{"kwargs": map[string]any{}, "header": []any{signature("test.noop")}, "body": signature("test.echo")},
	}
	got := w.python(call{name: "test.noop", options: map[string]any{"link": chord}})
	if got[0].Type != "NotImplementedError" || !strings.HasPrefix(got[0].Message, `The "rpc" result backend does not support chords!`) {
		t.Errorf("got %s", got[0])
	}
}

// TestErrbacks calls one of each kind: by message with the failed id, and in
// this process with request, exception and traceback.
func TestErrbacks(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.ResultBackend = proctest.Redis(t) })
	old := signature("test.echo")
	id := uuid.NewString()
	old["options"] = map[string]any{"task_id": id}
	got := w.python(call{name: "test.fail", args: []any{"ValueError", "boom"}, options: map[string]any{"link_error": []any{old, signature("test.errback")}}})
	if got[0].Type != "ValueError" {
		t.Errorf("got %s", got[0])
	}
	store, err := redis.New(redis.Config{URL: w.cfg.ResultBackend})
	if err != nil {
		t.Fatal(err)
	}
	r, waitErr := store.Wait(t.Context(), id)
	if err := store.Close(); waitErr != nil || err != nil {
		t.Fatal(waitErr, err)
	}
	if failed := strings.Trim(string(r.Value), `"`); failed == "" || r.ParentID != failed {
		t.Errorf("the old errback got %s, parent %s", r.Value, r.ParentID)
	}
	hosttest.Eventually(t, func() bool {
		return strings.Contains(w.log.String(), "errback") && strings.Contains(w.log.String(), `exc_type`) && strings.Contains(w.log.String(), "boom")
	})
}

// TestRevocationsOutliveARestart keeps them in the state file.
func TestRevocationsOutliveARestart(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.StateDB = t.TempDir() + "/state.json"; c.ResultBackend = proctest.Redis(t) })
	id := uuid.NewString()
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "-m", "celery", "control", "-d", w.Host.cfg.Hostname, "-t", "5", "revoke", id)
	cmd.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	hosttest.Eventually(t, w.heard.Connected)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	w.stop()
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	w.start()
	if list := w.revoked.List(); len(list) != 1 || list[0].ID != id {
		t.Errorf("revoked after the restart: %v", list)
	}
	var known state
	data, err := os.ReadFile(w.cfg.StateDB)
	if err == nil {
		err = json.Unmarshal(data, &known)
	}
	if err != nil || known.Clock == 0 {
		t.Errorf("state file %s: %v", data, err)
	}
	if got := w.python(call{name: "test.noop", options: map[string]any{"task_id": id}}); got[0].Type != "TaskRevokedError" {
		t.Errorf("got %s", got[0])
	}
}
