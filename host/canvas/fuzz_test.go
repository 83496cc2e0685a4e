package canvas

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

// FuzzCanvas has a task with any embedded JSON succeed, fail and be replaced:
// whatever a message holds, the worker goes on.
func FuzzCanvas(f *testing.F) {
	plainSig := `{"task": "a", "args": [1], "kwargs": {"k": 1}, "options": {"task_id": "x", "link": [{"task": "b"}]}, "subtask_type": null, "immutable": false}`
	for _, seed := range []string{
		`null`, `[]`, `{}`, `[{}]`, `[1, "x", null]`, `[` + plainSig + `]`, plainSig,
		`[{"task": "celery.chain", "kwargs": {"tasks": [` + plainSig + `]}, "subtask_type": "chain"}]`,
		`[{"task": "celery.group", "kwargs": {"tasks": [` + plainSig + `, ` + plainSig + `]}, "subtask_type": "group", "options": {"link_error": 5}}]`,
		`[{"task": "celery.chord", "kwargs": {"kwargs": {}, "header": [` + plainSig + `], "body": ` + plainSig + `}, "subtask_type": "chord"}]`,
		`[{"task": "celery.chord", "kwargs": {"header": {}, "body": null}, "subtask_type": "chord"}]`,
		`[{"task": "a", "options": {"eta": {"__type__": "datetime"}, "countdown": "x", "chord": [], "stamped_headers": "y", "headers": 3}}]`,
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, list, one []byte) {
		if celery.Valid(list) != nil || celery.Valid(one) != nil {
			return // the message's decoder has refused it
		}
		parts, err := celery.Elements(append(append(append([]byte("["), list...), ','), append(one, ']')...))
		if err != nil {
			return
		}
		for range 3 {
			task := &celery.Task{ID: "id", Name: "t", Group: "g", Embed: celery.Embed{Callbacks: parts[0], Errbacks: parts[0], Chain: parts[0], Chord: parts[1]}}
			store := resulttest.NewMemory()
			if err := store.SetSize(t.Context(), "g", 1); err != nil {
				t.Fatal(err)
			}
			sent := 0
			d := &Dispatcher{
				Publish: func(_ context.Context, m Message) error {
					sent++
					_ = celery.EncodeTask(m.Task)
					return nil
				},
				Chords: store, ReplyTo: "oid", Origin: "gen", NewID: uuid.NewString, Parent: task,
			}
			w := &pythonWorker{store: store}
			// Errors are answers to nonsense; a panic is not.
			_ = d.Follow(t.Context(), json.RawMessage("1"))
			_ = d.Part(t.Context(), w, celery.StateFailure, celery.NewException("builtins", "ValueError").Document())
			_ = d.Fail(t.Context(), w, celery.StateFailure, celery.NewException("builtins", "ValueError"), true)
			if s, err := Parse(parts[1]); err == nil {
				_, _ = d.Replace(t.Context(), s)
			}
			if s, err := Parse(parts[1]); err == nil {
				_, _ = d.AddToChord(t.Context(), s)
			}
			if celery.Valid(d.Children()) != nil {
				t.Errorf("children %s", d.Children())
			}
		}
	})
}
