package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// unserved sees to a task that nobody serves: as Celery does it is rejected,
// unless tasks are to wait for their module.
func (w *Worker) unserved(alive context.Context, r *request) {
	if w.Park <= 0 {
		w.leave(func() { w.unknown(alive, r) })
		return
	}
	if w.dropped(alive, r) {
		return
	}
	until := w.Park
	if since, ok := r.Headers[parkedHeader].(int64); ok {
		until -= time.Since(time.UnixMilli(since))
	}
	if until <= 0 {
		w.leave(func() { w.unknown(alive, r) })
		return
	}
	r.move(StageReserved)
	w.requests.add(r)
	switch w.parked.add(r, until) {
	case parkedHere:
		w.Log.Warn("task waits for its module", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Wait, until.Round(time.Millisecond))
		w.TasksChanged() // which may have come meanwhile
	case parkedFull:
		w.goRound(alive, r)
	case parkedClosed:
		w.giveBack([]*request{r})
	}
}

// parkedHeader says since when a message waits for its module that was sent to the
// end of its queue meanwhile: milliseconds of Unix time.
const parkedHeader = "sparkstalk_parked"

// goRound sends a message to the end of its queue that there is no room to keep, a
// second after it came: so the others get their turn, and memory stays bounded.
func (w *Worker) goRound(alive context.Context, r *request) {
	w.leaving.Go(func() {
		wait := time.NewTimer(roundPause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-w.stopping:
			w.giveBack([]*request{r})
			return
		}
		if r.lost() {
			w.forget(r)
			return
		}
		m := r.Message
		m.Headers = make(map[string]any, len(r.Headers)+1)
		for k, v := range r.Headers {
			m.Headers[k] = v
		}
		if _, known := m.Headers[parkedHeader]; !known {
			m.Headers[parkedHeader] = time.Now().UnixMilli()
		}
		if err := w.Broker.Publish(alive, broker.Publication{RoutingKey: r.Queue, Mandatory: true, Message: m}); err != nil {
			w.Log.Warn("task without a module not sent to the end of its queue", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID, logkey.Error, err)
			w.giveBack([]*request{r})
			return
		}
		defer w.requests.remove(r)
		w.settled(r, r.ack())
	})
}

// roundPause is how long a message stays that goes to the end of its queue.
const roundPause = time.Second

// TasksChanged says that tasks came or went: those that waited for their module
// and are served now get their turn, in the order in which they came. It does not
// block.
func (w *Worker) TasksChanged() {
	come := w.parked.take(func(r *request) bool { return w.serves(r.task.Name) })
	if len(come) == 0 {
		return
	}
	alive := *w.alive.Load() // nothing is parked before Run
	w.leaving.Go(func() {
		for _, r := range come {
			w.Log.Info("module of a waiting task has come", logkey.Task, r.task.Name, logkey.TaskID, r.task.ID)
			w.admit(alive, r)
		}
	})
}

// tooLate answers a task whose module did not come in time.
func (w *Worker) tooLate(r *request) {
	alive := *w.alive.Load()
	if !w.dropped(alive, r) {
		w.leave(func() { w.unknown(alive, r) })
	}
}

// parked are tasks that wait for their module. The broker still has their
// messages, unacknowledged, so that nothing is lost with this process; each adds
// one to the prefetch count (changed), so that they hold nobody up.
type parked struct {
	limit   int
	late    func(*request) // its time is over
	changed func()

	mu     sync.Mutex
	timers map[*request]*time.Timer
	order  []*request // by arrival
	closed bool
}

type parking int

const (
	parkedHere parking = iota
	parkedFull
	parkedClosed
)

func newParked(limit int, late func(*request), changed func()) *parked {
	return &parked{limit: limit, late: late, changed: changed, timers: map[*request]*time.Timer{}}
}

func (p *parked) add(r *request, wait time.Duration) parking {
	p.mu.Lock()
	switch {
	case p.closed:
		p.mu.Unlock()
		return parkedClosed
	case len(p.timers) >= p.limit:
		p.mu.Unlock()
		return parkedFull
	}
	p.timers[r] = time.AfterFunc(wait, func() {
		if len(p.take(func(o *request) bool { return o == r })) > 0 {
			p.late(r)
		}
	})
	p.order = append(p.order, r)
	p.mu.Unlock()
	p.changed()
	return parkedHere
}

// take removes and returns those that fit.
func (p *parked) take(fits func(*request) bool) []*request {
	p.mu.Lock()
	var out []*request
	p.order = slices.DeleteFunc(p.order, func(r *request) bool {
		if !fits(r) {
			return false
		}
		p.timers[r].Stop()
		delete(p.timers, r)
		out = append(out, r)
		return true
	})
	p.mu.Unlock()
	if len(out) > 0 {
		p.changed()
	}
	return out
}

func (p *parked) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.timers)
}

// close returns what still waits; nothing is added after it.
func (p *parked) close() []*request {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.take(func(*request) bool { return true })
}
