package canvas

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

var errEmptyChain = errors.New("a chain without tasks")

// applyChain sends the first step of a chain with the rest behind it: Celery's
// chain.run.
func (d *Dispatcher) applyChain(ctx context.Context, s *Signature, args []json.RawMessage, kwargs celery.Object, options Options) (*Result, error) {
	all := slices.Clone(s.Options)
	for _, o := range options { // a chain's own options freeze nothing
		all.put(o)
	}
	first, _ := s.arguments(args)
	if len(args) == 0 || s.Immutable {
		first = s.Args
	}
	as := identity{id: all.text("task_id"), group: all.text("group_id"), root: all.text("root_id"), index: asInt(mustNumber(all, "group_index"))}
	if i := all.find("chord"); i >= 0 {
		as.chord = all[i]
	}
	errbacks, err := rawList(all.get("link_error"))
	if err != nil {
		return nil, err
	}
	links, err := rawList(all.get("link"))
	if err != nil {
		return nil, err
	}
	tasks, results, err := d.prepareSteps(s, steps{args: first, kwargs: kwargs, tasks: s.tasks, identity: as, errbacks: errbacks, copies: true})
	if err != nil || len(results) == 0 {
		return nil, err
	}
	for _, link := range links {
		if err := tasks[0].Options.extend("link", link); err != nil {
			return nil, err
		}
	}
	rest := tasks[:len(tasks)-1]
	for _, key := range []string{"group_id", "chord", "task_id", "link", "link_error", "root_id", "parent_id", "group_index"} {
		all.remove(key)
	}
	following, err := rawList(all.get("chain"))
	if err != nil {
		return nil, err
	}
	for _, t := range rest {
		following = append(slices.Clip(following), t.Append(nil))
	}
	all.set("chain", celery.AppendArray(nil, following))
	applied, err := d.apply(ctx, tasks[len(tasks)-1], nil, nil, all)
	if err != nil || len(rest) == 0 {
		return applied, err
	}
	return results[0], nil
}

// mustNumber reads a number that a canvas wrote itself; anything else is none.
func mustNumber(o Options, key string) *float64 {
	f, err := o.number(key)
	if err != nil {
		return nil
	}
	return f
}

// extend appends a signature to a list option, even if it is there already.
func (o *Options) extend(key string, sig json.RawMessage) error {
	list, err := rawList(o.get(key))
	if err != nil {
		return err
	}
	o.set(key, celery.AppendArray(nil, append(slices.Clip(list), sig)))
	return nil
}

// steps are what prepareSteps makes of a chain's tasks.
type steps struct {
	args     []json.RawMessage
	kwargs   celery.Object
	tasks    []*Signature
	identity // of the last step
	errbacks []json.RawMessage
	// copies leaves the signatures as they are: the chain is being sent, not
	// frozen for its ids.
	copies bool
}

// prepareSteps unrolls nested chains, makes chords of groups that something
// follows, and freezes every step. Tasks and results come last step first.
func (d *Dispatcher) prepareSteps(s *Signature, in steps) (tasks []*Signature, results []*Result, err error) {
	todo := trimHead(slices.Clone(in.tasks), in.copies)
	var prev *Signature
	var prevResult *Result
	for last := true; len(todo) > 0; {
		task := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		first := len(todo) == 0
		if task.kind == group {
			task = unroll(task)
			if task.kind == group && len(task.tasks) == 0 && (len(todo) > 0 || prev != nil) {
				continue
			}
		}
		if in.copies && task.kind == chord && ledByTask(task.body) {
			unrolled, err := task.unrollBody(d.HeaderErrbacks)
			if err != nil {
				return nil, nil, err
			}
			todo = append(todo, unrolled...)
			continue
		}
		switch {
		case in.copies && first:
			c := task.clone(in.args)
			c.Kwargs = task.keywordsWith(in.kwargs)
			task = c
		case in.copies:
			task = task.clone(nil)
		case first:
			task.Args, task.listed = slices.Concat(in.args, task.Args), false
		}
		if task.kind == chain {
			todo = append(todo, task.tasks...)
			continue
		}
		if task.kind == group && prev != nil {
			// What follows a group waits for all of it: a chord.
			tasks = tasks[:len(tasks)-1]
			bodyResult := results[len(results)-1]
			results = results[:len(results)-1]
			c := &Signature{Task: "celery.chord", kind: chord, Kwargs: celery.Object{{Key: "kwargs", Value: json.RawMessage("{}")}}, tasks: task.tasks, body: prev}
			c.Options.setText("task_id", prevResult.ID)
			c.Options.setTextOrNull("root_id", in.root)
			task = c
			prev = nil
			if len(tasks) > 0 {
				prev = tasks[len(tasks)-1]
			}
			var node *Result
			if len(results) > 0 {
				node = results[len(results)-1]
			}
			for node != nil && node.Parent != bodyResult {
				node = node.Parent
			}
			if node != nil {
				node.Parent = nil
				prevResult = node
			}
		}
		as := identity{root: in.root}
		if last {
			as = in.identity
			as.parent = ""
		}
		last = false
		r, err := d.freeze(task, as)
		if err != nil {
			return nil, nil, err
		}
		if prev != nil && prevResult != nil && prevResult.Parent == nil && prevResult != r {
			prevResult.Parent = r
		}
		for _, errback := range in.errbacks {
			if err := task.linkError(errback, d.HeaderErrbacks); err != nil {
				return nil, nil, err
			}
			if task.kind == chord && task.body != nil {
				if err := task.body.linkError(errback, d.HeaderErrbacks); err != nil {
					return nil, nil, err
				}
			}
		}
		tasks, results = append(tasks, task), append(results, r)
		prev, prevResult = task, r
		if task.kind == chord {
			if _, err := d.chords(); err != nil {
				return nil, nil, err
			}
			for prevResult != nil && prevResult.Parent != nil {
				prevResult = prevResult.Parent
			}
		}
	}
	if len(results) > 0 {
		s.Options.setText("task_id", results[0].ID)
	}
	if in.copies {
		for _, t := range tasks {
			stripHeaderLinks(t)
		}
	}
	return tasks, results, nil
}

// trimHead brings the first real task to the front: it gets the arguments.
func trimHead(todo []*Signature, copies bool) []*Signature {
	var stripped *Signature
	for len(todo) > 0 {
		head := todo[0]
		if head.kind == chain {
			if copies {
				head = head.clone(nil)
			}
			todo = slices.Concat(head.tasks, todo[1:])
			continue
		}
		if head.kind == group {
			head = unroll(head)
			todo[0] = head
			if len(todo) > 1 && head.kind == group && len(head.tasks) == 0 {
				stripped = head
				todo = todo[1:]
				continue
			}
		}
		break
	}
	if stripped != nil && len(todo) == 0 {
		todo = []*Signature{stripped}
	}
	return todo
}

// unroll returns the only member of a group, or the group.
func unroll(s *Signature) *Signature {
	if s.kind == group && len(s.tasks) == 1 {
		return s.tasks[0]
	}
	return s
}

// ledByTask reports whether a chord's body is a chain whose first step is not a
// group: then the rest of it may follow the chord as steps of its own.
func ledByTask(body *Signature) bool {
	return body != nil && body.kind == chain && len(body.tasks) > 0 && body.tasks[0].kind != group
}

// unrollBody returns the chord with the first step of its body, and the others.
func (s *Signature) unrollBody(headers bool) ([]*Signature, error) {
	c := s.clone(nil)
	tail, err := c.body.unchain(headers)
	if err != nil {
		return nil, err
	}
	options := c.body.Options.clone()
	for _, key := range []string{"chord", "group_id", "group_index", "link", "link_error", "parent_id", "root_id", "task_id"} {
		options.remove(key)
	}
	c.body = tail[0].clone(nil)
	c.body.Options = c.body.Options.merge(options)
	tail[0] = c
	return tail, nil
}

// unchain returns copies of a chain's tasks, with the chain's own links on the
// last of them and its errbacks on all.
func (s *Signature) unchain(headers bool) ([]*Signature, error) {
	tasks := cloneAll(s.tasks)
	links, err := rawList(s.Options.get("link"))
	if err != nil {
		return nil, err
	}
	errbacks, err := rawList(s.Options.get("link_error"))
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		if len(tasks) > 0 {
			if err := tasks[len(tasks)-1].link(link); err != nil {
				return nil, err
			}
		}
	}
	for _, errback := range errbacks {
		for _, t := range tasks {
			if err := t.linkError(errback, headers); err != nil {
				return nil, err
			}
		}
	}
	return tasks, nil
}

// link adds a callback: to a group's first task, to a chord's body.
func (s *Signature) link(callback json.RawMessage) error {
	switch {
	case s.kind == group && len(s.tasks) > 0:
		c, err := Parse(callback)
		if err != nil {
			return err
		}
		c.Immutable = true
		return s.tasks[0].link(c.Append(nil))
	case s.kind == chord && s.body != nil:
		return s.body.link(callback)
	}
	return s.Options.addTo("link", callback)
}

// linkError adds an errback: to all tasks of a group, to a chord's body and
// those of chords in its header, unless that has become a group already. headers
// adds it to the tasks of the header, too.
func (s *Signature) linkError(errback json.RawMessage, headers bool) error {
	switch {
	case s.kind == group:
		for _, t := range s.tasks {
			if err := t.linkError(errback, headers); err != nil {
				return err
			}
		}
		return nil
	case s.kind == chord && s.body != nil:
		header := s.tasks
		if s.header != nil {
			header = s.header.tasks
		}
		if headers {
			own, err := Parse(errback)
			if err != nil {
				return err
			}
			// Celery means to make it immutable, and clone() makes that an option.
			own.Options.set("immutable", json.RawMessage("true"))
			for _, t := range header {
				if err := t.linkError(own.Append(nil), headers); err != nil {
					return err
				}
			}
		}
		for _, t := range s.tasks {
			if t.kind == chord {
				if err := t.linkError(errback, headers); err != nil {
					return err
				}
			}
		}
		return s.body.linkError(errback, headers)
	}
	return s.Options.addTo("link_error", errback)
}

// stripHeaderLinks takes the body out of the header tasks of a chord that is
// still to come: it is put back when the header is sent.
func stripHeaderLinks(s *Signature) {
	switch s.kind {
	case chord:
		header := s.tasks
		if s.header != nil {
			s.header.Options.remove("chord")
			header = s.header.tasks
		}
		for _, t := range header {
			clearChord(t)
			stripHeaderLinks(t)
		}
		if s.body != nil {
			stripHeaderLinks(s.body)
		}
	case group, chain:
		for _, t := range s.tasks {
			stripHeaderLinks(t)
		}
	}
}

// clearChord removes the chord from the tasks in which a signature ends.
func clearChord(s *Signature) {
	s.Options.remove("chord")
	switch {
	case s.kind == group:
		for _, t := range s.tasks {
			clearChord(t)
		}
	case s.kind == chain && len(s.tasks) > 0:
		clearChord(s.tasks[len(s.tasks)-1])
	case s.kind == chord && s.body != nil:
		clearChord(s.body)
	}
}
