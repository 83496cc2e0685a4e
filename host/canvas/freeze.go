package canvas

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// An identity is what freezing gives a signature besides its id. Empty fields
// leave the signature's own.
type identity struct {
	id, group, root, parent string
	index                   *int
	// chord is the body of the chord that the signature is to be part of: a
	// signature that still changes, or JSON as it came.
	chord option
}

// clone copies a signature as Celery's clone does: options deeply, the members
// of a group shared, those of a chain and a chord's parts copied as well.
// Arguments given are put before its own.
func (s *Signature) clone(args []json.RawMessage) *Signature {
	c := *s
	c.listed = false
	c.Args, _ = s.arguments(args)
	c.Kwargs = slices.Clone(s.Kwargs)
	c.Options = s.Options.clone()
	switch s.kind {
	case group:
		c.Args = nil
		c.tasks = slices.Clone(s.tasks)
	case chain:
		c.Args = nil
		c.tasks = cloneAll(s.tasks)
	case chord:
		if s.header != nil {
			c.header, c.tasks = nil, s.header.tasks
		} else {
			c.tasks = cloneAll(s.tasks)
		}
		if s.body != nil {
			c.body = s.body.clone(nil)
		}
	}
	return &c
}

func cloneAll(list []*Signature) []*Signature {
	out := make([]*Signature, len(list))
	for i, s := range list {
		out[i] = s.clone(nil)
	}
	return out
}

// arguments returns those of a call with the given ones in front, and whether
// Python has them as a list.
func (s *Signature) arguments(first []json.RawMessage) ([]json.RawMessage, bool) {
	if len(first) == 0 || s.Immutable {
		return s.Args, s.listed
	}
	return slices.Concat(first, s.Args), false
}

// keywordsWith merges keyword arguments of a call into the signature's own.
func (s *Signature) keywordsWith(more celery.Object) celery.Object {
	if len(more) == 0 || s.Immutable {
		return s.Kwargs
	}
	out := slices.Clone(s.Kwargs)
	for _, m := range more {
		if i := slices.IndexFunc(out, func(o celery.Member) bool { return o.Key == m.Key }); i >= 0 {
			out[i].Value = m.Value
		} else {
			out = append(out, m)
		}
	}
	return out
}

// freeze gives a signature, and all in it, the ids with which it will be sent,
// and returns its result.
func (d *Dispatcher) freeze(s *Signature, as identity) (*Result, error) {
	switch s.kind {
	case chain:
		_, results, err := d.prepareSteps(s, steps{args: s.Args, tasks: s.tasks, identity: as})
		if err != nil {
			return nil, err
		}
		if len(results) == 0 {
			return nil, errEmptyChain
		}
		return results[0], nil
	case group:
		return d.freezeGroup(s, as)
	case chord:
		return d.freezeChord(s, as)
	}
	o := &s.Options
	id := o.text("task_id")
	if id == "" {
		if id = as.id; id == "" {
			id = d.NewID()
		}
		o.setText("task_id", id)
	}
	if as.root != "" {
		o.setText("root_id", as.root)
	}
	if as.parent != "" {
		o.setText("parent_id", as.parent)
	}
	if !o.has("reply_to") {
		o.setText("reply_to", d.ReplyTo)
	}
	if as.group != "" && !o.has("group_id") {
		o.setText("group_id", as.group)
	}
	o.setChord(as.chord)
	if as.index != nil {
		o.setInt("group_index", *as.index)
	}
	return &Result{ID: id}, nil
}

// freezeGroup freezes the members of a group, with nested groups unrolled.
func (d *Dispatcher) freezeGroup(s *Signature, as identity) (*Result, error) {
	o := &s.Options
	id := o.text("task_id")
	if id == "" {
		id = d.NewID()
		o.setText("task_id", id)
	}
	if as.group != "" {
		o.setText("group_id", as.group)
	}
	o.setChord(as.chord)
	if as.index != nil {
		o.setInt("group_index", *as.index)
	}
	if !o.has("root_id") {
		o.setTextOrNull("root_id", as.root)
	}
	if !o.has("parent_id") {
		o.setTextOrNull("parent_id", as.parent)
	}
	root, parent := o.text("root_id"), o.text("parent_id")
	out := &Result{ID: id, IsGroup: true}
	var members []*Signature
	stack := slices.Clone(s.tasks)
	for index := 0; len(stack) > 0; {
		task := stack[0].clone(nil)
		stack = stack[1:]
		if task.kind == group {
			// In Celery's order: a deque is extended to the left one by one.
			for _, t := range task.tasks {
				stack = slices.Insert(stack, 0, t)
			}
			continue
		}
		if task.kind == chain && len(task.tasks) == 0 {
			continue
		}
		at := index
		r, err := d.freeze(task, identity{group: as.group, chord: as.chord, root: root, parent: parent, index: &at})
		if err != nil {
			return nil, err
		}
		members = append(members, task)
		out.Children = append(out.Children, r)
		index++
	}
	s.tasks = members
	return out, nil
}

func (d *Dispatcher) freezeChord(s *Signature, as identity) (*Result, error) {
	if s.body == nil {
		return nil, fmt.Errorf("%w: a chord without a body", errShape)
	}
	if s.header == nil {
		s.header, s.tasks = newGroup(s.tasks), nil
	}
	// Header first, though its tasks carry the body: they share it, and so have
	// the ids that it gets below.
	header, err := d.freezeGroup(s.header, identity{parent: as.parent, root: as.root, chord: option{sig: s.body}})
	if err != nil {
		return nil, err
	}
	s.Options.setText("task_id", header.ID)
	body, err := d.freeze(s.body, identity{id: as.id, root: as.root, chord: as.chord, group: as.group, index: as.index})
	if err != nil {
		return nil, err
	}
	first := body
	for first.Parent != nil {
		first = first.Parent
	}
	first.Parent = header
	return body, nil
}

// setChord sets the body of a chord, unless there is none or, which Python takes
// for none, it is a group without tasks.
func (o *Options) setChord(body option) {
	if s := body.sig; body.isNull() || s != nil && s.kind == group && len(s.tasks) == 0 {
		return
	}
	body.key = "chord"
	o.put(body)
}

func newGroup(tasks []*Signature) *Signature {
	return &Signature{Task: "celery.group", kind: group, tasks: tasks}
}
