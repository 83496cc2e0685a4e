package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
)

// gate counts runs by task id and lets bodies end when it is opened.
type gate struct {
	mu   sync.Mutex
	runs map[string]int
	open chan struct{}
}

func newGate() *gate { return &gate{runs: map[string]int{}, open: make(chan struct{})} }

func (g *gate) body(ctx context.Context, c Call) (json.RawMessage, error) {
	g.mu.Lock()
	g.runs[c.ID]++
	g.mu.Unlock()
	select {
	case <-g.open:
		return json.RawMessage("1"), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
}

func (g *gate) ran(id string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.runs[id]
}

// lose breaks the connection, and waits until the broker has delivered again what
// it then took back.
func (b *bench) lose() {
	open := b.server.Unsettled("celery")
	b.server.Stop()
	b.server.Start()
	b.eventually("messages to be delivered again", func() bool { return b.server.Unsettled("celery") == open })
}

func TestMessagesDeliveredAgainAreTakenOver(t *testing.T) {
	for name, late := range map[string]bool{"late acks": true, "early acks": false} {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			b := start(t, Config{AcksLate: late, PrefetchMultiplier: 3}, map[string]body{"wait": g.body}, nil)
			var ids []string
			for i := range 3 { // two run, one waits for a slot
				ids = append(ids, b.send("wait", nil))
				b.eventually("it to be received", func() bool { _, ok := b.Request(ids[i]); return ok })
			}
			at := time.Now().Add(time.Second)
			ids = append(ids, b.send("wait", func(c *celery.Task) { c.ETA = &at }))
			b.eventually("two to run, and the scheduled one to be received", func() bool {
				_, ok := b.Request(ids[3])
				return ok && b.Stats().Active == 2
			})
			for range 3 {
				b.lose()
			}
			close(g.open)
			for _, id := range ids {
				b.ends(id, "SUCCESS")
				if n := g.ran(id); n != 1 {
					t.Errorf("%s ran %d times", id, n)
				}
			}
			if n := b.server.Ready("celery"); n != 0 {
				t.Errorf("%d messages are left", n)
			}
		})
	}
}

func TestTaskThatEndsWithoutConnectionIsAcknowledgedLater(t *testing.T) {
	g := newGate()
	b := start(t, Config{AcksLate: true}, map[string]body{"wait": g.body}, nil)
	id := b.send("wait", nil)
	b.eventually("it to run", func() bool { return g.ran(id) == 1 })
	b.server.Stop()
	close(g.open)
	b.eventually("its result to be stored", func() bool { states, _ := b.store.of(id); return len(states) == 1 })
	b.eventually("it to be forgotten", func() bool { _, held := b.Request(id); return !held })
	b.server.Start()
	b.eventually("its message to be acknowledged", func() bool {
		return b.server.Ready("celery") == 0 && b.server.Unsettled("celery") == 0
	})
	// Sent anew on purpose it is another task.
	b.send("wait", func(c *celery.Task) { c.ID = id })
	b.ends(id, "SUCCESS", "SUCCESS")
	if n := g.ran(id); n != 2 {
		t.Errorf("it ran %d times", n)
	}
}

func TestOneIDOfTwoTriesIsTwoTasks(t *testing.T) {
	g := newGate()
	b := start(t, Config{AcksLate: true, PrefetchMultiplier: 4}, map[string]body{"wait": g.body}, nil)
	id := b.send("wait", nil)
	b.eventually("it to run", func() bool { return g.ran(id) == 1 })
	b.send("wait", func(c *celery.Task) { c.ID, c.Retries = id, 1 })
	b.eventually("its retry to run", func() bool { return g.ran(id) == 2 })
	b.lose()
	close(g.open)
	b.ends(id, "SUCCESS", "SUCCESS")
	if n := g.ran(id); n != 2 {
		t.Errorf("ran %d times, want the two tries", n)
	}
}

func TestConnectionLossCancelsLateAckedTasksIfWanted(t *testing.T) {
	g := newGate()
	feed := event.NewFeed()
	events := feed.Subscribe(100)
	defer events.Close()
	b := start(t, Config{CancelOnLoss: true, Feed: feed}, map[string]body{"late": g.body, "early": g.body},
		map[string]abi.TaskOptions{"late": {AcksLate: ptr(true)}})
	late, early := b.send("late", nil), b.send("early", nil)
	b.eventually("both to run", func() bool { return g.ran(late) == 1 && g.ran(early) == 1 })
	b.server.Stop()
	b.eventually("the late one to be cancelled", func() bool { _, last := b.store.of(late); return last.State == "RETRY" })
	b.server.Start()
	b.eventually("it to run again", func() bool { return g.ran(late) == 2 })
	close(g.open)
	b.ends(late, "RETRY", "SUCCESS")
	b.ends(early, "SUCCESS")
	if n := g.ran(early); n != 1 {
		t.Errorf("the early-acked task ran %d times", n)
	}
	for {
		if e := <-events.Events(); e.Type == event.TypeCancelled {
			if e.Task.ID != late {
				t.Errorf("task-cancelled of %s", e.Task.ID)
			}
			break
		}
	}
}
