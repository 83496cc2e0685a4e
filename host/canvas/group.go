package canvas

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A member is one task of a group that is ready to be sent.
type member struct {
	sig    *Signature
	result *Result
}

// applyGroup sends every member of a group: Celery's group.apply_async.
func (d *Dispatcher) applyGroup(ctx context.Context, s *Signature, args []json.RawMessage, kwargs celery.Object, options Options) (*Result, error) {
	if options.get("link") != nil {
		return nil, &Refusal{"TypeError", "Cannot add link to group: use a chord"}
	}
	if options.get("link_error") != nil {
		return nil, &Refusal{"TypeError", "Cannot add link to group: do that on individual tasks"}
	}
	addToParent := string(options.get("add_to_parent")) != "false"
	options = options.clone()
	for _, key := range []string{"add_to_parent", "link", "link_error"} {
		options.remove(key)
	}
	if len(s.tasks) == 0 {
		return d.freezeGroup(s, identity{})
	}
	merged := s.Options.clone()
	for _, o := range options {
		// Unlike those of a task, stamps of a group give way to the call's.
		if o.key != "group_id" && o.key != "stamped_headers" || !s.Options.has(o.key) {
			merged.put(o)
		}
	}
	options = merged
	id := options.text("task_id")
	options.remove("task_id")
	if id == "" {
		id = d.NewID()
	}
	options.setText("group_id", id)
	members, err := d.prepare(s.tasks, id, options.text("root_id"))
	if err != nil {
		return nil, err
	}
	out := &Result{ID: id, IsGroup: true}
	if out.Children, err = d.applyMembers(ctx, members, id, args, kwargs, options); err != nil {
		return nil, err
	}
	if len(out.Children) == 1 && out.Children[0].IsGroup {
		out = out.Children[0]
	}
	if addToParent {
		d.trail(out)
	}
	return out, nil
}

// prepare freezes the members of a group that is about to be sent. Nested
// groups become part of it.
func (d *Dispatcher) prepare(tasks []*Signature, groupID, root string) ([]member, error) {
	var out []member
	for index, task := range tasks {
		task = task.clone(nil)
		if task.kind == group {
			nested, err := d.prepare(task.tasks, groupID, root)
			if err != nil {
				return nil, err
			}
			out = append(out, nested...)
			continue
		}
		if task.kind == chain && len(task.tasks) == 0 {
			continue
		}
		r, err := d.freeze(task, identity{group: groupID, root: root, index: &index})
		if err != nil {
			return nil, err
		}
		out = append(out, member{task, r})
	}
	return out, nil
}

// applyMembers sends the members. The size of a chord is known, and set, before
// its last header task is sent.
func (d *Dispatcher) applyMembers(ctx context.Context, members []member, groupID string, args []json.RawMessage, kwargs celery.Object, options Options) ([]*Result, error) {
	shared := option{key: "chord", raw: json.RawMessage("null")}
	if i := options.find("chord"); i >= 0 {
		shared = options[i]
	}
	options.remove("chord")
	options.remove("group_index")
	size := 0
	var results []*Result
	for i, m := range members {
		body := shared
		if body.isNull() {
			if at := m.sig.Options.find("chord"); at >= 0 {
				body = m.sig.Options[at]
			}
		}
		size += descend(m.sig)
		if !body.isNull() && i == len(members)-1 {
			chords, err := d.chords()
			if err != nil {
				return nil, err
			}
			if err := chords.SetSize(ctx, groupID, size); err != nil {
				return nil, fmt.Errorf("chord %s: %w", groupID, err)
			}
		}
		o := options.clone()
		o.set("add_to_parent", json.RawMessage("false"))
		o.put(body)
		if _, err := d.apply(ctx, m.sig, args, kwargs, o); err != nil {
			return nil, err
		}
		results = append(results, m.result)
	}
	return results, nil
}

// descend counts the completions that a signature adds to a chord.
func descend(s *Signature) int {
	switch s.kind {
	case group:
		n := 0
		for _, t := range s.tasks {
			n += descend(t)
		}
		return n
	case chain:
		for i := len(s.tasks) - 1; i >= 0; i-- {
			if n := descend(s.tasks[i]); n > 0 {
				return n
			}
		}
		return 0
	case chord:
		if s.body == nil {
			return 0
		}
		return descend(s.body)
	}
	return 1
}
