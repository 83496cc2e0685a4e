package canvas

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// applyChord sends the header of a chord, whose tasks carry the body: Celery's
// chord.apply_async and run.
func (d *Dispatcher) applyChord(ctx context.Context, s *Signature, args []json.RawMessage, kwargs celery.Object, options Options) (*Result, error) {
	if s.body == nil {
		return nil, fmt.Errorf("%w: a chord without a body", errShape)
	}
	first, _ := s.arguments(args)
	if len(args) == 0 || s.Immutable {
		first = s.Args
	}
	options = options.clone()
	delay := Options{}
	for _, key := range []string{"countdown", "eta"} {
		if raw := options.get(key); raw != nil {
			delay.set(key, raw)
			options.remove(key)
		}
	}
	callbacks := Options{}
	for _, key := range []string{"link", "link_error"} {
		if raw := options.get(key); raw != nil {
			callbacks.set(key, raw)
		}
		options.remove(key)
	}
	taskID := options.text("task_id") // of the body, when the chord is called with one
	options.remove("task_id")
	body := s.body.clone(nil)
	body.Options = body.Options.merge(bodyOptions(options))

	var header *Signature
	if s.header != nil {
		header = s.header.clone(nil)
	} else {
		header = newGroup(slices.Clone(s.tasks))
		id := s.Options.text("task_id")
		if id == "" {
			id = d.NewID()
		}
		header.Options.setText("task_id", id)
	}
	merged := s.Options.clone()
	for _, more := range []Options{options, callbacks} {
		for _, o := range more {
			merged.put(o)
		}
	}
	for _, key := range []string{"countdown", "eta"} {
		if raw := s.Options.get(key); raw != nil && !delay.has(key) {
			delay.set(key, raw)
		}
		merged.remove(key)
	}
	if taskID == "" {
		taskID = merged.text("task_id")
	}
	merged.remove("task_id")
	for _, key := range []string{"interval", "max_retries", "eager"} {
		merged.remove(key)
	}
	own, err := celery.Members(orEmpty(s.argument("kwargs")))
	if err != nil {
		return nil, fmt.Errorf("chord's kwargs: %w", err)
	}
	own = (&Signature{Kwargs: own}).keywordsWith(kwargs)
	return d.runChord(ctx, header, body, first, own, taskID, merged, delay)
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if celery.IsNull(raw) {
		return json.RawMessage("{}")
	}
	return raw
}

func (s *Signature) argument(key string) json.RawMessage { return s.Kwargs.Get(key) }

// bodyOptions are those that a chord's body gets: the header task that fires it
// is its parent.
func bodyOptions(o Options) Options {
	o = o.clone()
	o.remove("parent_id")
	return o
}

func (d *Dispatcher) runChord(ctx context.Context, header, body *Signature, args []json.RawMessage, kwargs celery.Object, taskID string, options, delay Options) (*Result, error) {
	groupID := header.Options.text("task_id")
	if groupID == "" {
		groupID = d.NewID()
	}
	root := body.Options.text("root_id")
	if len(options) > 0 {
		var err error
		if options, err = addBodyCallbacks(body, options); err != nil {
			return nil, err
		}
		for _, o := range bodyOptions(options) {
			body.Options.put(o)
		}
	}
	if body.kind == chain {
		if err := body.unrollChords(d.HeaderErrbacks); err != nil {
			return nil, err
		}
	}
	if taskID == "" {
		taskID = d.NewID()
	}
	bodyResult, err := d.freeze(body, identity{id: taskID, group: groupID, root: root})
	if err != nil {
		return nil, err
	}
	stripHeaderLinks(body)
	// What follows the chord follows its body, not its header.
	for _, key := range []string{"chain", "chord", "task_id"} {
		options.remove(key)
	}
	header.Options.setText("task_id", groupID)
	headerResult, err := d.freezeGroup(header, identity{group: groupID, chord: option{sig: body}, root: root})
	if err != nil {
		return nil, err
	}
	chords, err := d.chords()
	if err != nil {
		return nil, err
	}
	if len(header.tasks) == 0 {
		_, err = d.apply(ctx, body, []json.RawMessage{json.RawMessage("[]")}, nil, nil)
	} else {
		if hasGroup(headerResult.Children) {
			// So that the results come nested as the header was.
			if err := chords.SaveGroup(ctx, groupID, headerResult.Tuple()); err != nil {
				return nil, fmt.Errorf("chord %s: %w", groupID, err)
			}
		}
		if d.Chords == nil {
			if err := d.sendUnlock(ctx, groupID, body, headerResult); err != nil {
				return nil, fmt.Errorf("chord %s: %w", groupID, err)
			}
		}
		options.setText("task_id", groupID)
		for _, o := range delay {
			options.put(o)
		}
		_, err = d.applyGroup(ctx, header, args, kwargs, options)
	}
	if err != nil {
		return nil, err
	}
	bodyResult.Parent = headerResult
	return bodyResult, nil
}

// addBodyCallbacks moves the links and errbacks of a chord to its body and
// returns the options without them.
func addBodyCallbacks(body *Signature, options Options) (Options, error) {
	links, err := rawList(options.get("link"))
	if err != nil {
		return nil, err
	}
	errbacks, err := rawList(options.get("link_error"))
	if err != nil {
		return nil, err
	}
	options = options.clone()
	options.remove("link")
	options.remove("link_error")
	if len(links)+len(errbacks) > 0 && body.kind == group {
		body.tasks = cloneAll(body.tasks)
	}
	for _, link := range links {
		if err := body.link(link); err != nil {
			return nil, err
		}
	}
	for _, errback := range errbacks {
		if body.kind == group {
			err = body.linkErrorToTasks(errback, true)
		} else {
			err = body.Options.addTo("link_error", errback)
		}
		if err != nil {
			return nil, err
		}
	}
	return options, nil
}

// linkErrorToTasks links an errback to each task of a chord's group body. A
// group with errbacks of its own gets it there, since those replace its tasks'.
func (s *Signature) linkErrorToTasks(errback json.RawMessage, runsAsGroup bool) error {
	switch s.kind {
	case group:
		if runsAsGroup && s.Options.get("link_error") != nil {
			return s.Options.addTo("link_error", errback)
		}
		for _, t := range s.tasks {
			if err := t.linkErrorToTasks(errback, false); err != nil {
				return err
			}
		}
		return nil
	case chord:
		if s.body == nil {
			return nil
		}
		return s.body.linkErrorToTasks(errback, true)
	}
	return s.linkError(errback, false)
}

// unrollChords splits the bodies of chords in a chain into steps, so that no
// header task carries the rest of the chain.
func (s *Signature) unrollChords(headers bool) error {
	pending := slices.Clone(s.tasks)
	var tasks []*Signature
	for len(pending) > 0 {
		task := pending[0]
		pending = pending[1:]
		if task.kind == chain {
			task = task.clone(nil)
			if err := task.unrollChords(headers); err != nil {
				return err
			}
		}
		if task.kind == chord && ledByTask(task.body) {
			unrolled, err := task.unrollBody(headers)
			if err != nil {
				return err
			}
			pending = append(unrolled, pending...)
			continue
		}
		tasks = append(tasks, task)
	}
	s.tasks = tasks
	return nil
}
