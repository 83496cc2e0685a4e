package result

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// Chords are a backend's counts of the parts of chords. Workers of every kind
// share them, so their form is Celery's. The methods may be called by any
// goroutine; while the backend is away they wait as [Store.Store] does.
type Chords interface {
	// SetSize says how many completions of a header its body waits for. It is
	// called before the last of the header's tasks is sent.
	SetSize(ctx context.Context, group string, size int) error
	// SaveGroup keeps the result tuple of a header that has groups in it, so
	// that the body gets its results in that shape.
	SaveGroup(ctx context.Context, group string, tuple json.RawMessage) error
	// Extend raises the number of completions by one.
	Extend(ctx context.Context, group string) error
	// Part counts one completion, each task once. The claim that it returns is
	// not nil for the one caller that is to start the body.
	Part(ctx context.Context, p Part) (Claim, error)
}

// A Part is the end of one task of a chord's header.
type Part struct {
	TaskID, Group string
	// Index is the place in the header; nil comes last.
	Index *int
	State string
	// Value is the result, or the exception as it is stored.
	Value json.RawMessage
}

// A Claim is the right to start the body of a chord whose header has ended. It
// lasts some seconds; who lets it end leaves the body to another worker.
type Claim interface {
	// Results returns the results of the header in its order. A header task
	// that failed is a [*DependencyError].
	Results(ctx context.Context) ([]json.RawMessage, error)
	// Keep holds the claim while the body is sent; false means that it was lost.
	Keep(ctx context.Context) (bool, error)
	// Done says that the body was sent, and forgets the chord.
	Done(ctx context.Context) error
	// Abandon says that the body will not be sent: a header task has failed.
	Abandon(ctx context.Context) error
}

// A DependencyError says that a task of a chord's header did not succeed.
type DependencyError struct {
	TaskID string
	Cause  *celery.Exception
}

// Error implements error, in Celery's words.
func (e *DependencyError) Error() string {
	return fmt.Sprintf("Dependency %s raised %s", e.TaskID, e.Cause.Repr())
}

// A Reader is a backend that can be asked for results.
type Reader interface {
	// Get returns the state of a task now; false means that none is stored,
	// which Celery calls PENDING.
	Get(ctx context.Context, taskID string) (celery.Result, bool, error)
}

// A Cleaner is a backend whose results do not expire by themselves.
type Cleaner interface {
	// Cleanup deletes those that have: Celery's celery.backend_cleanup calls it.
	Cleanup(ctx context.Context) error
}

// Join returns the value of a result tuple, of a group a list; false means that
// some of it is not there yet. Of what failed, once all is there, the first is a
// [*DependencyError].
func Join(ctx context.Context, from Reader, tuple json.RawMessage) (json.RawMessage, bool, error) {
	parts, err := celery.Elements(tuple)
	if err != nil || len(parts) != 2 {
		return nil, false, fmt.Errorf("result tuple %s: not [[id, parent], children]", celery.SafeRepr(tuple, 128))
	}
	if !celery.IsNull(parts[1]) {
		children, err := celery.Elements(parts[1])
		if err != nil {
			return nil, false, fmt.Errorf("result tuple: %w", err)
		}
		all, failed := true, error(nil)
		for i, child := range children {
			value, ready, err := Join(ctx, from, child)
			if _, depends := errors.AsType[*DependencyError](err); !depends && err != nil {
				return nil, false, err
			}
			all, children[i] = all && ready, value
			if failed == nil {
				failed = err
			}
		}
		if !all {
			return nil, false, nil
		}
		if failed != nil {
			return nil, true, failed
		}
		return celery.AppendArray(nil, children), true, nil
	}
	head, err := celery.Elements(parts[0])
	if err != nil || len(head) == 0 {
		return nil, false, errors.New("result tuple without an id")
	}
	id, _ := celery.Text(head[0])
	r, found, err := from.Get(ctx, id)
	if err != nil || !found || !r.Ready() {
		return nil, false, err
	}
	if r.State != celery.StateSuccess {
		cause := r.Exception
		if cause == nil {
			cause = celery.NewException("builtins", "Exception", celery.Repr(r.Value))
		}
		return nil, true, &DependencyError{TaskID: id, Cause: cause}
	}
	if len(r.Value) == 0 {
		return json.RawMessage("null"), true, nil
	}
	return r.Value, true, nil
}
