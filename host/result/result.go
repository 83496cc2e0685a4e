// Package result is where the states and results of tasks go. The backends are
// in the packages below it; resulttest holds them to one contract.
package result

import (
	"context"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Reply is where the sender of a task waits for its result. Backends that
// keep results for whoever asks do not need it.
type Reply struct {
	// ReplyTo is the sender's reply queue; empty where it waits for nothing.
	ReplyTo string
	// CorrelationID is what the sender tells results apart by; empty means the
	// task's id.
	CorrelationID string
}

// A Store keeps the states of tasks. Its methods may be called by any goroutine.
type Store interface {
	// Store returns once the state is safe with the backend. While the backend
	// is away it waits, with growing pauses, as long as ctx lasts: its error then
	// wraps context.Cause(ctx), and the state may or may not have been stored.
	// Other errors are final: the backend has refused the state.
	//
	// What a client was told to be SUCCESS is never taken back, so that storing
	// another state for such a task changes nothing and is no error.
	Store(ctx context.Context, r celery.Result, to Reply) error
	// Close frees the connection. Store must not be called after it.
	Close() error
}

// Disabled stores nothing: clients that wait for a result wait for ever.
type Disabled struct{}

// Store implements [Store].
func (Disabled) Store(context.Context, celery.Result, Reply) error { return nil }

// Close implements [Store].
func (Disabled) Close() error { return nil }
