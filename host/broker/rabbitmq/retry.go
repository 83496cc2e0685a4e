package rabbitmq

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

const (
	backoffFirst = 50 * time.Millisecond
	// backoffCap keeps the time from the broker's return to the next try well
	// under the five seconds in which consuming should have resumed.
	backoffCap = 2 * time.Second
	// steady is how long a connection must have lasted to be no part of a series
	// of failures.
	steady = 10 * time.Second
	// repeatComplaint is how often a lasting failure is logged.
	repeatComplaint = 30 * time.Second
)

// A backoff gives growing, jittered pauses. The zero value is ready.
type backoff struct{ step time.Duration }

// lived says how long what failed now had worked.
func (b *backoff) lived(d time.Duration) {
	if d > steady {
		b.step = 0
	}
}

func (b *backoff) next() time.Duration {
	b.step = min(max(2*b.step, backoffFirst), backoffCap)
	// Half of it at random: many workers lose one broker at the same moment.
	return b.step/2 + rand.N(b.step/2)
}

// sleep pauses and reports false when ctx ended or stop was closed meanwhile.
func (b *backoff) sleep(ctx context.Context, stop <-chan struct{}) bool {
	t := time.NewTimer(b.next())
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

// A complaint logs a series of failures at its begin and then now and again.
type complaint struct {
	log   *slog.Logger
	what  string
	since time.Time // of the first failure; zero when all is well
	last  time.Time
	count int
}

func (c *complaint) failed(ctx context.Context, err error) {
	now := time.Now()
	c.count++
	if c.since.IsZero() {
		c.since = now
	} else if now.Sub(c.last) < repeatComplaint {
		return
	}
	c.last = now
	c.log.WarnContext(ctx, c.what+"; trying again", logkey.Error, err, logkey.Attempt, c.count,
		logkey.Duration, now.Sub(c.since).Round(time.Millisecond))
}

// over ends the series, if there was one, and logs what is the case now.
func (c *complaint) over(now string, args ...any) {
	if !c.since.IsZero() {
		args = append(args, logkey.Attempt, c.count+1, logkey.Duration, time.Since(c.since).Round(time.Millisecond))
	}
	c.since, c.count = time.Time{}, 0
	c.log.Info(now, args...)
}
