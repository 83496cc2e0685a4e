package rabbitmq

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackoff()
		var total time.Duration
		for i := range 100 {
			start := time.Now()
			if !b.Sleep(context.Background(), nil) {
				t.Fatal("sleep was ended by nothing")
			}
			d := time.Since(start)
			total += d
			if d > backoffCap || d < backoffFirst/2 {
				t.Errorf("pause %d is %v", i, d)
			}
		}
		if total < 60*time.Second {
			t.Errorf("100 pauses take %v: they do not grow", total)
		}
		lived(&b, steady/2)
		if d := b.Next(); d < backoffCap/2 {
			t.Errorf("after a short life: %v", d)
		}
		lived(&b, 2*steady)
		if d := b.Next(); d > backoffFirst {
			t.Errorf("after a long life: %v", d)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stop := make(chan struct{})
		close(stop)
		if b.Sleep(ctx, nil) || b.Sleep(context.Background(), stop) {
			t.Error("sleep goes on after its end")
		}
	})
}

func TestComplaintIsNotRepeatedOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := complaint{log: slog.New(slog.NewTextHandler(&out, nil)), what: "broken"}
		for range 95 {
			c.failed(context.Background(), errors.New("why"))
			time.Sleep(time.Second)
		}
		if n := strings.Count(out.String(), "level=WARN"); n != 4 {
			t.Errorf("%d lines in 95 seconds, want 4:\n%s", n, out.String())
		}
		c.over("well")
		if !strings.Contains(out.String(), `msg=well attempt=96 duration=1m35s`) {
			t.Errorf("got %s", out.String())
		}
		c.failed(context.Background(), errors.New("again"))
		if n := strings.Count(out.String(), "level=WARN"); n != 5 {
			t.Errorf("a new failure was not logged")
		}
	})
}
