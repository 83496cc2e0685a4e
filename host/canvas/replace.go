package canvas

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Refusal is an error of whoever wrote a canvas: Celery's exception for it.
type Refusal struct {
	// Class is the exception's, with its module unless that is builtins.
	Class string
	Text  string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Text }

// Replace sends a signature in the parent's place: under its id, in its group
// and chord, and with its callbacks, errbacks and the rest of its chain behind.
// The parent then ends without a result. It is Celery's Task.replace.
func (d *Dispatcher) Replace(ctx context.Context, s *Signature) (*Result, error) {
	t := d.Parent
	if s.Options.get("chord") != nil {
		return nil, &Refusal{"celery.exceptions.ImproperlyConfigured", "A signature replacing a task must not be part of a chord"}
	}
	if s.kind == chain && len(s.tasks) == 0 {
		return nil, &Refusal{"celery.exceptions.ImproperlyConfigured", "Cannot replace with an empty chain"}
	}
	if err := s.whole(); err != nil {
		return nil, err
	}
	if s.kind == group {
		s = newChord(s, accumulate())
	}
	if s.kind == chain {
		if end := len(s.tasks) - 1; s.tasks[end].kind == group {
			s.tasks = slices.Clone(s.tasks)
			s.tasks[end] = newChord(s.tasks[end], accumulate())
		}
	}
	for _, links := range []struct {
		raw json.RawMessage
		add func(json.RawMessage) error
	}{{t.Embed.Callbacks, s.link}, {t.Embed.Errbacks, func(raw json.RawMessage) error { return s.linkError(raw, d.HeaderErrbacks) }}} {
		list, err := rawList(links.raw)
		if err != nil {
			return nil, err
		}
		for _, link := range list {
			if err := links.add(link); err != nil {
				return nil, err
			}
		}
	}
	if s.kind == chain {
		// The last task calls back, whatever is linked behind it below.
		list, err := rawList(s.Options.get("link"))
		if err != nil {
			return nil, err
		}
		for _, link := range list {
			if err := s.tasks[len(s.tasks)-1].Options.extend("link", link); err != nil {
				return nil, err
			}
		}
		s.Options.remove("link")
	}
	if _, err := d.freeze(s, identity{id: t.ID}); err != nil {
		return nil, err
	}
	if celery.IsNull(t.Embed.Chord) {
		s.Options.set("chord", json.RawMessage("null"))
	} else {
		s.Options.set("chord", t.Embed.Chord)
	}
	s.Options.setTextOrNull("group_id", t.Group)
	if t.GroupIndex == nil {
		s.Options.set("group_index", json.RawMessage("null"))
	} else {
		s.Options.setInt("group_index", *t.GroupIndex)
	}
	s.Options.setTextOrNull("root_id", t.RootID)
	nesting := t.ReplacedTaskNesting + 1
	s.Options.setInt("replaced_task_nesting", nesting)
	if s.kind == chain {
		for _, step := range s.tasks {
			step.Options.setInt("replaced_task_nesting", nesting)
		}
	}
	rest, err := ParseList(t.Embed.Chain)
	if err != nil {
		return nil, err
	}
	for _, step := range rest {
		if err := step.whole(); err != nil {
			return nil, err
		}
	}
	for _, step := range slices.Backward(rest) {
		step.Options.setInt("replaced_task_nesting", nesting)
		if s, err = s.then(step, d.HeaderErrbacks); err != nil {
			return nil, err
		}
	}
	return d.Apply(ctx, s, nil)
}

// whole reports as an error a chord in s that has no body.
func (s *Signature) whole() error {
	if s.kind == chord && s.body == nil {
		return fmt.Errorf("%w: a chord without a body", errShape)
	}
	parts := s.tasks
	if s.body != nil {
		parts = append(slices.Clip(parts), s.body)
	}
	for _, part := range parts {
		if err := part.whole(); err != nil {
			return err
		}
	}
	return nil
}

func accumulate() *Signature {
	return &Signature{Task: "celery.accumulate", Kwargs: celery.Object{{Key: "index", Value: json.RawMessage("0")}}}
}

// newChord is Celery's chord(header, body).
func newChord(header, body *Signature) *Signature {
	return &Signature{
		Task: "celery.chord", kind: chord, Kwargs: celery.Object{{Key: "kwargs", Value: json.RawMessage("{}")}},
		tasks: header.tasks, body: body,
	}
}

func newChain(tasks ...*Signature) *Signature {
	return &Signature{Task: "celery.chain", kind: chain, tasks: tasks}
}

// then is Celery's s | next; headers is [Dispatcher.HeaderErrbacks].
func (s *Signature) then(next *Signature, headers bool) (*Signature, error) {
	empty := next.kind == group && len(next.tasks) == 0
	switch s.kind {
	case group:
		if empty {
			return s, nil
		}
		return newChord(s, next), nil
	case chord:
		one := unroll(next)
		if one.kind == plain || one.kind == chord || one != next {
			c := s.clone(nil)
			var err error
			c.body, err = c.body.then(one, headers)
			return c, err
		}
	case chain:
		return s.chainThen(next, empty, headers)
	}
	if next.kind == chain {
		tail, err := next.unchain(headers)
		if err != nil {
			return nil, err
		}
		return newChain(append([]*Signature{s}, tail...)...), nil
	}
	return newChain(s, unroll(next)), nil
}

func (s *Signature) chainThen(next *Signature, empty, headers bool) (*Signature, error) {
	if empty {
		return s, nil
	}
	if next.kind == chain {
		tail, err := next.unchain(headers)
		if err != nil {
			return nil, err
		}
		for _, t := range tail {
			if s, err = s.then(t, headers); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
	if one := unroll(next); one != next {
		return s.then(one, headers)
	}
	if end := len(s.tasks) - 1; end >= 0 && next.kind != group {
		last := s.tasks[end]
		if last.kind == group {
			c := s.clone(nil)
			c.tasks[end] = newChord(c.tasks[end], next)
			if end > 0 && c.tasks[end-1].kind == chord {
				before := c.tasks[end-1]
				var err error
				if before.body, err = before.body.then(c.tasks[end], headers); err != nil {
					return nil, err
				}
				c.tasks = c.tasks[:end]
			}
			return c, nil
		}
		if last.kind == chord && next.kind != chord {
			c := s.clone(nil)
			var err error
			c.tasks[end].body, err = c.tasks[end].body.then(next, headers)
			return c, err
		}
	}
	tasks, err := s.unchain(headers)
	if err != nil {
		return nil, err
	}
	if len(tasks) == 0 && next.kind == group {
		return next, nil
	}
	if next.kind == group && tasks[len(tasks)-1].kind == chord {
		last := tasks[len(tasks)-1]
		if last.body, err = last.body.then(next, headers); err != nil {
			return nil, err
		}
		return newChain(tasks...), nil
	}
	return newChain(append(tasks, next)...), nil
}

// AddToChord sends a signature as one more task of the chord whose header the
// parent is part of, in the parent's place among its results. It is Celery's
// Task.add_to_chord.
func (d *Dispatcher) AddToChord(ctx context.Context, s *Signature) (*Result, error) {
	t := d.Parent
	if celery.IsNull(t.Embed.Chord) {
		return nil, &Refusal{"ValueError", "Current task is not member of any chord"}
	}
	chords, err := d.chords()
	if err != nil {
		return nil, err
	}
	s.Options.setTextOrNull("group_id", t.Group)
	if t.GroupIndex != nil {
		s.Options.setInt("group_index", *t.GroupIndex)
	}
	s.Options.set("chord", t.Embed.Chord)
	s.Options.setTextOrNull("root_id", t.RootID)
	if _, err := d.freeze(s, identity{}); err != nil {
		return nil, err
	}
	if err := chords.Extend(ctx, t.Group); err != nil {
		return nil, err
	}
	return d.Apply(ctx, s, nil)
}
