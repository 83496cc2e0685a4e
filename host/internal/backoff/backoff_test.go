package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
)

func TestPausesDoubleUpToTheMostAndAreSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		b := backoff.Backoff{First: 100 * time.Millisecond, Max: time.Second}
		for _, step := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			step *= time.Millisecond
			d := b.Next()
			if d < step/2 || d > step {
				t.Fatalf("pause %v, want between half of %v and that", d, step)
			}
			seen[d] = true
		}
		b.Reset()
		if d := b.Next(); d > 100*time.Millisecond {
			t.Errorf("pause %v after Reset", d)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d different pauses", len(seen))
	}
}

func TestSleepEndsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff.Backoff{First: time.Second, Max: time.Hour}
		begin := time.Now()
		if !b.Sleep(t.Context(), nil) || time.Since(begin) < time.Second/2 {
			t.Errorf("slept %v", time.Since(begin))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		stop := make(chan struct{})
		close(stop)
		begin = time.Now()
		if b.Sleep(ended, nil) || b.Sleep(t.Context(), stop) || time.Since(begin) != 0 {
			t.Errorf("slept on for %v", time.Since(begin))
		}
	})
}
