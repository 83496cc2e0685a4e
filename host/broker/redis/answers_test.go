package redis_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A connection that is cut loses answers of Redis to what it has done: messages
// that it moved to the unacknowledged ones, and acknowledgements that it took.
// The first must not wait for the visibility timeout, nor the second look as if
// somebody else had put the message back.
func TestAnswersOfRedisThatGetLost(t *testing.T) {
	const messages, cuts = 3000, 30
	server, name := proctest.StartRedis(t), proctest.Name(t)
	relay := proctest.Proxy(t, server.Address())
	through := (&url.URL{Scheme: "redis", Host: relay.Address(), Path: "/0"}).String()
	client := open(t, redis.Config{URL: server.URL()})
	defer func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range messages {
		if err := client.Publish(t.Context(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, redis.Config{URL: through, Queues: []broker.Queue{{Name: name}}, Prefetch: 40})
	got := consume(t, b)
	seen := map[string]int{}
	for n := 0; len(seen) < messages; n++ {
		if n%(messages/cuts) == 0 {
			relay.CutAfter(1 + rand.Int64N(20_000))
		}
		d := next(t, got)
		seen[string(d.Body)]++
		if err := d.Settler.Ack(); err != nil {
			t.Errorf("message %s: %v", d.Body, err)
		}
	}
	relay.CutAfter(-1)
	nothing(t, got, 300*time.Millisecond)
	for body, n := range seen {
		if n != 1 {
			t.Errorf("message %s came %d times", body, n)
		}
	}
	if n := relay.Accepted(); n < cuts/2 {
		t.Errorf("only %d connections were made: nothing was cut", n)
	}
	// The key by which workers take turns in restoring messages ends by itself,
	// if the answer to its removal was lost.
	eventually(t, "nothing is left", func() bool {
		left := kombu(t, "keys", server.URL())
		return left == "[]" || left == `["unacked_mutex"]`
	})
}
