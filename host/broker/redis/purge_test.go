package redis_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestPurge(t *testing.T) {
	url, q := proctest.Redis(t), broker.Queue{Name: proctest.Name(t)}
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{q}})
	send := func(body string, priority uint8) {
		t.Helper()
		p := broker.Publication{RoutingKey: q.Name, Message: broker.Message{Body: []byte(body), Priority: &priority}}
		if err := b.Publish(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	send("1", 0)
	send("2", 9)
	if n, err := b.Purge(t.Context(), q); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	got := consume(t, b)
	send("3", 9)
	if d := next(t, got); string(d.Body) != "3" {
		t.Errorf("%s is still there", d.Body)
	}
}
