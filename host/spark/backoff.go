package spark

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces attempts: each pause is longer than the one before, up to a
// second.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: 20 * time.Millisecond} }

// sleep reports whether the pause came to its end before ctx did.
func (b *backoff) sleep(ctx context.Context) bool {
	// Half of it at random, for the callers not to come all at once.
	pause := b.next/2 + rand.N(b.next/2+1)
	b.next = min(b.next*2, time.Second)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
