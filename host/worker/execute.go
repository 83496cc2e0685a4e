package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// execute runs one task and sees its message settled.
func (w *Worker) execute(alive, work context.Context, r *request) {
	task, ok := w.acquire(r.task.Name)
	if !ok { // its module went while the message waited
		w.unserved(alive, r)
		return
	}
	defer task.Release()
	if w.dropped(alive, r) {
		return
	}
	set := w.settings(task.Options(), r.task)
	if done, ok := w.succeededBefore(alive, r, set); ok {
		w.leave(func() { w.finishAgain(alive, r, set, done) })
		return
	}
	deaths, ended := 0, func() {}
	if set.acksLate {
		if deaths = w.suspicion(r); w.condemned(deaths) {
			c := w.newCall(r, set)
			w.leave(func() {
				defer w.done(r)
				w.condemn(alive, c, deaths)
			})
			return
		}
		if deaths > 0 {
			defer w.alone(work)()
		}
		ended = w.noted(r.task)
		defer ended()
	}
	w.active.Add(1)
	defer w.active.Add(-1)
	if err := r.own(!set.acksLate); err != nil {
		w.forget(r) // or it would run here and where it is delivered again
		return
	}
	w.count(r.task)
	work, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	if s := r.begin(cancel); s != nil {
		cancel(terminatedError{*s})
	}
	if w.CancelOnLoss && set.acksLate {
		over := make(chan struct{})
		defer close(over)
		go func() {
			select {
			case <-r.connectionLost():
				r.giveUp()
				cancel(errConnectionLost)
			case <-over:
			}
		}()
	}
	start := time.Now()
	w.tell(event.Started(r.task))
	if set.trackStarted {
		w.store(alive, r.task, w.document(r.task, celery.Started(r.task, os.Getpid(), w.Hostname), nil))
	}
	c := w.newCall(r, set)
	value, err := w.run(work, task, c)
	if err != nil {
		err = c.retryLost(work, c.autoRetry(work, err))
	}
	took := time.Since(start)
	ended() // what comes now is no deed of the task
	outbox := w.outbox
	if set.acksLate {
		outbox = w.lateOutbox
	}
	w.leaveBy(outbox, func() {
		w.finish(alive, c, value, err, took)
		if !errors.Is(err, ErrLost) && !errors.Is(err, ErrShutdown) && !errors.Is(err, errConnectionLost) {
			w.acquit(r.task, deaths)
		}
	})
	// The next body may keep this thread for long: what the result has to do until
	// it waits for the network comes first.
	runtime.Gosched()
}

// errTimeLimit is the cause of a context whose task took too long.
var errTimeLimit = errors.New("time limit exceeded")

// errConnectionLost is the cause of a context whose task is to run again, by
// whoever gets its message next.
var errConnectionLost = errors.New("connection to the broker lost")

// ErrShutdown is the cause with which the owner ends the work context of
// [Worker.Run], for tasks that are interrupted by it.
var ErrShutdown = errors.New("worker is shutting down")

// ErrLost is wrapped by the error of a [Task] whose body did not end by itself:
// what ran it died.
var ErrLost = errors.New("what ran the task died")

// A Signal is what a task is terminated by. No process is signalled: the task's
// work is interrupted, and the number goes into events.
type Signal struct {
	Name   string
	Number int
}

// terminatedError is the cause of a context whose task was terminated.
type terminatedError struct{ Signal }

// Error implements error.
func (e terminatedError) Error() string { return "terminated by " + e.Name }

func (w *Worker) run(work context.Context, task Task, c *call) (value json.RawMessage, err error) {
	t := c.r.task
	c.task = task
	ctx := work
	if c.set.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(work, c.set.limit, errTimeLimit)
		defer cancel()
	}
	defer func() {
		// A bug of ours in one task must not end the others.
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("host panic in %s: %v", t.Name, p)
			w.Log.Error("host panic", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Error, p, "stack", stack())
		}
	}()
	return task.Run(ctx, c.public())
}

func stack() string {
	buf := make([]byte, 16<<10)
	return string(buf[:runtime.Stack(buf, false)])
}

// succeededBefore finds the result of a redelivered task that has succeeded
// already: Celery's worker_deduplicate_successful_tasks.
func (w *Worker) succeededBefore(alive context.Context, r *request, set settings) (celery.Result, bool) {
	if !w.Deduplicate || !set.acksLate || !r.redelivered() {
		return celery.Result{}, false
	}
	reader, ok := w.Config.Store.(result.Reader)
	if !ok {
		return celery.Result{}, false
	}
	before, found, err := reader.Get(alive, r.task.ID)
	if err != nil {
		w.Log.Warn("redelivered task runs again: its result cannot be read", logkey.TaskID, r.task.ID, logkey.Error, err)
		return celery.Result{}, false
	}
	return before, found && before.State == celery.StateSuccess
}

// finishAgain acknowledges a task that had succeeded before. What should follow
// it is sent unless it was.
func (w *Worker) finishAgain(alive context.Context, r *request, set settings, before celery.Result) {
	defer w.requests.remove(r)
	w.Log.Info("task already completed successfully", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID)
	children, err := celery.Elements(before.Children)
	if err != nil || len(children) == 0 {
		if err := w.dispatcher(r.task).Follow(alive, before.Value); err != nil {
			w.follow(r.task, err)
			w.settled(r, r.settle(answerRequeue))
			return
		}
	}
	w.settled(r, r.ack())
}

// exception is what the client gets for an error.
func exception(err error, set settings) *celery.Exception {
	if errors.Is(err, errTimeLimit) {
		return celery.TimeLimitExceeded(set.limit.Seconds())
	}
	if errors.Is(err, ErrShutdown) {
		return celery.WorkerLost("Worker stopped before the task had ended.")
	}
	if errors.Is(err, ErrLost) {
		return celery.WorkerLost(err.Error())
	}
	if e, ok := errors.AsType[*celery.Exception](err); ok {
		return e
	}
	if e, ok := errors.AsType[*abi.Error](err); ok {
		return exceptionOf(e)
	}
	return celery.NewException("sparkstalk", "HostError", err.Error())
}
