package rabbitmq_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// arguments are as settings have them: numbers of JSON.
func arguments(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestQueueArgumentsAreTheBrokers(t *testing.T) {
	url := proctest.RabbitMQ(t)
	q := broker.Queue{Name: proctest.Name(t), Args: arguments(t, `{
		"x-queue-mode": "lazy", "x-expires": 600000, "x-max-length": 2, "x-overflow": "drop-head", "x-max-priority": 5, "x-single-active-consumer": true}`)}
	b := open(t, rabbitmq.Config{URL: url})
	if err := b.Declare(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	declare := func(args amqp.Table) error {
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.QueueDeclare(q.Name, true, false, false, false, args)
		return err
	}
	same := amqp.Table{
		"x-queue-mode": "lazy", "x-expires": 600000, "x-max-length": 2, "x-overflow": "drop-head", "x-max-priority": 5, "x-single-active-consumer": true,
	}
	if err := declare(same); err != nil {
		t.Errorf("another client with the same arguments: %v", err)
	}
	other := amqp.Table{}
	for k, v := range same {
		other[k] = v
	}
	other["x-max-length"] = 3
	if e, ok := errors.AsType[*amqp.Error](declare(other)); !ok || e.Code != amqp.PreconditionFailed {
		t.Errorf("with others: %v", e)
	}
	for i := range 3 {
		send(t, b, q.Name, fmt.Sprint(i))
	}
	got := consume(t, open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{q}}))
	for _, want := range []string{"1", "2"} { // of three, the oldest was dropped
		d := next(t, got)
		if string(d.Body) != want {
			t.Errorf("got %s, want %s", d.Body, want)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
}

func TestConsumerArgumentsAreTheBrokers(t *testing.T) {
	url := proctest.RabbitMQ(t)
	q := durable(t)
	low, high := q, q
	low.ConsumerArgs, high.ConsumerArgs = arguments(t, `{"x-priority": -1}`), arguments(t, `{"x-priority": 10}`)
	consumers := map[string]*rabbitmq.Broker{
		"low":  open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{low}, Prefetch: 10}),
		"high": open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{high}, Prefetch: 10}),
	}
	lows, highs := consume(t, consumers["low"]), consume(t, consumers["high"])
	for name, b := range consumers {
		eventually(t, name+" consumes", b.Connected)
	}
	for i := range 15 {
		send(t, consumers["low"], q.Name, fmt.Sprint(i))
	}
	// The one with priority gets all that it may hold, and the other the rest.
	for i := range 10 {
		if d := next(t, highs); string(d.Body) != fmt.Sprint(i) {
			t.Errorf("got %s, want %d", d.Body, i)
		}
	}
	for i := range 5 {
		if d := next(t, lows); string(d.Body) != fmt.Sprint(i+10) {
			t.Errorf("got %s, want %d", d.Body, i+10)
		}
	}
}
