package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestAutoscaleFollowsTheLoad(t *testing.T) {
	for _, least := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("at least %d", least), func(t *testing.T) {
			t.Parallel()
			begun, release := make(chan struct{}, 10), make(chan struct{})
			b := start(t, Config{Concurrency: 2}, map[string]body{"wait": func(context.Context, Call) (json.RawMessage, error) {
				begun <- struct{}{}
				<-release
				return nil, nil
			}}, nil)
			// A pool that shrank has to grow again, so all of it happens twice.
			a, err := NewAutoscaler(b.Worker, least, 4)
			if err != nil {
				t.Fatal(err)
			}
			a.rest = time.Millisecond
			go a.Run(t.Context())
			for range 2 {
				b.eventually("the smallest pool", func() bool { return b.Slots() == least })
				if n := b.PrefetchCount(); n != 4 {
					t.Errorf("prefetch of %d: tasks that are not taken ask for no slot", n)
				}
				b.send("wait", nil)
				<-begun
				b.eventually("one slot more for one task", func() bool { return b.Slots() == max(least, 1) })
				for range 4 {
					b.send("wait", nil)
				}
				for range 3 {
					<-begun
				}
				b.eventually("all slots in use and one task that waits", func() bool {
					return a.Bounds() == Bounds{Max: 4, Min: least, Current: 4, Wanted: 5}
				})
				for range 5 {
					release <- struct{}{}
				}
				<-begun
			}
			b.eventually("rest", func() bool { return b.Slots() == least && b.Stats().Done == 10 })
		})
	}
}

func TestAutoscaleBounds(t *testing.T) {
	b := start(t, Config{}, nil, nil)
	a, err := NewAutoscaler(b.Worker, 1, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		max, min *int
		ok       bool
		slots    int
	}{
		{ptr(1), ptr(2), false, 1}, {ptr(0), ptr(0), false, 1}, {nil, ptr(-1), false, 1},
		{nil, ptr(3), true, 3}, {ptr(2), ptr(0), true, 2}, {ptr(9), nil, true, 2}, {nil, ptr(9), true, 9},
	} {
		b.eventually("idle slots", func() bool { return b.Stats().Active == 0 })
		_, _, err := a.Update(c.max, c.min)
		if (err == nil) != c.ok || b.Slots() != c.slots {
			t.Errorf("%+v: %v, %d slots", c, err, b.Slots())
		}
	}
	if n := b.PrefetchCount(); n != 9 {
		t.Errorf("prefetch %d", n)
	}
}
