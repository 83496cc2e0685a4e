package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// RabbitMQ closes a channel, and only that, when a message stays unacknowledged
// for half an hour; an unknown delivery tag has it do the same at once.
func TestChannelClosedByTheBroker(t *testing.T) {
	q := broker.Queue{Name: proctest.Name(t), Args: map[string]any{"x-expires": 600_000}}
	b, err := New(Config{URL: proctest.RabbitMQ(t), Queues: []broker.Queue{q}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan broker.Delivery, 10)
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background(), func(d broker.Delivery) { got <- d }) }()
	defer func() {
		_ = b.Close()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	p := broker.Publication{RoutingKey: q.Name, Mandatory: true}
	for ctx := t.Context(); b.Publish(ctx, p) != nil; time.Sleep(10 * time.Millisecond) {
		// until the queue stands
	}
	d := <-got
	b.mu.Lock()
	s := b.session
	b.mu.Unlock()
	if err := s.ch.Ack(12345, false); err != nil {
		t.Fatal(err)
	}
	again := <-got
	if !again.Redelivered {
		t.Error("not redelivered")
	}
	if err := d.Settler.Ack(); !errors.Is(err, broker.ErrStale) {
		t.Errorf("late ack: got %v, want ErrStale", err)
	}
	if err := again.Settler.Ack(); err != nil {
		t.Error(err)
	}
}

func TestGlobalQoS(t *testing.T) {
	quorum := []broker.Queue{{Name: "a"}, {Name: "b", Args: map[string]any{"x-queue-type": "quorum"}}}
	classic := []broker.Queue{{Name: "a", Args: map[string]any{"x-queue-type": "classic"}}}
	cases := []struct {
		version string
		queues  []broker.Queue
		want    bool
	}{
		{"3.10.8", classic, true}, {"3.3.0", nil, true}, {"3.13.7", nil, true}, {"3.10.8", quorum, false},
		{"3.2.4", nil, false}, {"4.0.0", nil, false}, {"4.1.0-beta.1", nil, false}, {"", nil, false}, {"0.0.0", nil, false},
	}
	for _, c := range cases {
		if got := globalQoS(c.version, c.queues); got != c.want {
			t.Errorf("version %q with %d queues: %v, want %v", c.version, len(c.queues), got, c.want)
		}
	}
}
