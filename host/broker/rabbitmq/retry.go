package rabbitmq

import (
	"context"
	"log/slog"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
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

func newBackoff() backoff.Backoff {
	return backoff.Backoff{First: backoffFirst, Max: backoffCap}
}

// lived ends a series of failures when what failed now had worked for long.
func lived(b *backoff.Backoff, d time.Duration) {
	if d > steady {
		b.Reset()
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
