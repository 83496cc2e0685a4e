package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// sending is a broker that takes messages, or none.
type sending struct {
	broker.Broker
	broken bool
	sent   []string
}

func (s *sending) Publish(_ context.Context, p broker.Publication) error {
	if s.broken {
		return errors.New("down")
	}
	s.sent = append(s.sent, fmt.Sprint(p.Headers["task"]))
	return nil
}

// looking is a store that can be asked, or not.
type looking struct {
	reader
	away bool
}

func (l looking) Get(ctx context.Context, id string) (celery.Result, bool, error) {
	if l.away {
		return celery.Result{}, false, errors.New("away")
	}
	return l.reader.Get(ctx, id)
}

// TestChordUnlockEndsAsByPython compares what becomes of the body: the header has
// ended, in part, or failed; the task has no more tries; broker or backend are away.
func TestChordUnlockEndsAsByPython(t *testing.T) {
	type member = map[string]any
	ok, pending := member{"id": "a", "status": "SUCCESS"}, member{"id": "p", "status": "PENDING"}
	failed, other := member{"id": "x", "status": "FAILURE", "message": "x"}, member{"id": "y", "status": "FAILURE", "message": "y"}
	cases := [][]any{
		{[]member{ok}, 0, nil, ""},
		{[]member{}, 0, nil, ""},
		{[]member{ok, pending}, 0, nil, ""},
		{[]member{failed, pending}, 0, nil, ""},
		{[]member{pending, failed}, 0, nil, ""},
		{[]member{failed, other}, 0, nil, ""},
		{[]member{ok, other, failed}, 0, nil, ""},
		{[]member{pending}, 1, 2, ""},
		{[]member{pending}, 2, 2, ""},
		{[]member{failed, pending}, 2, 2, ""},
		{[]member{pending}, 0, nil, "broker"},
		{[]member{ok}, 0, nil, "broker"},
		{[]member{failed}, 0, nil, "broker"},
		{[]member{ok}, 0, nil, "backend"},
		{[]member{ok}, 2, 2, "backend"},
	}
	type end struct {
		Body        []string
		Sent, Again bool
	}
	for i, want := range judge[end](t, "unlock.py", cases) {
		members, retries, limit, broken := cases[i][0].([]member), cases[i][1].(int), cases[i][2], cases[i][3].(string)
		b, s := &sending{broken: broken == "broker"}, looking{reader: reader{&store{}}, away: broken == "backend"}
		w, err := New(Config{Broker: b, Tasks: &registry{}, Store: s})
		if err != nil {
			t.Fatal(err)
		}
		tuples := []json.RawMessage{}
		for _, m := range members {
			id, task := m["id"].(string), celery.Success(&celery.Task{ID: m["id"].(string)}, json.RawMessage("1"))
			switch m["status"] {
			case "FAILURE":
				task = celery.Failure(&celery.Task{ID: id}, celery.NewException("builtins", "ValueError", m["message"].(string)))
			case "PENDING":
				task.TaskID = "another"
			}
			if err := s.Store(t.Context(), task, result.Reply{}); err != nil {
				t.Fatal(err)
			}
			tuples = append(tuples, fmt.Appendf(nil, `[[%q, null], null]`, id))
		}
		unlock := &celery.Task{ID: "x", Name: "celery.chord_unlock", Retries: retries, Args: []json.RawMessage{
			json.RawMessage(`"group"`), json.RawMessage(`{"task": "body", "args": [], "kwargs": {}, "options": {"task_id": "body"}, "subtask_type": null, "immutable": false}`),
		}}
		kwarg("result", string(celery.AppendArray(nil, tuples)))(unlock)
		kwarg("interval", "0")(unlock)
		if limit != nil {
			kwarg("max_retries", fmt.Sprint(limit))(unlock)
		}
		task, _ := w.acquire(unlock.Name)
		if _, err := w.run(t.Context(), task, w.newCall(&request{task: unlock}, w.settings(task.Options(), unlock))); err != nil {
			t.Logf("%v: %v", cases[i], err)
		}
		var got end
		for _, name := range b.sent {
			got.Again, got.Sent = got.Again || name == unlock.Name, got.Sent || name == "body"
		}
		if _, stored := s.of("body"); stored.Exception != nil {
			message, _ := celery.Text(stored.Exception.Args[0])
			got.Body = []string{stored.Exception.Type, message}
		}
		for _, e := range []end{got, want} {
			if len(e.Body) == 2 { // the arguments are in words of its own, and the backend's error is ours
				e.Body[1], _, _ = strings.Cut(e.Body[1], " args:")
				e.Body[1] = strings.NewReplacer("RuntimeError('away')", "HostError('away')", "send body[body]: down", "down").Replace(e.Body[1])
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: came to %+v, by Python to %+v", cases[i], got, want)
		}
	}
}
