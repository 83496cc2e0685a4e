package rabbitmq_test

import (
	"context"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A message waits in a store, which passes it on to an exchange when its time is
// over; that one passes it on to the exchange of a queue with several bindings.
func TestStoresAndBindingsBetweenExchanges(t *testing.T) {
	q := durable(t)
	q.Bindings = []broker.Binding{
		{Exchange: q.Name + ".topic", ExchangeType: "topic", RoutingKey: "a.#"},
		{Exchange: q.Name + ".direct", ExchangeType: "direct", RoutingKey: "k"},
	}
	entry, late := proctest.Name(t), proctest.Name(t)
	b := open(t, rabbitmq.Config{
		URL: proctest.RabbitMQ(t), Queues: []broker.Queue{q},
		Exchanges: []broker.Exchange{
			{Name: entry, Type: "topic", Transient: true}, {Name: late, Type: "topic", Transient: true},
			{Name: q.Name + ".topic", Type: "topic", Sources: []broker.Binding{{Exchange: late, RoutingKey: "#"}}},
		},
		Stores: []broker.Queue{{
			Name:     entry,
			Args:     map[string]any{"x-message-ttl": int64(100), "x-dead-letter-exchange": late, "x-expires": int64(600_000)},
			Bindings: []broker.Binding{{Exchange: entry, RoutingKey: "a.*"}},
		}},
	})
	got := consume(t, b)
	for _, p := range []broker.Publication{
		{Exchange: entry, RoutingKey: "a.b", Message: broker.Message{Body: []byte("held back")}},
		{Exchange: q.Name + ".direct", RoutingKey: "k", Message: broker.Message{Body: []byte("directly")}},
	} {
		eventually(t, "the way is open", func() bool {
			p.Mandatory = true
			return b.Publish(context.Background(), p) == nil
		})
		d := next(t, got)
		if string(d.Body) != string(p.Body) || d.RoutingKey != p.RoutingKey {
			t.Errorf("got %q with key %q, want %q with %q", d.Body, d.RoutingKey, p.Body, p.RoutingKey)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
}
