package faults

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// What Celery's worker does when it is told by signals, ours does: no task that
// may end is lost, and the process that HUP restarts is the same.
func TestSignalsLoseNothing(t *testing.T) {
	running := func(t *testing.T, choices ...choice) *bed {
		b := on(shared, results, choices...)(t)
		b.worker()
		return b
	}
	// send has the worker begin a task that takes so long.
	send := func(b *bed, ms float64) {
		b.ms = ms
		b.publish(1, 1)
		b.eventually("the task to begin", func() bool { tasks, _ := b.effects.ran(); return tasks == b.sent })
	}
	tell := func(b *bed, s syscall.Signal) {
		if err := b.process.Process.Signal(s); err != nil {
			b.t.Fatal(err)
		}
	}
	ended := func(b *bed) {
		select {
		case <-b.process.ended:
		case <-time.After(3 * time.Minute):
			b.t.Fatal("the worker has not ended within 3 minutes")
		}
	}
	answered := func(b *bed, want int) {
		if got := len(b.answers()); got != want {
			b.t.Errorf("%d of %d tasks have succeeded, want %d", got, b.sent, want)
		}
	}

	t.Run("HUP, USR1, TERM", func(t *testing.T) {
		b := running(t)
		send(b, 1500)
		tell(b, syscall.SIGHUP)
		b.eventually("the program run anew", func() bool { return strings.Count(b.process.tail(1<<20), "[tasks]") == 2 })
		send(b, 0)
		tell(b, syscall.SIGUSR1)
		b.eventually("the stacks", func() bool { return strings.Contains(b.process.tail(1<<20), "goroutine 1 [") })
		send(b, 2000)
		tell(b, syscall.SIGTERM)
		ended(b)
		answered(b, 3)
	})
	t.Run("QUIT, softly", func(t *testing.T) {
		b := running(t, func(_ *testing.T, b *bed) { b.env = append(b.env, "SPARKSTALK_WORKER_SOFT_SHUTDOWN_TIMEOUT=170") })
		send(b, 2000)
		tell(b, syscall.SIGQUIT)
		ended(b)
		answered(b, 1)
	})
	t.Run("QUIT, late ack", func(t *testing.T) {
		b := running(t, late)
		send(b, 600_000)
		tell(b, syscall.SIGQUIT)
		ended(b)
		answered(b, 0)
		if n, err := b.ready(); err != nil || n != 1 {
			t.Errorf("%d messages are back in the queue (%v), want the one that was interrupted", n, err)
		}
	})
}
