package worker

import (
	"context"
	"errors"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// incoming is a delivery in the words of package celery.
func incoming(d broker.Delivery) celery.Incoming {
	return celery.Incoming{
		Headers: d.Headers, Body: d.Body, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		CorrelationID: d.CorrelationID, ReplyTo: d.ReplyTo,
		DeliveryInfo: celery.DeliveryInfo{Exchange: d.Exchange, RoutingKey: d.RoutingKey, Priority: d.Priority, Redelivered: d.Redelivered},
	}
}

// receive is the broker's handler: it decides what needs no task body and
// queues the rest.
func (w *Worker) receive(alive context.Context, d broker.Delivery) {
	w.received.Add(1)
	task, err := w.Decoder.Decode(incoming(d))
	if err != nil {
		w.leave(func() { w.refuse(alive, d, err) })
		return
	}
	w.watch(d.Gone)
	if d.Redelivered && w.takenOver(d, task) {
		return
	}
	r := newRequest(d, task)
	if !w.serves(task.Name) {
		w.unserved(alive, r)
		return
	}
	if w.Park <= 0 {
		// The task has all that they say, and they are half of what a task that waits
		// takes. Only a message that goes round is sent with them.
		r.Headers, r.Body = nil, nil
	}
	w.admit(alive, r)
}

// takenOver reports whether a message that is delivered again belongs to a task
// that is here, or was, and need not run for it. It happens when the connection is
// lost, also when RabbitMQ takes it away from a worker that has not acknowledged a
// message for its consumer_timeout.
func (w *Worker) takenOver(d broker.Delivery, t *celery.Task) bool {
	a, mine := w.requests.takeOver(d, t)
	if !mine {
		return false
	}
	w.Log.Info("message delivered again belongs to a task that is here", logkey.Task, t.Name, logkey.TaskID, t.ID)
	if a != answerNone {
		w.settled(&request{Delivery: d, task: t}, say(d.Settler, a))
	}
	return true
}

// admit takes a request in.
func (w *Worker) admit(alive context.Context, r *request) {
	task := r.task
	// As Celery, which looks at stamps alone only when the task's turn comes.
	if (task.Expires != nil || w.Revoked.Has(task.ID)) && w.dropped(alive, r) {
		return
	}
	if !r.told {
		w.tell(event.Received(task))
		r.told = true
	}
	w.requests.add(r)
	queued := false
	if task.ETA != nil && time.Until(*task.ETA) > 0 {
		r.move(StageScheduled)
		queued = w.held.add(r, time.Until(*task.ETA))
	} else {
		queued = w.reserve(r)
	}
	if !queued {
		w.giveBack([]*request{r})
	}
}

// watch has what a connection brought forgotten when it is lost, unless it has
// begun: the broker delivers it again.
func (w *Worker) watch(gone <-chan struct{}) {
	if gone == nil {
		return
	}
	w.watchedMu.Lock()
	defer w.watchedMu.Unlock()
	if _, known := w.watched[gone]; known {
		return
	}
	w.watched[gone] = struct{}{}
	w.watchers.Go(func() {
		<-gone // also at the end of Run, which closes the broker
		w.watchedMu.Lock()
		delete(w.watched, gone)
		w.watchedMu.Unlock()
		var lost []*request
		for _, from := range []interface {
			take(which func(*request) bool) []*request
		}{w.held, w.parked, w.limits, w.ready} {
			lost = append(lost, from.take((*request).lost)...)
		}
		for _, r := range lost {
			w.forget(r)
		}
		if len(lost) > 0 {
			w.Log.Info("connection lost: the broker delivers again what waited here", logkey.Count, len(lost))
		}
	})
}

// forget drops a request whose message the broker has taken back.
func (w *Worker) forget(r *request) {
	w.requests.remove(r)
	w.Log.Debug("connection lost before the task began: the broker delivers it again",
		logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Queue, r.Queue)
}

// reserve has a request wait for its turn under its task's rate limit, or for a
// slot; false means that intake has ended and r stays the caller's.
func (w *Worker) reserve(r *request) bool {
	if rate := w.rateOf(r.task.Name); rate > 0 || w.limits.waiting(r.task.Name) {
		r.move(StageLimited)
		return w.limits.add(r, rate)
	}
	return w.push(r)
}

// push has a request wait for a slot; false means that intake has ended and r stays
// the caller's.
func (w *Worker) push(r *request) bool {
	r.move(StageReserved)
	if !w.ready.push(r) {
		return false
	}
	if a := w.scaler.Load(); a != nil {
		a.look()
	}
	return true
}

// rateOf is how many calls of a task may begin in a second, zero for any number.
func (w *Worker) rateOf(name string) float64 {
	if w.NoRateLimits {
		return 0
	}
	task, ok := w.acquire(name)
	if !ok {
		return 0
	}
	defer task.Release()
	rate, err := celery.ParseRate(chosen(w.options(name, task.Options()).RateLimit, w.DefaultRateLimit))
	if err != nil {
		w.Log.Error("rate limit is ignored", logkey.Task, name, logkey.Error, err)
		return 0
	}
	return rate
}

// leave runs what may wait for the network outside the broker's goroutine and
// the task slots. Run waits for it. It blocks while too many are under way, so
// that results that cannot be stored hold up the intake, not the memory.
func (w *Worker) leave(f func()) { w.leaveBy(w.outbox, f) }

func (w *Worker) leaveBy(outbox chan struct{}, f func()) {
	outbox <- struct{}{}
	w.leaving.Go(func() {
		defer func() { <-outbox }()
		f()
	})
}

func expired(t *celery.Task) bool {
	return t.Expires != nil && !time.Now().Before(*t.Expires)
}

// dropped answers a task that expired or was revoked, and reports whether it did.
func (w *Worker) dropped(alive context.Context, r *request) bool {
	over := expired(r.task)
	if over {
		w.Revoked.Add(r.task.ID)
	}
	if !over && !w.Revoked.Drops(r.task) {
		return false
	}
	w.leave(func() { w.discard(alive, r, over) })
	return true
}

// discard answers a task that will not run.
func (w *Worker) discard(alive context.Context, r *request, expired bool) {
	defer w.requests.remove(r)
	reason := "revoked"
	if expired {
		reason = "expired"
	}
	w.Log.Info("discarding revoked task", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Reason, reason)
	w.revoke(alive, r, reason, event.Revocation{Expired: expired})
	w.settled(r, r.ack())
}

// revoke stores that a task was revoked, and tells its chord.
func (w *Worker) revoke(alive context.Context, r *request, reason string, why event.Revocation) {
	w.tell(event.Revoked(r.task, why))
	exc := celery.Revoked(reason)
	if w.settingsOf(r.task).storesErrors() {
		w.store(alive, r.task, w.document(r.task, celery.Failure(r.task, exc), nil))
	}
	w.follow(r.task, w.dispatcher(r.task).Fail(alive, backend{w}, celery.StateRevoked, exc, true))
}

// settingsOf are the settings of a task that may not be served any more.
func (w *Worker) settingsOf(t *celery.Task) settings {
	task, ok := w.acquire(t.Name)
	if !ok {
		return settings{ignoreResult: chosen(t.IgnoreResult, w.IgnoreResult)}
	}
	defer task.Release()
	return w.settings(task.Options(), t)
}

// follow logs what could not be done of what follows a task's end.
func (w *Worker) follow(t *celery.Task, err error) {
	if err != nil {
		w.Log.Error("what should follow the task was not done", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Error, err)
	}
}

// refuse settles a message that is no task.
func (w *Worker) refuse(alive context.Context, d broker.Delivery, err error) {
	bad, ok := errors.AsType[*celery.DecodeError](err)
	if !ok {
		bad = &celery.DecodeError{Action: celery.Reject}
	}
	r := newRequest(d, &celery.Task{ID: bad.TaskID, Name: bad.Name, ReplyTo: d.ReplyTo, CorrelationID: d.CorrelationID})
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
		w.settled(r, r.settle(answerDrop))
	} else {
		w.settled(r, r.settle(answerAck))
	}
}

func (w *Worker) serves(name string) bool {
	t, ok := w.acquire(name)
	if ok {
		t.Release()
	}
	return ok
}

// unknown answers a task that no module serves, as Celery does: rejected, so
// that a dead-letter exchange may keep it, and NotRegistered for the client.
func (w *Worker) unknown(alive context.Context, r *request) {
	defer w.requests.remove(r)
	exc := celery.NotRegistered(r.task.Name)
	w.Log.Error("task of unknown name rejected", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID)
	w.store(alive, r.task, celery.Failure(r.task, exc))
	w.settled(r, r.settle(answerDrop))
	w.tell(event.Failed(r.task, exc))
}
