package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
)

// heard is an event of another worker as a delivery.
func heard(e celery.Event, hostname string, clock int64) broker.Delivery {
	e.Hostname, e.PID, e.Clock = hostname, 7, clock
	e = e.At(time.Now())
	return broker.Delivery{RoutingKey: e.RoutingKey(), Message: broker.Message{Headers: map[string]any{"hostname": hostname}, Body: e.Append(nil), ContentType: celery.ContentType}}
}

// gossip runs a Gossip in the test's bubble. Elections won are sent to won.
func gossip(t *testing.T) (g *event.Gossip, s *sender, clock *celery.Clock, won chan string) {
	t.Helper()
	s, clock, won = &sender{}, &celery.Clock{}, make(chan string, 10)
	p, err := event.NewPublisher(event.PublisherConfig{Broker: s, Hostname: "w@host", Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	g, err = event.NewGossip(event.GossipConfig{Events: p, Hostname: "w@host", Apply: func(_ context.Context, sig json.RawMessage) error {
		won <- string(sig)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return g, s, clock, won
}

func beat(frequency float64) celery.Event {
	return celery.WorkerEvent("worker-heartbeat", celery.WorkerState{Frequency: frequency})
}

func TestGossipKeepsTheClockAndTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, clock, _ := gossip(t)
		g.Handle(t.Context(), heard(beat(2), "py@host", 500))
		if clock.Value() != 501 || g.Peers() != 1 {
			t.Errorf("clock %d, %d peers", clock.Value(), g.Peers())
		}
		g.Handle(t.Context(), heard(beat(2), "w@host", 9000)) // our own
		if clock.Value() != 502 || g.Peers() != 1 {
			t.Errorf("after our own: clock %d, %d peers", clock.Value(), g.Peers())
		}
		for _, body := range []string{"", "{", "[]", "[1]", `{"type":"worker-heartbeat","clock":"x"}`, `{"type":"worker-elect"}`, `{"type":"worker-elect-ack","id":3}`} {
			g.Handle(t.Context(), broker.Delivery{RoutingKey: "worker.heartbeat", Message: broker.Message{Body: []byte(body), ContentType: celery.ContentType}})
		}
		g.Handle(t.Context(), heard(beat(100), "slow@host", 10))
		time.Sleep(10 * time.Second) // the quick one missed its heartbeats
		if g.Peers() != 1 {
			t.Errorf("%d peers are left, want the slow one", g.Peers())
		}
		g.Handle(t.Context(), heard(celery.WorkerEvent("worker-offline", celery.WorkerState{}), "slow@host", 11))
		if g.Peers() != 0 {
			t.Errorf("%d peers after the last went", g.Peers())
		}
	})
}

func TestElections(t *testing.T) {
	action := json.RawMessage(`{"task": "test.add", "args": [1, 2]}`)
	for _, c := range []struct {
		name   string
		clock  int64  // of the other candidate, zero for none
		topic  string // the election's
		wins   bool
		events string // that we publish
	}{
		{"alone", 0, "task", true, "worker.elect:1 worker.elect.ack:1"},
		{"against a later clock", 900, "task", true, "worker.elect:1 worker.elect.ack:1 worker.elect.ack:1"},
		{"against an earlier clock", 1, "task", false, "worker.elect:1 worker.elect.ack:1 worker.elect.ack:1"},
		{"on a topic that nobody knows", 900, "lunch", false, "worker.elect:1 worker.elect.ack:1 worker.elect.ack:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, s, clock, won := gossip(t)
				if c.clock > 0 {
					g.Handle(t.Context(), heard(beat(2), "py@host", 5))
				}
				if err := g.Elect(t.Context(), "e1", c.topic, action); err != nil {
					t.Fatal(err)
				}
				own := celery.WorkerElect("e1", c.topic, action)
				own.Hostname, own.PID, own.Clock = "w@host", os.Getpid(), clock.Value()
				g.Handle(t.Context(), broker.Delivery{RoutingKey: "worker.elect", Message: broker.Message{Body: own.Append(nil), ContentType: celery.ContentType}})
				published := s.take()
				if c.clock > 0 {
					if len(published) != 1 {
						t.Errorf("published %s before the other has stood", keys(published))
					}
					g.Handle(t.Context(), heard(own, "py@host", c.clock))
					published = append(published, s.take()...)
				}
				if got := keys(published); got != c.events {
					t.Errorf("published %s, want %s", got, c.events)
				}
				for range 2 { // what more comes decides nothing anew
					g.Handle(t.Context(), heard(celery.WorkerElectAck("e1"), "w@host", 0))
					g.Handle(t.Context(), heard(celery.WorkerElectAck("e1"), "py@host", 0))
				}
				time.Sleep(5 * time.Second)
				if got := len(won); got != map[bool]int{true: 1}[c.wins] {
					t.Errorf("sent %d tasks", got)
				} else if c.wins {
					if got := <-won; got != string(action) {
						t.Errorf("sent %s", got)
					}
				}
			})
		})
	}
}

// TestElectionGoesOnWithoutThoseThatAreSilent and begins with another's word
// where the command itself comes late.
func TestElectionGoesOnWithoutThoseThatAreSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s, _, won := gossip(t)
		g.Handle(t.Context(), heard(beat(60), "py@host", 5))
		g.Handle(t.Context(), heard(beat(60), "silent@host", 5))
		s.take()
		g.Handle(t.Context(), heard(celery.WorkerElect("e2", "task", json.RawMessage(`{}`)), "py@host", 900))
		all := s.take()
		if keys(all) != "worker.elect:1" {
			t.Fatalf("published %s, want that we stand", keys(all))
		}
		own := all[0].events[0]
		g.Handle(t.Context(), broker.Delivery{RoutingKey: "worker.elect", Message: broker.Message{Body: own.Append(nil), ContentType: celery.ContentType}})
		if got := keys(s.take()); got != "" {
			t.Errorf("published %s before all have stood", got)
		}
		time.Sleep(5 * time.Second)
		if got := keys(s.take()); got != "worker.elect.ack:1 worker.elect.ack:1" {
			t.Errorf("published %s", got)
		}
		if len(won) != 1 {
			t.Errorf("sent %d tasks", len(won))
		}
		for n := range 5000 { // strangers cannot make it grow
			g.Handle(t.Context(), heard(celery.WorkerElect(fmt.Sprint(n), "task", nil), "py@host", 1))
		}
	})
}
