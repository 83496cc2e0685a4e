package rabbitmq_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestPurge(t *testing.T) {
	url, q := proctest.RabbitMQ(t), durable(t)
	b := open(t, rabbitmq.Config{URL: url})
	if n, err := b.Purge(t.Context(), q); n != 0 || err != nil { // and it is there now
		t.Errorf("%d, %v", n, err)
	}
	send(t, b, q.Name, "1")
	send(t, b, q.Name, "2")
	if n, err := b.Purge(t.Context(), q); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	got := consume(t, open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{q}}))
	send(t, b, q.Name, "3")
	if d := next(t, got); string(d.Body) != "3" {
		t.Errorf("%s is still there", d.Body)
	}
}
