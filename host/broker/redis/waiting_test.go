package redis_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A consumer that waits takes the first message in the same breath. The answer that
// has it is lost when the connection is cut, which must not cost the visibility
// timeout, and no message comes twice.
func TestAnswersToWhoWaitsThatGetLost(t *testing.T) {
	const messages = 300
	server, name := proctest.StartRedis(t), proctest.Name(t)
	relay := proctest.Proxy(t, server.Address())
	through := (&url.URL{Scheme: "redis", Host: relay.Address(), Path: "/0"}).String()
	client := open(t, redis.Config{URL: server.URL()})
	b := open(t, redis.Config{URL: through, Queues: []broker.Queue{{Name: name}, {Name: name + "-other"}}, Prefetch: 4})
	got := consume(t, b)
	eventually(t, "the broker is connected", b.Connected)
	cut := 0
	for i := range messages {
		if i%15 == 0 {
			// A message and what goes with it are some 1500 bytes.
			relay.CutAfter(1 + rand.Int64N(3000))
			cut++
		}
		to := name
		if i%7 == 0 {
			to += "-other"
		}
		if err := client.Publish(t.Context(), broker.Publication{RoutingKey: to, Message: broker.Message{Body: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
		d := next(t, got)
		if string(d.Body) != strconv.Itoa(i) {
			t.Fatalf("message %d: got %s", i, d.Body)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	relay.CutAfter(-1)
	nothing(t, got, 300*time.Millisecond)
	if n := relay.Accepted(); n < cut/2 {
		t.Errorf("only %d connections were made: nothing was cut", n)
	}
	unackedIsEmpty(t, server.URL())
}

// What comes at the very moment at which a consumer stops is delivered to it, or is in
// its queue for the next one: nowhere else.
func TestMessagesThatComeAtTheStop(t *testing.T) {
	const stops = 60
	server, name := proctest.StartRedis(t), proctest.Name(t)
	client := open(t, redis.Config{URL: server.URL()})
	var sent, received int
	for range stops {
		b := open(t, redis.Config{URL: server.URL(), Queues: []broker.Queue{{Name: name}}})
		got := consume(t, b)
		eventually(t, "the broker is connected", b.Connected)
		sending := make(chan error, 1)
		const each = 20
		go func() {
			for range each {
				if err := client.Publish(t.Context(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: []byte("x")}}); err != nil {
					sending <- err
					return
				}
			}
			sending <- nil
		}()
		for range rand.IntN(each) {
			d := next(t, got)
			received++
			if err := d.Settler.Ack(); err != nil {
				t.Error(err)
			}
		}
		if err := b.StopConsuming(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-sending; err != nil {
			t.Fatal(err)
		}
		sent += each
		for len(got) > 0 {
			d := <-got
			received++
			if err := d.Settler.Ack(); err != nil {
				t.Error(err)
			}
		}
		unackedIsEmpty(t, server.URL())
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	left, err := proctest.RedisClient(t, server.URL()).LLen(t.Context(), name).Result()
	if err != nil || received+int(left) != sent {
		t.Errorf("%d sent, %d received, %d left in the queue (%v)", sent, received, left, err)
	}
}

func unackedIsEmpty(t *testing.T, url string) {
	t.Helper()
	c := proctest.RedisClient(t, url)
	eventually(t, "nothing is left unacknowledged", func() bool {
		n, err := c.HLen(t.Context(), "unacked").Result()
		index, err2 := c.ZCard(t.Context(), "unacked_index").Result()
		return err == nil && err2 == nil && n == 0 && index == 0
	})
}
