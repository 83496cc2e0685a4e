// Package resulttest holds result backends to one contract, and has one in
// memory that passes it.
package resulttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Backend is what a test of the suite works with.
type Backend struct {
	Store result.Store
	// Reply is what the sender of every task said.
	Reply result.Reply
	// Read returns the document that a client gets after a Store, by its task's
	// id. It is called once for each.
	Read func(t *testing.T, id string) []byte
	// Keeps says that a state can be read more than once.
	Keeps bool
	// Ungrouped says that it keeps no group and no parent.
	Ungrouped bool
	// Away makes the backend unreachable until back is called. Nil leaves out
	// the tests of that.
	Away func(t *testing.T) (back func())
}

// Run runs the suite. Every test opens a backend of its own, and closes its Store.
func Run(t *testing.T, open func(t *testing.T) Backend) {
	for name, test := range map[string]func(*testing.T, Backend){
		"every state arrives with its bytes":           statesArrive,
		"tasks are stored side by side":                sideBySide,
		"a later state replaces an earlier one":        laterState,
		"what was a success stays one":                 successStays,
		"waits for a backend that is away":             waits,
		"gives up with its context":                    givesUp,
		"a context that has ended stores nothing more": endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() {
				if err := b.Store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test(t, b)
		})
	}
}

func newTask() *celery.Task { return &celery.Task{ID: uuid.NewString(), Name: "resulttest.task"} }

func store(t *testing.T, b Backend, r celery.Result) {
	t.Helper()
	if err := b.Store.Store(t.Context(), r, b.Reply); err != nil {
		t.Fatalf("Store: %v", err)
	}
}

func want(t *testing.T, b Backend, r celery.Result) {
	t.Helper()
	if b.Ungrouped {
		r.GroupID, r.ParentID = "", ""
	}
	if got := b.Read(t, r.TaskID); string(got) != string(r.Encode()) {
		t.Errorf("got %s\nwant %s", got, r.Encode())
	}
}

func statesArrive(t *testing.T, b Backend) {
	grouped := newTask()
	grouped.Group, grouped.ParentID = "g", "p"
	failure := celery.NewException("pyspark.errors", "AnalysisException", "[PATH_NOT_FOUND] é 😀")
	failure.Traceback = "line 1\nline 2"
	for _, r := range []celery.Result{
		celery.Success(newTask(), json.RawMessage(`[["and", 38658], 2.0, 1180591620717411303424, NaN, "\u00e9"]`)),
		celery.Success(grouped, nil),
		celery.Failure(newTask(), failure),
		celery.Failure(newTask(), celery.Revoked("expired")),
		celery.Failure(newTask(), celery.NotRegistered("x.y")),
		celery.Started(newTask(), 7, "w@host"),
		celery.State(newTask(), "PROGRESS", json.RawMessage(`{"done":1}`)),
		celery.Retrying(newTask(), nil),
	} {
		store(t, b, r)
		want(t, b, r)
	}
}

func sideBySide(t *testing.T, b Backend) {
	var all []celery.Result
	var wg sync.WaitGroup
	for i := range 50 {
		r := celery.Success(newTask(), json.RawMessage(fmt.Sprint(i)))
		all = append(all, r)
		wg.Go(func() {
			if err := b.Store.Store(t.Context(), r, b.Reply); err != nil {
				t.Errorf("Store: %v", err)
			}
		})
	}
	wg.Wait()
	for _, r := range all {
		want(t, b, r)
	}
}

func laterState(t *testing.T, b Backend) {
	task := newTask()
	for _, r := range []celery.Result{
		celery.Started(task, 7, "w@host"), celery.State(task, "PROGRESS", nil), celery.Failure(task, celery.WorkerLost("gone")),
		celery.Retrying(task, nil), celery.Success(task, json.RawMessage("1")),
	} {
		store(t, b, r)
		want(t, b, r)
	}
}

func successStays(t *testing.T, b Backend) {
	if !b.Keeps {
		return // the client keeps the first final state that it is sent
	}
	task := newTask()
	success := celery.Success(task, json.RawMessage("1"))
	store(t, b, success)
	store(t, b, celery.Started(task, 7, "w@host"))
	store(t, b, celery.Failure(task, celery.Revoked("revoked")))
	want(t, b, success)
}

func waits(t *testing.T, b Backend) {
	if b.Away == nil {
		return
	}
	r := celery.Success(newTask(), json.RawMessage("1"))
	back := b.Away(t)
	stored := make(chan error, 1)
	go func() { stored <- b.Store.Store(t.Context(), r, b.Reply) }()
	select {
	case err := <-stored:
		t.Fatalf("Store returned %v while the backend was away", err)
	case <-time.After(200 * time.Millisecond):
	}
	back()
	if err := <-stored; err != nil {
		t.Fatalf("Store: %v", err)
	}
	want(t, b, r)
}

func givesUp(t *testing.T, b Backend) {
	if b.Away == nil {
		return
	}
	back := b.Away(t)
	defer back()
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
	if err := b.Store.Store(ctx, celery.Success(newTask(), nil), b.Reply); !errors.Is(err, cause) {
		t.Errorf("got %v, want an error that wraps the cause", err)
	}
}

func endedContext(t *testing.T, b Backend) {
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := b.Store.Store(ctx, celery.Success(newTask(), nil), b.Reply); err != nil && !errors.Is(err, cause) {
		t.Errorf("got %v, want nil or an error that wraps the cause", err)
	}
}
