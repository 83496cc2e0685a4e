package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// finish stores what a task came to, sends what follows, and settles its message.
func (w *Worker) finish(alive context.Context, c *call, value json.RawMessage, err error, took time.Duration) {
	defer w.done(c.r)
	w.requests.await(alive, c.r)
	t := c.r.task
	if err == nil {
		if err = c.send.Follow(alive, value); err == nil {
			w.succeed(alive, c, value, took)
			return
		}
		if alive.Err() != nil && c.set.acksLate {
			w.settled(c.r, c.r.settle(answerRequeue))
			return
		}
		err = followError(err)
	}
	if errors.Is(err, ErrShutdown) && c.set.acksLate {
		// The message still belongs to the broker: another worker runs it again.
		w.Log.Warn("task interrupted by the stop goes back to its queue", logkey.Task, t.Name, logkey.TaskID, t.ID)
		w.settled(c.r, c.r.settle(answerRequeue))
		return
	}
	if errors.Is(err, errConnectionLost) {
		w.cancelled(alive, c)
		return
	}
	if s, ok := errors.AsType[terminatedError](err); ok {
		w.Log.Warn("task terminated", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Signal, s.Name)
		w.revoke(alive, c.r, "terminated", event.Revocation{Terminated: true, Signal: s.Number})
		w.settleLate(c, true, false)
		return
	}
	if e, ok := errors.AsType[*abi.Error](err); ok && isControl(e) && (e.Type != "Retry" || c.retried != nil) {
		w.finishControl(alive, c, e)
		return
	}
	w.fail(alive, c, err, took)
}

// cancelled says of a task that was ended for want of a connection that it runs
// again. Its message is the broker's.
func (w *Worker) cancelled(alive context.Context, c *call) {
	t := c.r.task
	w.Log.Warn("task cancelled: its connection was lost, and its message is delivered again", logkey.Task, t.Name, logkey.TaskID, t.ID)
	w.tell(event.Cancelled(t))
	if c.set.storesErrors() {
		w.store(alive, t, w.document(t, celery.Retrying(t, celery.NewException("celery.exceptions", "Retry", "cancelled by Celery")), c.send))
	}
}

// followError is the exception of a task whose callbacks cannot be sent.
func followError(err error) error {
	if errors.Is(err, canvas.ErrNoChords) {
		return abi.Errorf("NotImplementedError", "%v", err)
	}
	return abi.Errorf("kombu.exceptions.OperationalError", "%v", err)
}

func (w *Worker) done(r *request) {
	w.requests.remove(r)
	w.ended.Add(1)
}

func (w *Worker) succeed(alive context.Context, c *call, value json.RawMessage, took time.Duration) {
	t := c.r.task
	safe := c.set.ignoreResult || w.store(alive, t, w.document(t, celery.Success(t, value), c.send))
	if err := c.send.Part(alive, backend{w}, celery.StateSuccess, value); err != nil {
		w.follow(t, err)
		safe = false // its chord would wait for ever
	}
	w.Log.Debug("task succeeded", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Duration, took)
	w.tell(event.Succeeded(t, value, took))
	// The result comes before the ack. A crash between the two runs the task
	// again, which acks_late promises; the other order would lose the result.
	// What the backend has refused for good it would refuse again: only a stop
	// that came before the result was safe gives the task back.
	w.settleLate(c, safe || alive.Err() == nil, true)
}

// settleLate settles a late-acked message.
func (w *Worker) settleLate(c *call, ack, requeue bool) {
	switch {
	case !c.set.acksLate:
	case ack:
		w.settled(c.r, c.r.ack())
	default:
		w.tell(event.Rejected(c.r.task, requeue)) // before it can start again
		a := answerDrop
		if requeue {
			a = answerRequeue
		}
		w.settled(c.r, c.r.settle(a))
	}
}

// fail stores a failure and sees to what it means for others.
func (w *Worker) fail(alive context.Context, c *call, err error, took time.Duration) {
	t := c.r.task
	exc := exception(err, c.set)
	if !errors.Is(err, ErrShutdown) && !errors.Is(err, ErrLost) && !errors.Is(err, errTimeLimit) {
		exc = w.traced(t, exc) // as what Python's body has raised
	}
	lost, overtime := errors.Is(err, ErrLost), errors.Is(err, errTimeLimit)
	ack := chosen(c.set.AcksOnFailure, chosen(w.AcksOnFailure, true))
	if overtime {
		ack = chosen(c.set.AcksOnTimeout, chosen(w.AcksOnTimeout, true))
	}
	w.Log.Error("task failed", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Error, err, logkey.Duration, took)
	if c.set.acksLate && lost && !c.noRetries && chosen(c.set.RejectOnWorkerLost, w.RejectOnWorkerLost) {
		deaths, err := w.Deaths.Add(t.ID)
		if err != nil {
			w.Log.Warn("a death is not counted: the task runs again however often it dies", logkey.TaskID, t.ID, logkey.Error, err)
		}
		if w.condemned(deaths) {
			w.condemn(alive, c, deaths)
			return
		}
		// It runs again, so nothing has failed yet.
		w.settleLate(c, false, true)
		return
	}
	stored := w.storeFailure(alive, c, exc)
	w.tell(event.Failed(t, w.traced(t, exc)))
	if !stored && alive.Err() != nil {
		w.settleLate(c, false, true)
		return
	}
	w.settleLate(c, ack, overtime) // what ran out of time runs again, though it has failed
}

// traced is an exception with a traceback: where the task failed, for those who
// look at result.traceback or Flower. What the module itself gave stays.
func (w *Worker) traced(t *celery.Task, exc *celery.Exception) *celery.Exception {
	if exc.Traceback != "" {
		return exc
	}
	with := *exc
	with.Traceback = fmt.Sprintf("Traceback (most recent call last):\n  Task %s[%s], on %s\n%s\n", t.Name, t.ID, w.Hostname, exc.Error())
	return &with
}

// storeFailure stores that a task failed, and fails what depends on it. False
// means that some of it was not done.
func (w *Worker) storeFailure(alive context.Context, c *call, exc *celery.Exception) bool {
	t, stored := c.r.task, true
	if c.set.storesErrors() {
		stored = w.store(alive, t, w.document(t, celery.Failure(t, exc), c.send))
	}
	if err := c.send.Fail(alive, backend{w}, celery.StateFailure, exc, c.set.storesErrors()); err != nil {
		w.follow(t, err)
		stored = false
	}
	return stored
}

// finishControl ends a task that said by an exception how it wants to end.
func (w *Worker) finishControl(alive context.Context, c *call, e *abi.Error) {
	t := c.r.task
	switch e.Type {
	case "Retry":
		text := c.retried.traceback()
		// First of all: the next try may be under way already.
		w.tell(event.Retried(t, c.retried.cause, text))
		r := celery.Retrying(t, c.retried.cause)
		if r.Traceback = text; r.Exception != nil {
			with := *r.Exception
			with.Traceback = text
			r.Exception = &with
		}
		if c.set.storesErrors() {
			w.store(alive, t, w.document(t, r, c.send))
		}
		w.Log.Info("task retry", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Reason, lastLine(text))
		w.settleLate(c, true, false)
	case "Ignore":
		w.Log.Info("task ignored", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Reason, e.Message())
		w.settleLate(c, true, false)
	case "Reject":
		requeue := len(e.Args) > 1 && string(e.Args[1]) == "true"
		w.Log.Warn("task rejected", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Reason, e.Message())
		if !requeue {
			exc := exceptionOf(e)
			exc.Traceback = ""
			w.storeFailure(alive, c, exc)
			w.tell(event.Failed(t, w.traced(t, exc)))
		}
		w.settleLate(c, false, requeue)
	}
}

func lastLine(text string) string {
	for len(text) > 0 && text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			return text[i+1:]
		}
	}
	return text
}

// store puts a state into the result backend and reports whether it is safe
// there; if not, it has been logged.
func (w *Worker) store(alive context.Context, t *celery.Task, document celery.Result) bool {
	if err := w.Config.Store.Store(alive, document, reply(t)); err != nil {
		w.Log.Error("result not stored", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.State, document.State, logkey.Error, err)
		return false
	}
	return true
}

// settled logs a settlement that did not reach the broker.
func (w *Worker) settled(r *request, err error) {
	switch {
	case err == nil:
	case errors.Is(err, broker.ErrStale):
		w.Log.Warn("connection lost before the message was settled: the broker delivers it again",
			logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Queue, r.Queue)
	default:
		w.Log.Error("message not settled", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Queue, r.Queue, logkey.Error, err)
	}
}
