package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// An Autoscaler keeps a worker's pool between two sizes by how many tasks wait
// and run, as Celery's does: it grows at once, and shrinks once it has rested.
// Messages are taken in advance for as many slots as there may be.
type Autoscaler struct {
	worker *Worker
	rest   time.Duration
	wake   chan struct{} // a task waits; holds one

	mu       sync.Mutex
	min, max int
	moved    time.Time // when it last grew or a task came
	received int64     // tasks, when it was last looked at
}

// keepAlive is how long a pool rests before it shrinks, and scaleEvery how
// often it is looked at, beside whenever a task comes.
const (
	keepAlive  = 30 * time.Second
	scaleEvery = time.Second
)

// NewAutoscaler returns an autoscaler for w that has not begun. It begins with the
// smallest pool. min may be zero: the first task that comes then begins a slot.
func NewAutoscaler(w *Worker, min, max int) (*Autoscaler, error) {
	a := &Autoscaler{worker: w, rest: keepAlive, wake: make(chan struct{}, 1), moved: time.Now()}
	if _, _, err := a.Update(&max, &min); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fit(min, min)
	w.scaler.Store(a)
	return a, nil
}

// Update changes the bounds and returns them; nil leaves one as it is. A new
// bound takes effect at once.
func (a *Autoscaler) Update(max, min *int) (newMax, newMin int, err error) {
	a.mu.Lock()
	high, low := a.max, a.min
	if max != nil {
		high = *max
	}
	if min != nil {
		low = *min
	}
	if low < 0 || high < 1 || high < low {
		defer a.mu.Unlock()
		return a.max, a.min, errors.New("autoscale needs 0 <= min <= max, and max of 1 or more")
	}
	a.max, a.min = high, low
	a.fit(low, high)
	a.mu.Unlock()
	a.worker.adjustPrefetch()
	return high, low, nil
}

// Bounds are how an Autoscaler keeps its pool: its bounds, how large the pool is, and
// how many tasks run or wait for a slot.
type Bounds struct{ Max, Min, Current, Wanted int }

// Bounds tells how the pool is kept now.
func (a *Autoscaler) Bounds() Bounds {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Bounds{Max: a.max, Min: a.min, Current: a.worker.Slots(), Wanted: a.wanted()}
}

func (a *Autoscaler) most() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.max
}

func (a *Autoscaler) wanted() int { return int(a.worker.active.Load()) + a.worker.ready.len() }

// fit brings the pool between two sizes. The mutex is held.
func (a *Autoscaler) fit(low, high int) {
	size := a.worker.Slots()
	switch {
	case size < low:
		a.worker.Log.Info("autoscale: the pool grows", logkey.Count, low)
		a.worker.pool.grow(low - size)
		a.moved = time.Now()
	case size > high:
		a.worker.Log.Info("autoscale: the pool shrinks", logkey.Count, high)
		// What is busy now shrinks later.
		if err := a.worker.pool.shrink(size-high, a.min); err != nil {
			a.worker.Log.Debug("autoscale: the pool is busy", logkey.Error, err)
		}
	}
}

// look has the pool looked at soon.
func (a *Autoscaler) look() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run scales until ctx ends.
func (a *Autoscaler) Run(ctx context.Context) {
	ticker := time.NewTicker(scaleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
			a.scale()
		case <-ticker.C:
			a.scale()
		}
	}
}

func (a *Autoscaler) scale() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.worker.received.Load(); n != a.received {
		a.received, a.moved = n, time.Now()
	}
	wanted := min(max(a.wanted(), a.min), a.max)
	if size := a.worker.Slots(); wanted > size {
		a.fit(wanted, a.max)
	} else if wanted < size && time.Since(a.moved) > a.rest {
		a.fit(a.min, wanted)
	}
}
