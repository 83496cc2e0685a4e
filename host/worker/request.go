package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Stage is where a request is on its way through the worker. The names are
// those of Celery's query_task, but for [StageLimited].
type Stage string

// The stages.
const (
	StageReserved  Stage = "reserved"  // waits for a slot
	StageLimited   Stage = "limited"   // waits for its turn under a rate limit: Celery tells of none of these
	StageScheduled Stage = "scheduled" // waits for its time
	StageActive    Stage = "active"    // runs
	StageReady     Stage = "ready"     // has ended and is about to be forgotten
)

// A request is a delivery whose message made sense, until it is settled.
type request struct {
	broker.Delivery // the first one, if the message is delivered again meanwhile
	task            *celery.Task
	told            bool // that it was received; its owner of the moment uses it

	mu         sync.Mutex
	stage      Stage
	acked      bool
	started    time.Time
	cancel     context.CancelCauseFunc // ends the body, once it runs
	terminated *Signal                 // by which it is to end, also before it runs

	// followed is made before another message with this id is sent, and closed when
	// all of this one's states are stored.
	followed chan struct{}

	// settling is held while the message is settled or taken over.
	settling sync.Mutex
	settler  broker.Settler  // of the last delivery
	gone     <-chan struct{} // its Gone
	again    bool            // it is not the first that the broker sent
	answer   answer          // what was said of the message
	begun    bool            // what is delivered again is this task's
}

// An answer is what a worker says of a message.
type answer int

const (
	answerNone answer = iota
	answerAck
	answerDrop    // reject, for dead letters if there are any
	answerRequeue // give back
)

func newRequest(d broker.Delivery, t *celery.Task) *request {
	return &request{Delivery: d, task: t, stage: StageReserved, settler: d.Settler, gone: d.Gone, again: d.Redelivered}
}

// follow says that another message with this id is about to be sent: what it
// comes to is stored after what this one does.
func (r *request) follow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.followed == nil {
		r.followed = make(chan struct{})
	}
}

func (r *request) move(to Stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stage = to
}

// settle tells the broker what is to become of the message. What it could not be
// told it is told when it delivers the message again; see takeOver.
func (r *request) settle(a answer) error {
	r.settling.Lock()
	defer r.settling.Unlock()
	r.answer = a
	return say(r.settler, a)
}

func say(s broker.Settler, a answer) error {
	if a == answerAck {
		return s.Ack()
	}
	return s.Reject(a == answerRequeue)
}

// ack acknowledges the message of a task that has ended.
func (r *request) ack() error {
	r.setAcked()
	return r.settle(answerAck)
}

// own makes the message this worker's, before the body runs, and acknowledges it
// if that is to be done early. After an error the task must not begin: the broker
// delivers its message again, to whomever.
func (r *request) own(ackEarly bool) error {
	r.settling.Lock()
	defer r.settling.Unlock()
	if isClosed(r.gone) {
		return broker.ErrStale
	}
	if ackEarly {
		if err := r.settler.Ack(); err != nil {
			return err
		}
		r.answer = answerAck
		r.setAcked()
	}
	r.begun = true
	return nil
}

func (r *request) setAcked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked = true
}

// giveUp leaves the message to whoever gets it next.
func (r *request) giveUp() {
	r.settling.Lock()
	defer r.settling.Unlock()
	r.begun = false
}

// takeOver makes a message that is delivered again this request's own, if its task
// has begun and the connection of its last delivery is gone. It reports false for a
// message that is a task of its own; else the answer is what must be said of it now.
func (r *request) takeOver(d broker.Delivery) (answer, bool) {
	r.settling.Lock()
	defer r.settling.Unlock()
	if !r.begun && r.answer == answerNone || !isClosed(r.gone) {
		return answerNone, false
	}
	r.settler, r.gone, r.again = d.Settler, d.Gone, true
	return r.answer, true
}

// end is what was said of the message, and by which connection.
func (r *request) end() ended {
	r.settling.Lock()
	defer r.settling.Unlock()
	return ended{r.answer, r.gone}
}

// redelivered reports whether the message was delivered before, here or elsewhere.
func (r *request) redelivered() bool {
	r.settling.Lock()
	defer r.settling.Unlock()
	return r.again
}

// lost reports whether the broker has taken the message back, with the connection
// that brought it, and delivers it again.
func (r *request) lost() bool { return isClosed(r.connectionLost()) }

// connectionLost is closed once the broker has taken the message back; nil never.
func (r *request) connectionLost() <-chan struct{} {
	r.settling.Lock()
	defer r.settling.Unlock()
	return r.gone
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
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

// A try is what a message is: a retry and a replacement have the id of what they
// follow.
type try struct {
	id, name        string
	retries, nested int
}

func tryOf(t *celery.Task) try { return try{t.ID, t.Name, t.Retries, t.ReplacedTaskNesting} }

// ended is what was said of the message of a task that has ended.
type ended struct {
	answer answer
	gone   <-chan struct{}
}

// requests are those that the worker holds, by task id. A task can be delivered
// twice, and then the later one counts, as in Celery.
type requests struct {
	mu   sync.Mutex
	byID map[string][]*request
	// late are the last that ended: their answers may not have reached the broker.
	// When such a message comes again it is answered, and the task does not run
	// again.
	late  map[try]ended
	order []try // of late
}

// maxLate is how many ended tasks are remembered.
const maxLate = 4096

func newRequests() *requests { return &requests{byID: map[string][]*request{}, late: map[try]ended{}} }

func (q *requests) add(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if list := q.byID[r.task.ID]; !slices.Contains(list, r) {
		q.byID[r.task.ID] = append(list, r)
	}
}

func (q *requests) remove(r *request) {
	r.mu.Lock()
	if r.stage = StageReady; r.followed != nil && !isClosed(r.followed) {
		close(r.followed)
	}
	r.mu.Unlock()
	end := r.end()
	q.mu.Lock()
	defer q.mu.Unlock()
	id := r.task.ID
	list := q.byID[id]
	if len(list) == 1 && list[0] == r {
		delete(q.byID, id)
	} else if i := slices.Index(list, r); i >= 0 {
		q.byID[id] = slices.Delete(slices.Clone(list), i, i+1)
	}
	if end.gone == nil || end.answer != answerAck && end.answer != answerDrop {
		return
	}
	if len(q.order) >= maxLate {
		for _, old := range q.order[:maxLate/4] {
			delete(q.late, old)
		}
		q.order = slices.Delete(q.order, 0, maxLate/4)
	}
	q.late[tryOf(r.task)] = end
	q.order = append(q.order, tryOf(r.task))
}

// takeOver gives a message that is delivered again to the request that it belongs
// to, if there is one or was. The answer is what must be said of it now.
func (q *requests) takeOver(d broker.Delivery, t *celery.Task) (answer, bool) {
	this := tryOf(t)
	q.mu.Lock()
	held := q.byID[t.ID] // never changed, only replaced or appended to
	before, was := q.late[this]
	if was && isClosed(before.gone) {
		delete(q.late, this)
	} else {
		was = false
	}
	q.mu.Unlock()
	for _, r := range held {
		if tryOf(r.task) != this {
			continue
		}
		if a, mine := r.takeOver(d); mine {
			return a, true
		}
	}
	return before.answer, was
}

// await waits until the states of the tries before r are stored, but not for ever:
// a body may go on after it has sent its next try.
func (q *requests) await(ctx context.Context, r *request) {
	q.mu.Lock()
	before := q.byID[r.task.ID]
	q.mu.Unlock()
	if len(before) < 2 {
		return
	}
	late := time.NewTimer(orderTimeout)
	defer late.Stop()
	for _, b := range before {
		if b == r {
			return
		}
		b.mu.Lock()
		followed := b.followed
		b.mu.Unlock()
		if followed == nil {
			continue // another task, or its own first
		}
		select {
		case <-followed:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// orderTimeout is how long a try's end waits for that of the try before.
const orderTimeout = 10 * time.Second

func (q *requests) get(id string) *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	if list := q.byID[id]; len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

func (q *requests) list() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]*request, 0, len(q.byID))
	for _, list := range q.byID {
		out = append(out, list...)
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
