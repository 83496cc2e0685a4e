package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// judge gives cases to a Python script and reads its verdict of each.
func judge[T any](t *testing.T, script string, cases any) (verdicts []T) {
	t.Helper()
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/"+script)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	if err := json.Unmarshal(out, &verdicts); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return verdicts
}

// TestErrbacksAreCalledAsByPython compares which errbacks are called here, and with
// what, for signatures with stored arguments of all kinds, wrong ones too.
func TestErrbacksAreCalledAsByPython(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	names := []string{"a", "b", "c", "d"}
	var cases [][]any
	for range 400 {
		args, kwargs := []any{}, map[string]any{}
		for n := random.IntN(4); n > 0; n-- {
			args = append(args, n)
		}
		for n := random.IntN(3); n > 0; n-- {
			kwargs[names[random.IntN(len(names))]] = "k"
		}
		cases = append(cases, []any{names[:random.IntN(len(names)+1)], args, kwargs, random.IntN(4) == 0})
	}
	bodies, params := map[string]body{}, map[string][]string{}
	var got *Call
	for i, c := range cases {
		name := fmt.Sprint("t", i)
		params[name] = c[0].([]string)
		bodies[name] = func(_ context.Context, c Call) (json.RawMessage, error) {
			got = &c
			return nil, nil
		}
	}
	b := start(t, Config{}, bodies, nil)
	b.registry.params = params
	exc := &celery.Exception{Type: "ValueError", Traceback: "<traceback>"}
	called := 0
	for i, want := range judge[[]any](t, "errbacks.py", cases) {
		signature, err := json.Marshal(map[string]any{"task": fmt.Sprint("t", i), "args": cases[i][1], "kwargs": cases[i][2], "immutable": cases[i][3]})
		if err != nil {
			t.Fatal(err)
		}
		s, err := canvas.Parse(signature)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		inline := b.inline(t.Context(), s, &celery.Task{ID: "<id>", Name: "failed"}, exc)
		if inline != (want != nil) || inline != (got != nil) {
			t.Errorf("%v: called %v, by Python %v", cases[i], inline, want != nil)
			continue
		}
		if !inline {
			continue
		}
		called++
		args := []any{}
		for n, raw := range got.Args {
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			if m, ok := v.(map[string]any); ok && n == 0 && m["id"] == "<id>" {
				v = "<request>"
			} else if ok && n == 1 && m["exc_type"] == "ValueError" {
				v = "<exc>"
			}
			args = append(args, v)
		}
		kwargs := map[string]any{}
		for _, k := range got.Kwargs {
			kwargs[k.Key] = "k"
		}
		if !reflect.DeepEqual([]any{args, kwargs}, want) {
			t.Errorf("%v: called with %v, by Python with %v", cases[i], []any{args, kwargs}, want)
		}
	}
	if called < 50 || called > 350 {
		t.Errorf("%d of %d are called: they are too much alike", called, len(cases))
	}
}
