package brokertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// patience is how long the suite waits for what must happen, and quiet how long
// it watches for what must not.
const (
	patience = time.Minute
	quiet    = 200 * time.Millisecond
)

// A Lack is something that AMQP brokers have and others may not.
type Lack string

// What a broker may lack.
const (
	LacksPriority   Lack = "the highest priority comes first"
	LacksExpiration Lack = "messages expire"
	LacksRouting    Lack = "a queue that does not exist takes no messages"
	LacksArguments  Lack = "queues have arguments"
	LacksEmptyHash  Lack = "a topic's # stands for no word too"
	LacksKeyless    Lack = "a fanout exchange does not look at routing keys"
	LacksBytes      Lack = "texts in headers keep bytes that are not UTF-8"
)

// Run holds a broker to the contract, but for what its kind is known to lack.
// Each call of open must give a new broker on the same server, not yet run; the
// suite closes it.
func Run(t *testing.T, open func(t *testing.T, cfg Config) broker.Broker, lacks ...Lack) {
	cases := []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"a message arrives as it was sent", arrivesAsSent},
		{"messages of a queue come in order", comesInOrder},
		{"many publish at once", manyPublish},
		{"exchanges route", exchangesRoute},
		{"a higher priority comes first", needs(LacksPriority, priorityFirst)},
		{"an expired message does not come", needs(LacksExpiration, expires)},
		{"no queue takes a mandatory message", needs(LacksRouting, unroutable)},
		{"an exchange that does not exist", unknownExchange},
		{"unconfirmed messages arrive", unconfirmed},
		{"what is acknowledged is gone", acknowledged},
		{"what is rejected comes back or is gone", rejected},
		{"settling twice changes nothing", settledOnce},
		{"open deliveries return on close and are stale", returnsOnClose},
		{"prefetch bounds what is open", prefetch},
		{"stopping gives back what was not handled", stopConsuming},
		{"a queue more, and one less", moreAndLess},
		{"a queue without acknowledgement", noAck},
		{"a transient queue goes with its connection", needs(LacksRouting, transient)},
		{"a queue with other arguments ends Run", needs(LacksArguments, otherArguments)},
		{"Run ends with its context and with Close", endsQuietly},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, &suite{open: open, id: "brokertest-" + uuid.NewString()[:8], lacks: lacks})
		})
	}
}

// needs is a case that says nothing of a broker that lacks what it is about.
func needs(lack Lack, run func(t *testing.T, s *suite)) func(t *testing.T, s *suite) {
	return func(t *testing.T, s *suite) {
		if !slices.Contains(s.lacks, lack) {
			run(t, s)
		}
	}
}

type suite struct {
	open  func(t *testing.T, cfg Config) broker.Broker
	id    string // begins the names of this test's queues and exchanges
	lacks []Lack
}

// queue returns a queue of the test's own, which the server drops by itself.
func (s *suite) queue(suffix string) broker.Queue {
	return broker.Queue{Name: s.id + suffix, Args: map[string]any{"x-expires": 120000}}
}

// A running broker and what it was delivered.
type running struct {
	broker.Broker
	got  chan broker.Delivery
	done chan struct{} // closed when Run returned
	err  error         // Run's, once done
	stop context.CancelFunc
}

// start opens a broker and has it consume.
func (s *suite) start(t *testing.T, cfg Config) *running {
	t.Helper()
	r := s.run(t, cfg)
	eventually(t, "broker connects", func() bool {
		select {
		case <-r.done:
			t.Fatalf("Run returned %v", r.err)
		default:
		}
		return r.Connected()
	})
	return r
}

func (s *suite) run(t *testing.T, cfg Config) *running {
	t.Helper()
	b := s.open(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Broker: b, got: make(chan broker.Delivery, 10000), done: make(chan struct{}), stop: cancel}
	go func() {
		defer close(r.done)
		r.err = b.Run(ctx, func(d broker.Delivery) { r.got <- d })
	}()
	t.Cleanup(func() {
		cancel()
		_ = b.Close()
		select {
		case <-r.done:
		case <-time.After(patience):
			t.Error("Run did not return after Close")
		}
	})
	return r
}

// publisher opens a broker that only publishes.
func (s *suite) publisher(t *testing.T) broker.Broker {
	t.Helper()
	b := s.open(t, Config{})
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (r *running) next(t *testing.T) broker.Delivery {
	t.Helper()
	select {
	case d := <-r.got:
		return d
	case <-time.After(patience):
		t.Fatal("no delivery came")
	}
	panic("not reached")
}

func (r *running) nothing(t *testing.T) {
	t.Helper()
	select {
	case d := <-r.got:
		t.Fatalf("delivery of %q, want none", d.Body)
	case <-time.After(quiet):
	}
}

func send(t *testing.T, b broker.Broker, p broker.Publication) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Publish(ctx, p); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

func text(q broker.Queue, body string) broker.Publication {
	return broker.Publication{RoutingKey: q.Name, Message: broker.Message{Body: []byte(body)}}
}

func ack(t *testing.T, d broker.Delivery) {
	t.Helper()
	if err := d.Settler.Ack(); err != nil {
		t.Fatalf("Ack: %v", err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
