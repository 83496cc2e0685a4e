package worker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// incoming is a delivery in the words of package celery.
func incoming(d broker.Delivery) celery.Incoming {
	return celery.Incoming{
		Headers: d.Headers, Body: d.Body, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		CorrelationID: d.CorrelationID, ReplyTo: d.ReplyTo,
		DeliveryInfo: celery.DeliveryInfo{Exchange: d.Exchange, RoutingKey: d.RoutingKey, Priority: d.Priority, Redelivered: d.Redelivered},
	}
}

func reply(t *celery.Task) result.Reply {
	return result.Reply{ReplyTo: t.ReplyTo, CorrelationID: t.CorrelationID}
}

// refuse settles a message that is no task.
func (w *Worker) refuse(alive context.Context, d broker.Delivery, err error) {
	bad, ok := errors.AsType[*celery.DecodeError](err)
	if !ok {
		bad = &celery.DecodeError{Action: celery.Reject}
	}
	r := &received{Delivery: d, task: &celery.Task{ID: bad.TaskID, Name: bad.Name, ReplyTo: d.ReplyTo, CorrelationID: d.CorrelationID}}
	if bad.TaskID != "" && bad.Name != "" && !w.serves(bad.Name) {
		// Celery looks the name up before it looks into the body.
		w.unknown(alive, r)
		return
	}
	w.Log.Error("message refused", logkey.Queue, d.Queue, logkey.Error, err)
	if bad.Answer {
		w.store(alive, r.task, celery.Failure(r.task, bad.Exception()))
	}
	if bad.Action == celery.Reject {
		w.settled(r, d.Settler.Reject(false))
	} else {
		w.settled(r, d.Settler.Ack())
	}
}

func (w *Worker) serves(name string) bool {
	t, ok := w.Tasks.Acquire(name)
	if ok {
		t.Release()
	}
	return ok
}

// expire answers a task whose time to begin is over.
func (w *Worker) expire(alive context.Context, r *received) {
	w.Log.Info("task expired", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID)
	w.store(alive, r.task, celery.Failure(r.task, celery.Revoked("expired")))
	w.Feed.Emit(event.Revoked(r.task, event.Revocation{Expired: true}))
	w.settled(r, r.Settler.Ack())
}

// unknown answers a task that no module serves, as Celery does: rejected, so
// that a dead-letter exchange may keep it, and NotRegistered for the client.
func (w *Worker) unknown(alive context.Context, r *received) {
	exc := celery.NotRegistered(r.task.Name)
	w.Log.Error("task of unknown name rejected", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID)
	w.store(alive, r.task, celery.Failure(r.task, exc))
	w.settled(r, r.Settler.Reject(false))
	w.Feed.Emit(event.Failed(r.task, exc))
}

// finish stores what a task came to and settles its message.
func (w *Worker) finish(alive context.Context, r *received, set settings, value json.RawMessage, err error, took time.Duration) {
	defer w.done.Add(1)
	if err != nil && errors.Is(err, ErrShutdown) && set.acksLate {
		// The message still belongs to the broker: another worker runs it again.
		w.Log.Warn("task interrupted by the stop goes back to its queue", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID)
		w.settled(r, r.Settler.Reject(true))
		return
	}
	var exc *celery.Exception
	document := celery.Success(r.task, value)
	if err != nil {
		exc = exception(err, set)
		document = celery.Failure(r.task, exc)
	}
	stored := set.ignoreResult || w.store(alive, r.task, document)
	if exc != nil {
		w.Log.Error("task failed", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Error, err, logkey.Duration, took)
		w.Feed.Emit(event.Failed(r.task, exc))
	} else {
		w.Log.Debug("task succeeded", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Duration, took)
		w.Feed.Emit(event.Succeeded(r.task, value, took))
	}
	if !set.acksLate {
		return
	}
	// The result comes before the ack. A crash between the two runs the task
	// again, which acks_late promises; the other order would lose the result.
	// What the backend has refused for good it would refuse again: only a stop
	// that came before the result was safe gives the task back.
	if !stored && alive.Err() != nil {
		w.settled(r, r.Settler.Reject(true))
		return
	}
	w.settled(r, r.Settler.Ack())
}

// store puts a state into the result backend and reports whether it is safe
// there; if not, it has been logged.
func (w *Worker) store(alive context.Context, t *celery.Task, document celery.Result) bool {
	if err := w.Store.Store(alive, document, reply(t)); err != nil {
		w.Log.Error("result not stored", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.State, document.State, logkey.Error, err)
		return false
	}
	return true
}

// settled logs a settlement that did not reach the broker.
func (w *Worker) settled(r *received, err error) {
	switch {
	case err == nil:
	case errors.Is(err, broker.ErrStale):
		w.Log.Warn("connection lost before the message was settled: the broker delivers it again",
			logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Queue, r.Queue)
	default:
		w.Log.Error("message not settled", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Queue, r.Queue, logkey.Error, err)
	}
}

// exception is what the client gets for an error.
func exception(err error, set settings) *celery.Exception {
	if errors.Is(err, errTimeLimit) {
		return celery.TimeLimitExceeded(set.limit.Seconds())
	}
	if errors.Is(err, ErrShutdown) {
		return celery.WorkerLost("Worker stopped before the task had ended.")
	}
	if e, ok := errors.AsType[*celery.Exception](err); ok {
		return e
	}
	if e, ok := errors.AsType[*abi.Error](err); ok {
		return &celery.Exception{Type: e.Type, Module: e.Module, Args: e.Args, Traceback: e.Traceback}
	}
	return celery.NewException("sparkstalk", "HostError", err.Error())
}
