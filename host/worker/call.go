package worker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Call is what a task's body may know of the message it answers, and what it
// may have sent. It is used by one goroutine.
type Call struct {
	*celery.Task
	// Hostname is the worker's node name.
	Hostname string
	// Limit and SoftLimit are the time that the body may take, and after which
	// it is to be told to end; zero means no limit.
	Limit, SoftLimit time.Duration
	// Idempotent says that the body may be run once more. Draining is closed once
	// the worker takes no more tasks; nil never is.
	Idempotent bool
	Draining   <-chan struct{}
	// State stores a state of the task's own, such as PROGRESS, with any JSON
	// value as meta. It does nothing for a task whose result is ignored.
	State func(ctx context.Context, state string, meta json.RawMessage) error
	// The rest sends messages; each is nil for a call that came by none.
	//
	// Retry sends the call again. The body should end with the exception
	// celery.exceptions.Retry; an error is what it should fail with.
	Retry func(ctx context.Context, r abi.Retry) error
	// Send sends a signature and returns the id of its result; AddToChord does so
	// as one more task of the chord that the call is part of.
	Send, AddToChord func(ctx context.Context, signature json.RawMessage) (id string, err error)
	// Replace sends a signature in the call's place. The body should end with
	// the exception celery.exceptions.Ignore.
	Replace func(ctx context.Context, signature json.RawMessage) error

	call *call // nil for a call that came by no message
}

// public is what the body gets of a call.
func (c *call) public() Call {
	return Call{
		Task: c.r.task, Hostname: c.w.Hostname, Limit: c.set.limit, SoftLimit: c.set.softLimit,
		Idempotent: chosen(c.set.Idempotent, false), Draining: c.w.stopping,
		State: c.state, Retry: c.retry, Send: c.sendSignature, AddToChord: c.addToChord, Replace: c.replace, call: c,
	}
}

// call is what a Call does through the worker, and what came of it.
type call struct {
	w    *Worker
	r    *request
	set  settings
	send *canvas.Dispatcher
	// task is whose body runs, once it does.
	task Task
	// retried says how, once the call was sent again.
	retried *retried
	// noRetries says that what ran the task died, and that it has been tried as often as it may be.
	noRetries bool
}

func (w *Worker) newCall(r *request, set settings) *call {
	return &call{w: w, r: r, set: set, send: w.dispatcher(r.task)}
}

// dispatcher sends what a task has to send.
func (w *Worker) dispatcher(t *celery.Task) *canvas.Dispatcher {
	d := &canvas.Dispatcher{
		Publish: w.publish, ReplyTo: w.oid, Origin: w.origin, NewID: uuid.NewString,
		Registered: w.registered, Parent: t, InheritPriority: w.InheritPriority, Priority: w.DefaultPriority, HeaderErrbacks: w.HeaderErrbacks,
	}
	if chords, ok := w.Config.Store.(result.Chords); ok {
		d.Chords = chords
	} else if _, reads := w.Config.Store.(result.Reader); reads {
		d.Unlock, d.UnlockEvery = true, w.ChordRetryInterval
	}
	d.Inline = w.inline
	return d
}

// registered reports whether a task is served here, and its options, with
// whether it ignores its result.
func (w *Worker) registered(name string) (abi.TaskOptions, bool) {
	o, ok := w.TaskOptions(name)
	o.IgnoreResult = new(chosen(o.IgnoreResult, w.IgnoreResult))
	return o, ok
}

// sender sends what tasks of this worker have to send.
func (w *Worker) sender() Sender {
	return Sender{Broker: w.Broker, Queues: w.Queues, Routes: w.Routes, TaskSent: w.TaskSent, Style: w.Style}
}

func (w *Worker) publish(ctx context.Context, m canvas.Message) error {
	return w.sender().Publish(ctx, m)
}

// Apply sends a signature that no task asked for.
func (w *Worker) Apply(ctx context.Context, signature json.RawMessage) error {
	s, err := parse(signature)
	if err != nil {
		return err
	}
	_, err = w.dispatcher(nil).Apply(ctx, s, nil)
	return err
}

// state stores a state of the task's own.
func (c *call) state(ctx context.Context, state string, meta json.RawMessage) error {
	if c.set.ignoreResult {
		return nil
	}
	return c.w.Config.Store.Store(ctx, c.w.document(c.r.task, celery.State(c.r.task, state, meta), c.send), reply(c.r.task))
}

func (c *call) sendSignature(ctx context.Context, signature json.RawMessage) (string, error) {
	s, err := parse(signature)
	if err != nil {
		return "", err
	}
	return idOf(c.send.Apply(ctx, s.FromTask(), nil))
}

func (c *call) addToChord(ctx context.Context, signature json.RawMessage) (string, error) {
	s, err := parse(signature)
	if err != nil {
		return "", err
	}
	return idOf(c.send.AddToChord(ctx, s.FromTask()))
}

func (c *call) replace(ctx context.Context, signature json.RawMessage) error {
	s, err := parse(signature)
	if err != nil {
		return err
	}
	c.r.follow()
	_, err = idOf(c.send.Replace(ctx, s.FromTask()))
	return err
}

func parse(signature json.RawMessage) (*canvas.Signature, error) {
	s, err := canvas.Parse(signature)
	if err != nil {
		return nil, abi.Errorf("ValueError", "signature: %v", err)
	}
	return s, nil
}

// idOf is the id of a result; errors become what the task should see.
func idOf(r *canvas.Result, err error) (string, error) {
	var refused *canvas.Refusal
	switch {
	case errors.As(err, &refused):
		return "", abi.Errorf(refused.Class, "%s", refused.Text)
	case errors.Is(err, canvas.ErrNoChords):
		return "", abi.Errorf("NotImplementedError", "%v", err)
	case err != nil:
		return "", abi.Errorf("kombu.exceptions.OperationalError", "%v", err)
	case r == nil:
		return "", nil
	}
	return r.ID, nil
}

// document adds to a state what was sent meanwhile and, if it is configured,
// what Celery's result_extended adds.
func (w *Worker) document(t *celery.Task, r celery.Result, sent *canvas.Dispatcher) celery.Result {
	if sent != nil && r.Children == nil {
		r.Children = sent.Children()
	}
	if w.ResultExtended {
		r.Extra = celery.ExtendedMeta(t, w.Hostname)
	}
	return r
}

// backend is the result store for the failures that spread through a canvas.
type backend struct{ w *Worker }

// Store implements [canvas.Backend].
func (b backend) Store(ctx context.Context, r celery.Result, to result.Reply) error {
	return b.w.Config.Store.Store(ctx, r, to)
}

// State implements [canvas.Backend].
func (b backend) State(ctx context.Context, id string) (string, error) {
	reader, ok := b.w.Config.Store.(result.Reader)
	if !ok {
		return celery.StatePending, nil
	}
	r, found, err := reader.Get(ctx, id)
	if err != nil || !found {
		return celery.StatePending, err
	}
	return r.State, nil
}
