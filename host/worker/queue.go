package worker

import (
	"context"
	"sync"
	"time"
)

// queue is first in, first out, and without a bound of its own: the broker's
// prefetch bounds it.
type queue struct {
	mu     sync.Mutex
	items  []*request
	closed bool
	wake   chan struct{} // holds a token while there may be items
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push adds r; false means that the queue was closed and r stays the caller's.
func (q *queue) push(r *request) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.items = append(q.items, r)
	q.mu.Unlock()
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop waits for an item; false means that ctx ended or the queue was closed.
func (q *queue) pop(ctx context.Context) (*request, bool) {
	for {
		if ctx.Err() != nil {
			return nil, false
		}
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return nil, false
		}
		if len(q.items) > 0 {
			r := q.items[0]
			q.items[0] = nil
			q.items = q.items[1:]
			more := len(q.items) > 0
			q.mu.Unlock()
			if more {
				q.signal() // one token wakes one goroutine: pass it on
			}
			return r, true
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, false
		case <-q.wake:
		}
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// take returns, and keeps no longer, the items that which picks.
func (q *queue) take(which func(*request) bool) (taken []*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items, taken = split(q.items, which)
	return taken
}

// split parts a list, in its order, by what which says.
func split(list []*request, which func(*request) bool) (rest, taken []*request) {
	for _, r := range list {
		if which(r) {
			taken = append(taken, r)
		} else {
			rest = append(rest, r)
		}
	}
	return rest, taken
}

// close returns what is left; later pops find nothing.
func (q *queue) close() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	left := q.items
	q.items = nil
	return left
}

// held keeps tasks until their ETA. Celery raises the prefetch count by one for
// each (changed), so that tasks for now are not held up behind them.
type held struct {
	due     func(*request)
	changed func()
	mu      sync.Mutex
	timers  map[*request]*time.Timer
	closed  bool
}

func newHeld(due func(*request), changed func()) *held {
	return &held{due: due, changed: changed, timers: map[*request]*time.Timer{}}
}

// add keeps r for wait; false means that it was closed and r stays the caller's.
func (h *held) add(r *request, wait time.Duration) bool {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return false
	}
	h.timers[r] = time.AfterFunc(wait, func() { h.fire(r) })
	h.mu.Unlock()
	h.changed()
	return true
}

func (h *held) fire(r *request) {
	h.mu.Lock()
	_, mine := h.timers[r]
	delete(h.timers, r)
	h.mu.Unlock()
	if mine {
		h.due(r)
		h.changed()
	}
}

func (h *held) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.timers)
}

// take returns, and keeps no longer, the tasks that which picks.
func (h *held) take(which func(*request) bool) (taken []*request) {
	h.mu.Lock()
	for r, t := range h.timers {
		if which(r) {
			t.Stop()
			delete(h.timers, r)
			taken = append(taken, r)
		}
	}
	h.mu.Unlock()
	if len(taken) > 0 {
		h.changed()
	}
	return taken
}

// close returns the tasks whose time has not come; none becomes due after it.
func (h *held) close() []*request {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	var left []*request
	for r, t := range h.timers {
		t.Stop()
		left = append(left, r)
	}
	clear(h.timers)
	return left
}
