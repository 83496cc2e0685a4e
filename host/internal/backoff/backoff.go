// Package backoff spaces attempts at what may work later.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// A Backoff gives pauses that double from First up to Max, half of each at
// random: many hosts lose one server at the same moment and must not come back
// as one. It belongs to one goroutine.
type Backoff struct {
	First, Max time.Duration
	step       time.Duration
}

// Next returns the next pause, at least half of First and at most Max.
func (b *Backoff) Next() time.Duration {
	b.step = min(max(2*b.step, b.First), b.Max)
	return b.step/2 + rand.N(b.step/2+1)
}

// Reset begins anew, after a success.
func (b *Backoff) Reset() { b.step = 0 }

// Sleep pauses, and reports false if ctx ended or stop was closed meanwhile.
// stop may be nil.
func (b *Backoff) Sleep(ctx context.Context, stop <-chan struct{}) bool {
	t := time.NewTimer(b.Next())
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-stop:
		return false
	}
}
