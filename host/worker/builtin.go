package worker

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// BuiltinTasks are the tasks that every Celery worker serves.
var BuiltinTasks = []string{
	"celery.accumulate", "celery.backend_cleanup", "celery.chain", "celery.chord", "celery.chord_unlock", "celery.chunks",
	"celery.group", "celery.map", "celery.starmap",
}

// acquire pins a task, one of the modules' or one of Celery's own.
func (w *Worker) acquire(name string) (Task, bool) {
	if task, ok := w.Tasks.Acquire(name); ok {
		return task, true
	}
	if b, ok := builtins[name]; ok {
		return &builtin{b, w}, true
	}
	return nil, false
}

type builtinTask struct {
	// params are none of those that are bound in Celery: as errbacks they are sent.
	params  []string
	options abi.TaskOptions
	run     func(ctx context.Context, w *Worker, c Call, a arguments) (json.RawMessage, error)
}

// builtins are the bodies of [BuiltinTasks].
var builtins map[string]builtinTask

func init() { // they acquire tasks themselves
	never, yes, no := -1, true, false
	builtins = map[string]builtinTask{
		"celery.accumulate":      {run: accumulate},
		"celery.backend_cleanup": {run: backendCleanup},
		"celery.chain":           {run: notATask},
		"celery.chord":           {options: abi.TaskOptions{IgnoreResult: &no}, run: legacyChord},
		"celery.chord_unlock":    {options: abi.TaskOptions{IgnoreResult: &yes, MaxRetries: &never}, run: unlockChord},
		"celery.chunks":          {params: []string{"task", "it", "n"}, run: chunks},
		"celery.group":           {run: legacyGroup},
		"celery.map":             {params: []string{"task", "it"}, run: mapTask(false)},
		"celery.starmap":         {params: []string{"task", "it"}, run: mapTask(true)},
	}
}

type builtin struct {
	builtinTask
	w *Worker
}

// Options implements [Task].
func (b *builtin) Options() abi.TaskOptions { return b.options }

// Params implements [Task].
func (b *builtin) Params() []string { return b.params }

// Release implements [Task].
func (b *builtin) Release() {}

// Run implements [Task].
func (b *builtin) Run(ctx context.Context, c Call) (json.RawMessage, error) {
	return b.run(ctx, b.w, c, arguments{c.Args, c.Kwargs})
}

// arguments finds parameters among those of a call.
type arguments struct {
	args   []json.RawMessage
	kwargs celery.Object
}

func (a arguments) get(position int, name string) json.RawMessage {
	if position >= 0 && position < len(a.args) {
		return a.args[position]
	}
	return a.kwargs.Get(name)
}

func (a arguments) need(task string, names ...string) error {
	for i, name := range names {
		if a.get(i, name) == nil {
			return abi.Errorf("TypeError", "%s() missing 1 required positional argument: '%s'", task, name)
		}
	}
	return nil
}

// accumulate returns its arguments, or one of them: the body of the chord that
// replaces a task.
func accumulate(_ context.Context, _ *Worker, _ Call, a arguments) (json.RawMessage, error) {
	index := a.kwargs.Get("index")
	if celery.IsNull(index) {
		return celery.AppendArray(nil, a.args), nil
	}
	n, err := strconv.Atoi(string(index))
	if err != nil {
		return nil, abi.Errorf("TypeError", "tuple indices must be integers or slices, not %s", celery.Repr(index))
	}
	if n < 0 {
		n += len(a.args)
	}
	if n < 0 || n >= len(a.args) {
		return nil, abi.Errorf("IndexError", "tuple index out of range")
	}
	return a.args[n], nil
}

// backendCleanup deletes expired results where they do not go by themselves.
func backendCleanup(ctx context.Context, w *Worker, _ Call, _ arguments) (json.RawMessage, error) {
	if cleaner, ok := w.Config.Store.(result.Cleaner); ok {
		if err := cleaner.Cleanup(ctx); err != nil {
			return nil, err
		}
	}
	return json.RawMessage("null"), nil
}

func notATask(context.Context, *Worker, Call, arguments) (json.RawMessage, error) {
	return nil, abi.Errorf("NotImplementedError", "chain is not a real task")
}

// mapTask runs a task for each item, one after the other and in this call's
// name: celery.map with the item as its only argument, celery.starmap with the
// items of it.
func mapTask(star bool) func(context.Context, *Worker, Call, arguments) (json.RawMessage, error) {
	return func(ctx context.Context, w *Worker, c Call, a arguments) (json.RawMessage, error) {
		name := "xmap"
		if star {
			name = "xstarmap"
		}
		if err := a.need(name, "task", "it"); err != nil {
			return nil, err
		}
		s, err := parse(a.get(0, "task"))
		if err != nil {
			return nil, err
		}
		items, err := celery.Elements(a.get(1, "it"))
		if err != nil {
			return nil, abi.Errorf("TypeError", "it: %v", err)
		}
		task, ok := w.acquire(s.Task)
		if !ok {
			return nil, &raised{celery.NotRegistered(s.Task)}
		}
		defer task.Release()
		values := make([]json.RawMessage, 0, len(items))
		for _, item := range items {
			// Celery calls the task's function, so the call stays this one's.
			t := *c.Task
			t.Name, t.Kwargs, t.Args = s.Task, nil, []json.RawMessage{item}
			if star {
				if t.Args, err = celery.Elements(item); err != nil {
					return nil, abi.Errorf("TypeError", "%s argument after * must be an iterable: %v", s.Task, err)
				}
			}
			one := c
			one.Task = &t
			value, err := task.Run(ctx, one)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		return celery.AppendArray(nil, values), nil
	}
}

// chunks sends a group of starmaps and returns its result.
func chunks(ctx context.Context, w *Worker, c Call, a arguments) (json.RawMessage, error) {
	if err := a.need("chunks", "task", "it", "n"); err != nil {
		return nil, err
	}
	items, err := celery.Elements(a.get(1, "it"))
	if err != nil {
		return nil, abi.Errorf("TypeError", "it: %v", err)
	}
	n, err := strconv.Atoi(string(a.get(2, "n")))
	if err != nil || n < 1 {
		return nil, abi.Errorf("ValueError", "n is %s, not a number of items", celery.Repr(a.get(2, "n")))
	}
	r, err := c.call.send.Chunks(ctx, a.get(0, "task"), items, n)
	if err != nil {
		return nil, followError(err)
	}
	return r.Tuple(), nil
}

// legacyGroup sends the tasks of a group of Celery 3.
func legacyGroup(ctx context.Context, _ *Worker, c Call, a arguments) (json.RawMessage, error) {
	if err := a.need("group", "tasks", "result", "group_id", "partial_args"); err != nil {
		return nil, err
	}
	tasks, err := canvas.ParseList(a.get(0, "tasks"))
	if err != nil {
		return nil, abi.Errorf("ValueError", "tasks: %v", err)
	}
	id, _ := celery.Text(a.get(2, "group_id"))
	partial, err := celery.Elements(a.get(3, "partial_args"))
	if err != nil {
		return nil, abi.Errorf("TypeError", "partial_args: %v", err)
	}
	if err := c.call.send.ApplyMembers(ctx, tasks, id, partial); err != nil {
		return nil, followError(err)
	}
	return a.get(1, "result"), nil
}

// legacyChord runs a chord that was sent as a task.
func legacyChord(ctx context.Context, _ *Worker, c Call, a arguments) (json.RawMessage, error) {
	if err := a.need("chord", "header", "body"); err != nil {
		return nil, err
	}
	var partial []json.RawMessage
	if raw := a.get(2, "partial_args"); !celery.IsNull(raw) {
		var err error
		if partial, err = celery.Elements(raw); err != nil {
			return nil, abi.Errorf("TypeError", "partial_args: %v", err)
		}
	}
	form := celery.Object{
		{Key: "task", Value: celery.Quote("celery.chord")}, {Key: "args", Value: json.RawMessage("[]")},
		{Key: "kwargs", Value: celery.Object{
			{Key: "kwargs", Value: json.RawMessage("{}")}, {Key: "header", Value: a.get(0, "header")}, {Key: "body", Value: a.get(1, "body")},
		}.Append(nil)},
		{Key: "options", Value: json.RawMessage("{}")}, {Key: "subtask_type", Value: celery.Quote("chord")}, {Key: "immutable", Value: json.RawMessage("false")},
	}
	s, err := parse(form.Append(nil))
	if err != nil {
		return nil, err
	}
	r, err := c.call.send.Apply(ctx, s, partial)
	if err != nil {
		return nil, followError(err)
	}
	return r.Tuple(), nil
}
