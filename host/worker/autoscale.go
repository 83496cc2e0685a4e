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
type Autoscaler struct {
	worker *Worker

	mu       sync.Mutex
	min, max int
	grown    time.Time // when it last grew
}

// keepAlive is how long a pool rests before it shrinks, and scaleEvery how
// often it is looked at.
const (
	keepAlive  = 30 * time.Second
	scaleEvery = time.Second
)

// NewAutoscaler returns an autoscaler for w that has not begun.
func NewAutoscaler(w *Worker, min, max int) (*Autoscaler, error) {
	a := &Autoscaler{worker: w}
	_, _, err := a.Update(&max, &min)
	return a, err
}

// Update changes the bounds and returns them; nil leaves one as it is. A new
// bound takes effect at once.
func (a *Autoscaler) Update(max, min *int) (newMax, newMin int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	high, low := a.max, a.min
	if max != nil {
		high = *max
	}
	if min != nil {
		low = *min
	}
	if low < 1 || high < low {
		return a.max, a.min, errors.New("autoscale needs 1 <= min <= max")
	}
	a.max, a.min = high, low
	a.fit(low, high)
	return high, low, nil
}

// fit brings the pool between two sizes. The mutex is held.
func (a *Autoscaler) fit(low, high int) {
	size := a.worker.Slots()
	switch {
	case size < low:
		a.worker.Log.Info("autoscale: the pool grows", logkey.Count, low)
		a.worker.Grow(low - size)
		a.grown = time.Now()
	case size > high:
		a.worker.Log.Info("autoscale: the pool shrinks", logkey.Count, high)
		// What is busy now shrinks later.
		if err := a.worker.Shrink(size - high); err != nil {
			a.worker.Log.Debug("autoscale: the pool is busy", logkey.Error, err)
		}
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
		case <-ticker.C:
			a.scale()
		}
	}
}

func (a *Autoscaler) scale() {
	stats := a.worker.Stats()
	wanted := int(stats.Active) + a.worker.ready.len()
	a.mu.Lock()
	defer a.mu.Unlock()
	wanted = min(max(wanted, a.min), a.max)
	if size := a.worker.Slots(); wanted > size {
		a.fit(wanted, a.max)
	} else if wanted < size && time.Since(a.grown) > keepAlive {
		a.fit(a.min, wanted)
	}
}
