package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// inline calls an errback that takes (request, exc, traceback) in this process,
// as Celery does with its own tasks of that form; failed is the request. Its
// failure is logged.
func (w *Worker) inline(ctx context.Context, errback *canvas.Signature, failed *celery.Task, exc *celery.Exception) bool {
	task, ok := w.acquire(errback.Task)
	if !ok {
		return false
	}
	defer task.Release()
	if openParams(task.Params(), errback) <= 1 {
		return false // it takes the id alone, as a message
	}
	t := &celery.Task{
		Protocol: 2, ID: failed.ID, Name: errback.Task, Args: errback.Args, Kwargs: errback.Kwargs, RootID: failed.Root(), ParentID: failed.ParentID,
	}
	if !errback.Immutable {
		t.Args = append(failure(failed, exc), errback.Args...)
	}
	t.ArgsRepr, t.KwargsRepr = celery.ArgsRepr(t.Args, celery.ReprLimit), celery.KwargsRepr(t.Kwargs, celery.ReprLimit)
	set := w.settings(task.Options(), t)
	set.ignoreResult = true // the id is the failed task's
	if _, err := w.run(ctx, task, w.newCall(&request{task: t}, set)); err != nil {
		w.Log.Error("errback raised an exception", logkey.Task, errback.Task, logkey.TaskID, failed.ID, logkey.Error, err)
	}
	return true
}

// failure is the request, the exception and the traceback for an errback.
func failure(failed *celery.Task, exc *celery.Exception) []json.RawMessage {
	request := celery.Object{
		{Key: "id", Value: celery.Quote(failed.ID)}, {Key: "task", Value: celery.Quote(failed.Name)},
		{Key: "args", Value: celery.AppendArray(nil, failed.Args)}, {Key: "kwargs", Value: failed.Kwargs.Append(nil)},
		{Key: "root_id", Value: celery.Quote(failed.Root())}, {Key: "retries", Value: fmt.Appendf(nil, "%d", failed.Retries)},
	}
	traceback := json.RawMessage("null")
	if exc.Traceback != "" {
		traceback = celery.Quote(exc.Traceback)
	}
	return []json.RawMessage{request.Append(nil), exc.Document(), traceback}
}

// openParams is how many positional parameters of an errback a failure may still
// fill, by which Celery tells the two kinds of them apart: all of one that takes
// nothing, else those behind the stored arguments up to the first that is stored by
// name. Stored arguments that the task does not take count for none.
func openParams(params []string, errback *canvas.Signature) int {
	if errback.Immutable || len(errback.Args) > len(params) {
		return len(params)
	}
	open := params[len(errback.Args):]
	named := len(open)
	for _, k := range errback.Kwargs {
		i := slices.Index(open, k.Key)
		if i < 0 {
			return len(params)
		}
		named = min(named, i)
	}
	return named
}
