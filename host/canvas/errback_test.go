package canvas

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

// TestErrbacksOfAChordsBodyAreToldOfTheBody compares the requests that they get
// with Python's, for bodies of each kind.
func TestErrbacksOfAChordsBodyAreToldOfTheBody(t *testing.T) {
	const errback = `{"task": "tasks.a", "args": [], "kwargs": {}, "options": {}, "subtask_type": null, "immutable": false}`
	plain := func(id string) string {
		return `{"task": "tasks.body", "args": [1, "x"], "kwargs": {"k": 2}, "options": {"task_id": "` + id + `", "link_error": [` + errback + `]}, "subtask_type": null, "immutable": false}`
	}
	bodies := []json.RawMessage{
		json.RawMessage(plain("one")),
		json.RawMessage(`{"task": "celery.chain", "args": [], "kwargs": {"tasks": [` + plain("first") + `]}, "options": {"task_id": "last", "link_error": [` + errback + `]}, "subtask_type": "chain", "immutable": false}`),
		json.RawMessage(`{"task": "celery.group", "args": [], "kwargs": {"tasks": [` + plain("two") + `, ` + plain("three") + `]}, "options": {"task_id": "all"}, "subtask_type": "group", "immutable": false}`),
	}
	input, err := json.Marshal(bodies)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/chorderrors.py")
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chorderrors.py: %v\n%s", err, stderr.String())
	}
	var want [][][]any
	if err := json.Unmarshal(out, &want); err != nil || len(want) != len(bodies) {
		t.Fatalf("%d verdicts: %v", len(want), err)
	}
	cause := celery.NewException("builtins", "ValueError", "boom")
	for i, raw := range bodies {
		body, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]any
		var h heard
		d := &Dispatcher{
			NewID: uuid.NewString, Parent: &celery.Task{ID: "header", Name: "tasks.header", Retries: 2, RootID: "root"},
			Inline: func(_ context.Context, s *Signature, failed *celery.Task, _ *celery.Exception) bool {
				var args, kwargs any
				if json.Unmarshal(celery.AppendArray(nil, failed.Args), &args) != nil || json.Unmarshal(failed.Kwargs.Append(nil), &kwargs) != nil {
					t.Errorf("%s: bad arguments", s.Task)
				}
				got = append(got, []any{failed.ID, failed.Name, args, kwargs, failed.Root(), float64(failed.Retries)})
				return true
			},
		}
		if err := d.chordError(t.Context(), counting{resulttest.NewMemory(), &h}, body, celery.ChordError("Dependency x raised ValueError('boom')"), cause); err != nil {
			t.Fatal(err)
		}
		if len(want[i]) == 0 || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("body %d: told of %v, by Python of %v", i, got, want[i])
		}
	}
}
