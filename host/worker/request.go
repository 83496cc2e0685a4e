package worker

import (
	"context"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Stage is where a request is on its way through the worker. The names are
// those of Celery's query_task.
type Stage string

// The stages.
const (
	StageReserved  Stage = "reserved"  // waits for a slot, or for its turn under a rate limit
	StageScheduled Stage = "scheduled" // waits for its time
	StageActive    Stage = "active"    // runs
	StageReady     Stage = "ready"     // has ended and is about to be forgotten
)

// A request is a delivery whose message made sense, until it is settled.
type request struct {
	broker.Delivery
	task *celery.Task

	mu         sync.Mutex
	stage      Stage
	acked      bool
	started    time.Time
	cancel     context.CancelCauseFunc // ends the body, once it runs
	terminated *Signal                 // by which it is to end, also before it runs
}

// lost reports whether the broker has taken the message back, with the connection
// that brought it, and delivers it again.
func (r *request) lost() bool {
	select {
	case <-r.Gone:
		return true
	default: // also without a channel
		return false
	}
}

func (r *request) move(to Stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stage = to
}

// ack acknowledges the message.
func (r *request) ack() error {
	r.mu.Lock()
	r.acked = true
	r.mu.Unlock()
	return r.Settler.Ack()
}

// begin says that the body runs from now on, and under which context; it
// returns the signal by which it was terminated before.
func (r *request) begin(cancel context.CancelCauseFunc) *Signal {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stage, r.started, r.cancel = StageActive, time.Now(), cancel
	return r.terminated
}

// terminate ends the body, now or when it begins, and reports whether it runs.
func (r *request) terminate(s Signal) (running bool) {
	r.mu.Lock()
	r.terminated = &s
	cancel, running := r.cancel, r.stage == StageActive
	r.mu.Unlock()
	if running && cancel != nil {
		cancel(terminatedError{s})
	}
	return running
}

func reply(t *celery.Task) result.Reply {
	return result.Reply{ReplyTo: t.ReplyTo, CorrelationID: t.CorrelationID}
}

// requests are those that the worker holds, by task id. A task can be delivered
// twice, and then the later one counts, as in Celery.
type requests struct {
	mu   sync.Mutex
	byID map[string]*request
	all  map[*request]struct{}
}

func newRequests() *requests {
	return &requests{byID: map[string]*request{}, all: map[*request]struct{}{}}
}

func (q *requests) add(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.byID[r.task.ID] = r
	q.all[r] = struct{}{}
}

func (q *requests) remove(r *request) {
	r.move(StageReady)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byID[r.task.ID] == r {
		delete(q.byID, r.task.ID)
	}
	delete(q.all, r)
}

func (q *requests) get(id string) *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.byID[id]
}

func (q *requests) list() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]*request, 0, len(q.all))
	for r := range q.all {
		out = append(out, r)
	}
	return out
}

// A RequestInfo is what inspection tells of a request.
type RequestInfo struct {
	*celery.Task
	Stage        Stage
	Acknowledged bool
	// Started is when the body began, zero before.
	Started time.Time
}

func (r *request) info() RequestInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RequestInfo{Task: r.task, Stage: r.stage, Acknowledged: r.acked, Started: r.started}
}
