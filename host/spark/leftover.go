package spark

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Spark interrupts an operation by interrupting the thread that plans it, which
// then cancels the jobs that carry the operation's tag. But with adaptive
// execution (since Spark 4.0) other threads submit the jobs: one that is about
// to does so after all have been cancelled, and that job runs to its end for no
// one. A second interrupt does nothing. Spark cancels by that tag once more only
// when an operation of the same id fails, so one is sent that is refused, several
// times, since there is no telling when the job will be submitted.

// sweepPauses come before each of these times. From a plan to its job a cold
// Spark on a busy machine takes seconds.
var sweepPauses = []time.Duration{
	0, 100 * time.Millisecond, 400 * time.Millisecond, 1500 * time.Millisecond,
	4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second,
}

// heldPauses are for a Spark (since 4.1) that keeps the ids of operations that
// have ended, for 30 minutes after the last request unless told otherwise, and
// takes none of them again until then.
var heldPauses = []time.Duration{31 * time.Minute}

// maxSweeps bounds how many of these requests are under way at once.
const maxSweeps = 4

// leftovers are the executions that were given up and may have jobs at the
// engine.
type leftovers struct {
	told sync.Once // the log, that the engine holds ids

	mu      sync.Mutex
	closing chan struct{} // nil before the first execution
	closed  bool
	slots   chan struct{}
	ctx     context.Context // of the requests
	stop    context.CancelFunc
	left    sync.WaitGroup
}

// add runs job on a goroutine of its own. It reports false if it will not.
func (l *leftovers) add(job func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.closing == nil {
		l.closing, l.slots = make(chan struct{}), make(chan struct{}, maxSweeps)
		l.ctx, l.stop = context.WithCancel(context.Background())
	}
	l.left.Go(job)
	return true
}

// close has each execution be looked after once more, and waits for that until
// ctx ends.
func (l *leftovers) close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	begun := l.closing != nil
	l.mu.Unlock()
	if !begun {
		return
	}
	close(l.closing)
	defer context.AfterFunc(ctx, l.stop)()
	l.left.Wait()
	l.stop()
}

// request gives f the time of a request that the engine answers from memory.
func (l *leftovers) request(f func(context.Context)) {
	l.slots <- struct{}{}
	defer func() { <-l.slots }()
	ctx, cancel := context.WithTimeout(l.ctx, controlTimeout)
	defer cancel()
	f(ctx)
}

// abandon sees to it that an execution which is not known to have ended leaves
// nothing at the engine. It does so behind the caller's back, for it takes time.
// interrupted says that the engine was told to stop it.
func (x *execution) abandon(interrupted bool) {
	if !x.sent || !x.session.leftovers.add(func() { x.clear(interrupted) }) {
		x.cancel()
	}
}

func (x *execution) clear(interrupted bool) {
	defer x.cancel()
	l := &x.session.leftovers
	l.request(func(ctx context.Context) {
		if !interrupted {
			x.stop(ctx)
		}
		x.forget(ctx)
	})
	if x.gen.isSail() { // it has no jobs that outlive their operation
		return
	}
	held := false
	for pauses := sweepPauses; len(pauses) > 0; {
		closing := l.pause(pauses[0])
		pauses = pauses[1:]
		var e *Error
		l.request(func(ctx context.Context) { e = x.cancelJobs(ctx) })
		switch {
		case closing, saysSessionLost(e):
			return
		case e.Condition == "INVALID_HANDLE.OPERATION_ABANDONED" && !held:
			held, pauses = true, heldPauses
			l.told.Do(func() {
				x.session.cfg.Log.Warn("a job that an interrupted query is about to begin may go on for 30 minutes; "+
					"set spark.connect.session.inactiveOperations.cacheExpiration=0 at the Spark server", logkey.Session, x.gen.id)
			})
		}
	}
}

// pause waits, and reports true if the session is being closed.
func (l *leftovers) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-l.closing:
		return true
	}
}

// cancelJobs has Spark cancel the jobs that carry the operation's tag, and
// returns what it said, which is never that all is well.
func (x *execution) cancelJobs(ctx context.Context) *Error {
	if !x.answered.Load() { // the operation may have been on its way all the time
		x.stop(ctx)
	}
	stream, err := x.session.client.ExecutePlan(ctx, &sparkpb.ExecutePlanRequest{
		SessionId: x.gen.id, UserContext: x.session.describe("cancel what an interrupted query has left"), ClientType: &x.session.agent,
		ClientObservedServerSideSessionId: x.gen.observed(), OperationId: x.request.OperationId,
		// Not reattachable, so that Spark forgets it by itself.
		Plan: &sparkpb.Plan{OpType: &sparkpb.Plan_Root{Root: &sparkpb.Relation{}}},
	})
	for err == nil {
		_, err = stream.Recv()
	}
	e, _ := decodeError(status.Convert(err))
	return e
}

// stop interrupts the execution.
func (x *execution) stop(ctx context.Context) {
	if _, err := x.session.interrupt(ctx, x.gen, x.request.GetOperationId()); err != nil {
		x.session.cfg.Log.Debug("interrupt Spark execution", logkey.Operation, x.request.GetOperationId(), logkey.Error, err)
	}
}
