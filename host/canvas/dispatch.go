package canvas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// Follow sends what follows the parent's success: its callbacks, then the next
// step of its chain. Celery does so before it stores the result, which lists
// what was sent as children.
func (d *Dispatcher) Follow(ctx context.Context, value json.RawMessage) error {
	t := d.Parent
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	args := []json.RawMessage{value}
	var options Options
	options.setText("parent_id", t.ID)
	options.setText("root_id", t.Root())
	options.set("priority", d.inherited())
	callbacks, err := ParseList(t.Embed.Callbacks)
	if err != nil {
		return fmt.Errorf("callbacks of %s[%s]: %w", t.Name, t.ID, err)
	}
	var single []*Signature
	for _, c := range callbacks {
		if c.kind != group || len(callbacks) == 1 {
			single = append(single, c)
			continue
		}
		if _, err := d.apply(ctx, c, args, nil, options.clone()); err != nil {
			return err
		}
	}
	switch {
	case len(callbacks) == 1:
		_, err = d.apply(ctx, single[0], args, nil, options.clone())
	case len(single) > 0:
		_, err = d.apply(ctx, newGroup(single), args, nil, options.clone())
	}
	if err != nil {
		return err
	}
	steps, err := rawList(t.Embed.Chain)
	if err != nil {
		return fmt.Errorf("chain of %s[%s]: %w", t.Name, t.ID, err)
	}
	if len(steps) == 0 {
		return nil
	}
	next, err := Parse(steps[len(steps)-1])
	if err != nil {
		return fmt.Errorf("chain of %s[%s]: %w", t.Name, t.ID, err)
	}
	options.put(option{key: "chain", raw: celery.AppendArray(nil, steps[:len(steps)-1])})
	_, err = d.apply(ctx, next, args, nil, options)
	return err
}

// inherited is the priority for what is sent, null unless it is inherited.
func (d *Dispatcher) inherited() json.RawMessage {
	if d.InheritPriority && d.Parent.Priority != nil {
		return fmt.Appendf(nil, "%d", *d.Parent.Priority)
	}
	return json.RawMessage("null")
}

// A Backend is where the failures of tasks go that will not run any more.
type Backend interface {
	// Store stores a state for whoever waits for it.
	Store(ctx context.Context, r celery.Result, to result.Reply) error
	// State returns the state of a task, PENDING where the backend cannot tell.
	State(ctx context.Context, taskID string) (string, error)
}

// Part tells the chord whose header the parent is part of that it has ended,
// and starts the body when it was the last. value is the result, or the
// exception as it is stored.
func (d *Dispatcher) Part(ctx context.Context, b Backend, state string, value json.RawMessage) error {
	t := d.Parent
	return d.part(ctx, b, result.Part{TaskID: t.ID, Group: t.Group, Index: t.GroupIndex, State: state, Value: value}, t.Embed.Chord)
}

func (d *Dispatcher) part(ctx context.Context, b Backend, p result.Part, body json.RawMessage) error {
	if celery.IsNull(body) || p.Group == "" || p.TaskID == "" || d.Chords == nil {
		return nil
	}
	claim, err := d.Chords.Part(ctx, p)
	if err != nil || claim == nil {
		return err
	}
	callback, err := Parse(body)
	if err != nil {
		return errors.Join(fmt.Errorf("body of chord %s: %w", p.Group, err), claim.Abandon(ctx))
	}
	values, err := claim.Results(ctx)
	if err != nil {
		reason, cause := "Join error: "+reprOf(err), asException(err)
		if failed, ok := errors.AsType[*result.DependencyError](err); ok {
			reason, cause = failed.Error(), failed.Cause
		}
		return errors.Join(d.chordError(ctx, b, callback, celery.ChordError(reason), cause), claim.Abandon(ctx))
	}
	kept, err := claim.Keep(ctx)
	if err != nil || !kept {
		return err
	}
	return errors.Join(d.StartBody(ctx, b, callback, celery.AppendArray(nil, values)), claim.Done(ctx))
}

// asException is an error as a Python exception.
func asException(err error) *celery.Exception {
	if e, ok := errors.AsType[*celery.Exception](err); ok {
		return e
	}
	if errors.Is(err, ErrNoChords) {
		return celery.NewException("builtins", "NotImplementedError", (&UnsupportedError{}).Error())
	}
	return celery.NewException("kombu.exceptions", "OperationalError", err.Error())
}

func reprOf(err error) string { return asException(err).Repr() }

// chordError fails the body of a chord: its errbacks are called, the failure is
// stored for it, and what should follow it fails as well. The members of a body
// that is a group fail with what the header failed with.
func (d *Dispatcher) chordError(ctx context.Context, b Backend, body *Signature, exc, cause *celery.Exception) error {
	chain := body.Options.get("chain")
	if body.kind == group {
		err := d.groupChordError(ctx, b, body, cause)
		return errors.Join(err, d.failChain(ctx, b, chain, celery.StateFailure, exc, true))
	}
	id := body.Options.text("task_id")
	if id == "" {
		id = d.NewID()
	}
	// Errbacks are told of the body, though it did not run.
	failed := &celery.Task{ID: id, Name: body.Task, Args: body.Args, Kwargs: body.keywords()}
	errs := []error{d.errbacks(ctx, body.Options.get("link_error"), failed, exc)}
	// Celery's has a traceback too: that of the task whose end completed the header.
	traced := *exc
	traced.Traceback = fmt.Sprintf("Traceback (most recent call last):\n  Header of the chord with the body %s[%s]\n%s\n", body.Task, id, exc.Error())
	errs = append(errs, d.storeFailure(ctx, b, id, &traced))
	return errors.Join(append(errs, d.failChain(ctx, b, chain, celery.StateFailure, exc, true))...)
}

func (d *Dispatcher) groupChordError(ctx context.Context, b Backend, body *Signature, exc *celery.Exception) error {
	frozen, err := d.freezeGroup(body, identity{})
	if err != nil {
		return err
	}
	own, err := rawList(body.Options.get("link_error"))
	if err != nil {
		return err
	}
	var errs []error
	for i, r := range frozen.Children {
		list := append(body.tasks[i].resultErrbacks(), own...)
		errs = append(errs, d.errbacks(ctx, celery.AppendArray(nil, unique(list)), &celery.Task{ID: r.ID, Name: unknownTask}, exc), d.storeFailure(ctx, b, r.ID, exc))
	}
	return errors.Join(append(errs, d.storeFailure(ctx, b, frozen.ID, exc))...)
}

// unknownTask is what Celery names a task of which it knows no more than the id.
const unknownTask = "unknown"

// resultErrbacks are the errbacks linked to the result of a signature: a
// chord's result is that of its body.
func (s *Signature) resultErrbacks() []json.RawMessage {
	list, err := rawList(s.Options.get("link_error"))
	if err != nil {
		return nil
	}
	if s.kind == chord && s.body != nil {
		return append(list, s.body.resultErrbacks()...)
	}
	if s.kind == group {
		for _, t := range s.tasks {
			list = append(list, t.resultErrbacks()...)
		}
	}
	return list
}

func unique(list []json.RawMessage) []json.RawMessage {
	var out []json.RawMessage
	seen := map[string]bool{}
	for _, v := range list {
		if !seen[string(v)] {
			seen[string(v)] = true
			out = append(out, v)
		}
	}
	return out
}

// storeFailure stores a failure for a task of which only the id is known.
func (d *Dispatcher) storeFailure(ctx context.Context, b Backend, id string, exc *celery.Exception) error {
	r := celery.Failure(&celery.Task{ID: id}, exc)
	r.Children = d.Children()
	return b.Store(ctx, r, result.Reply{ReplyTo: d.Parent.ReplyTo, CorrelationID: id})
}

// Fail does what follows the parent's failure, once that is stored: its chord
// is told, the rest of its chain fails as well, and its errbacks are called.
// stored says whether failures are stored at all; a retry or revocation calls
// no errbacks.
func (d *Dispatcher) Fail(ctx context.Context, b Backend, state string, exc *celery.Exception, stored bool) error {
	t := d.Parent
	errs := []error{d.Part(ctx, b, state, exc.Document())}
	if state == celery.StateFailure {
		errs = append(errs, d.failChain(ctx, b, t.Embed.Chain, state, exc, stored), d.errbacks(ctx, t.Embed.Errbacks, t, exc))
	}
	return errors.Join(errs...)
}

// failChain gives every later step of a chain the failure of the one that ended
// it. Steps that are parts of a chord count as failed there.
func (d *Dispatcher) failChain(ctx context.Context, b Backend, chainOf json.RawMessage, state string, exc *celery.Exception, stored bool) error {
	steps, err := ParseList(chainOf)
	if err != nil {
		return fmt.Errorf("rest of the chain: %w", err)
	}
	var errs []error
	for len(steps) > 0 {
		step := steps[0]
		steps = steps[1:]
		o := step.Options
		id, partOf := o.text("task_id"), o.get("chord")
		failed := false
		if partOf != nil && id != "" {
			before, err := b.State(ctx, id)
			if err != nil {
				errs = append(errs, err)
			}
			failed = before == celery.StateFailure || before == celery.StateRevoked
		}
		if stored && id != "" {
			r := celery.Failure(&celery.Task{ID: id, Group: o.text("group_id"), ParentID: o.text("parent_id")}, exc)
			errs = append(errs, b.Store(ctx, r, result.Reply{ReplyTo: o.text("reply_to"), CorrelationID: id}))
		}
		if partOf != nil && !failed {
			errs = append(errs, d.part(ctx, b, result.Part{
				TaskID: id, Group: o.text("group_id"), Index: asInt(mustNumber(o, "group_index")), State: state, Value: exc.Document(),
			}, partOf))
		}
		if step.kind == chord && step.body != nil {
			steps = append(steps, step.body)
		}
	}
	return errors.Join(errs...)
}

// errbacks calls the errbacks of a failed task, and sends those that are not called
// here with its id in front of their arguments, all as one group.
func (d *Dispatcher) errbacks(ctx context.Context, list json.RawMessage, failed *celery.Task, exc *celery.Exception) error {
	sigs, err := ParseList(list)
	if err != nil {
		return fmt.Errorf("errbacks: %w", err)
	}
	var send []*Signature
	for _, s := range sigs {
		if s.kind == plain && d.Inline != nil && d.Inline(ctx, s, failed, exc) {
			continue
		}
		send = append(send, s)
	}
	if len(send) == 0 {
		return nil
	}
	var options Options
	options.setText("parent_id", failed.ID)
	options.setText("root_id", failed.Root())
	_, err = d.apply(ctx, newGroup(send), []json.RawMessage{celery.Quote(failed.ID)}, nil, options)
	return err
}
