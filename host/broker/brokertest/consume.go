package brokertest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// moreAndLess consumes a queue that was not there at the start, and ends that.
func moreAndLess(t *testing.T, s *suite) {
	ctx := context.Background()
	first, second := s.queue(".first"), s.queue(".second")
	r := s.start(t, Config{Queues: []broker.Queue{first}})
	if !slices.Contains(s.lacks, LacksRouting) {
		if err := r.Publish(ctx, broker.Publication{RoutingKey: second.Name, Mandatory: true}); !errors.Is(err, broker.ErrUnroutable) {
			t.Fatalf("a queue that nobody declared: %v", err)
		}
	}
	if err := r.Declare(ctx, second); err != nil {
		t.Fatalf("Declare: %v", err)
	}
	send(t, r, text(second, "early"))
	r.nothing(t)
	for range 2 { // the second call changes nothing
		if err := r.Consume(ctx, second); err != nil {
			t.Fatalf("Consume: %v", err)
		}
	}
	early := r.next(t)
	if string(early.Body) != "early" || early.Queue != second.Name {
		t.Errorf("got %q of queue %s", early.Body, early.Queue)
	}
	send(t, r, text(second, "late"))
	ack(t, r.next(t))
	r.nothing(t)
	if err := r.Cancel(ctx, second.Name); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	send(t, r, text(second, "left"))
	send(t, r, text(first, "first"))
	if d := r.next(t); string(d.Body) != "first" {
		t.Errorf("got %q after Cancel", d.Body)
	} else {
		ack(t, d)
	}
	r.nothing(t)
	ack(t, early) // open deliveries of a cancelled queue can be settled
	if err := r.Cancel(ctx, second.Name); err != nil {
		t.Errorf("Cancel again: %v", err)
	}
	if err := r.Consume(ctx, second); err != nil {
		t.Fatalf("Consume again: %v", err)
	}
	if d := r.next(t); string(d.Body) != "left" || d.Redelivered {
		t.Errorf("got %q, redelivered %v", d.Body, d.Redelivered)
	} else {
		ack(t, d)
	}
	if slices.Contains(s.lacks, LacksArguments) {
		return
	}
	other := second
	other.Name = s.id + ".clash"
	if err := r.Declare(ctx, other); err != nil {
		t.Fatal(err)
	}
	other.Args = map[string]any{"x-expires": 60000}
	if err := r.Declare(ctx, other); err == nil {
		t.Error("Declare of a queue with other arguments than it has is no error")
	}
}
