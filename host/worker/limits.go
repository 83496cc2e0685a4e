package worker

import (
	"sync"
	"time"
)

// limits keeps requests of rate-limited tasks until their turn: a bucket for
// each task, as Celery's, that holds one token and fills at the task's rate.
// Requests of a task stay in their order.
type limits struct {
	due     func(*request) bool // false when intake has ended
	mu      sync.Mutex
	buckets map[string]*bucket
	closed  bool
}

type bucket struct {
	rate    float64 // tokens a second; zero lets all pass
	tokens  float64
	filled  time.Time
	waiting []*request
	timer   *time.Timer
}

func newLimits(due func(*request) bool) *limits {
	return &limits{due: due, buckets: map[string]*bucket{}}
}

// waiting reports whether requests of a task wait for their turn.
func (l *limits) waiting(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[name]
	return b != nil && len(b.waiting) > 0
}

// add keeps r for its turn; false means that it was closed and r stays the
// caller's.
func (l *limits) add(r *request, rate float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	b := l.buckets[r.task.Name]
	if b == nil {
		b = &bucket{rate: rate, tokens: 1, filled: time.Now()}
		l.buckets[r.task.Name] = b
	}
	if b.rate != rate {
		b.rate, b.tokens, b.filled = rate, 1, time.Now()
	}
	b.waiting = append(b.waiting, r)
	l.flow(r.task.Name, b)
	return true
}

// flow lets pass what may, and comes back for the next. The mutex is held.
func (l *limits) flow(name string, b *bucket) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	for len(b.waiting) > 0 {
		if b.rate > 0 {
			now := time.Now()
			b.tokens = min(1, b.tokens+b.rate*now.Sub(b.filled).Seconds())
			b.filled = now
			if b.tokens < 1 {
				wait := time.Duration((1 - b.tokens) / b.rate * float64(time.Second))
				b.timer = time.AfterFunc(wait+time.Millisecond, func() {
					l.mu.Lock()
					defer l.mu.Unlock()
					if !l.closed && l.buckets[name] == b {
						l.flow(name, b)
					}
				})
				return
			}
			b.tokens--
		}
		r := b.waiting[0]
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
		l.due(r)
	}
}

// reset gives a task another rate from now on.
func (l *limits) reset(name string, rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[name]
	if b == nil || l.closed {
		return
	}
	b.rate, b.tokens, b.filled = rate, 1, time.Now()
	l.flow(name, b)
}

func (l *limits) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, b := range l.buckets {
		n += len(b.waiting)
	}
	return n
}

// take returns, and keeps no longer, the requests that which picks.
func (l *limits) take(which func(*request) bool) (taken []*request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.buckets {
		rest, some := split(b.waiting, which)
		b.waiting, taken = rest, append(taken, some...)
	}
	return taken
}

// close returns the requests whose turn has not come; none passes after it.
func (l *limits) close() []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var left []*request
	for _, b := range l.buckets {
		if b.timer != nil {
			b.timer.Stop()
		}
		left = append(left, b.waiting...)
		b.waiting = nil
	}
	return left
}
