package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

const patience = 2 * time.Minute

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func next(t testing.TB, got <-chan broker.Delivery) broker.Delivery {
	t.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(patience):
		t.Fatal("no delivery came")
	}
	panic("not reached")
}

func send(t testing.TB, b *rabbitmq.Broker, queue, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p := broker.Publication{RoutingKey: queue, Message: broker.Message{Body: []byte(body), Persistent: true}}
	if err := b.Publish(ctx, p); err != nil {
		t.Fatal(err)
	}
}

// durable is a queue that the server drops some time after the test.
func durable(t testing.TB) broker.Queue {
	return broker.Queue{Name: proctest.Name(t), Args: map[string]any{"x-expires": 600_000}}
}

// via is the URL of a server behind a relay.
func via(relay *proctest.Relay) string { return "amqp://" + relay.Address() + "//" }

func address(t testing.TB, url string) string {
	t.Helper()
	uri, err := amqp.ParseURI(url)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(uri.Host, fmt.Sprint(uri.Port))
}

// Each of 1,000 tasks stores its result, waits for the confirm and then
// acknowledges, while the broker is killed and comes back.
func TestKilledBrokerLosesNoTask(t *testing.T) {
	server := proctest.StartRabbitMQ(t)
	const tasks = 1000
	q, results := broker.Queue{Name: newQueue(t, server.URL(), tasks)}, newQueue(t, server.URL(), 0)
	server.Flush(t) // the queues are not what is to be lost
	b := open(t, rabbitmq.Config{URL: server.URL(), Queues: []broker.Queue{q}, Prefetch: 32})

	var (
		mu       sync.Mutex
		last     time.Time // of a delivery
		done     = map[string]int{}
		finished = make(chan struct{}, 10*tasks)
		running  sync.WaitGroup
	)
	ended := make(chan error, 1)
	go func() {
		ended <- b.Run(context.Background(), func(d broker.Delivery) {
			mu.Lock()
			last = time.Now()
			mu.Unlock()
			running.Go(func() {
				time.Sleep(20 * time.Millisecond)
				err := b.Publish(context.Background(), broker.Publication{
					RoutingKey: results,
					Message:    broker.Message{Body: []byte(d.CorrelationID), Persistent: true},
				})
				if err != nil {
					t.Errorf("publish result: %v", err)
				}
				if err := d.Settler.Ack(); err != nil {
					if !errors.Is(err, broker.ErrStale) {
						t.Errorf("ack: %v", err)
					}
					return
				}
				mu.Lock()
				done[d.CorrelationID]++
				mu.Unlock()
				finished <- struct{}{}
			})
		})
	}()
	for range tasks / 4 {
		<-finished
	}
	server.Kill()
	accepts := make(chan time.Time, 1)
	go func() {
		for {
			if c, err := net.Dial("tcp", server.Address()); err == nil {
				_ = c.Close()
				accepts <- time.Now()
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	eventually(t, "loss is noticed", func() bool { return !b.Connected() })
	server.Restart(t)
	accepted := <-accepts
	eventually(t, "deliveries come again", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return last.After(accepted)
	})
	mu.Lock()
	took := last.Sub(accepted)
	mu.Unlock()
	t.Logf("consuming %v after the port accepts", took.Round(time.Millisecond))
	eventually(t, "all tasks are acknowledged", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(done) == tasks
	})
	running.Wait()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	stored := map[string]int{}
	for _, id := range drain(t, server.URL(), results) {
		stored[id]++
	}
	repeated := 0
	for i := range tasks {
		switch n := stored[fmt.Sprintf("%036d", i)]; {
		case n == 0:
			t.Errorf("task %d has no result", i)
		case n > 1:
			repeated++
		}
	}
	t.Logf("%d tasks, none lost, %d with more than one result", tasks, repeated)
}

// drain takes everything out of a queue.
func drain(t testing.TB, url, queue string) []string {
	t.Helper()
	ch := channel(t, url)
	var out []string
	for {
		d, ok, err := ch.Get(queue, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, string(d.Body))
	}
}

// A delivery's tag means another message after a reconnect. The library's own
// recovery lets the late acknowledgement of the one acknowledge the other.
func TestStaleAckSettlesNothing(t *testing.T) {
	url := proctest.RabbitMQ(t)
	relay := proctest.Proxy(t, address(t, url))
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: via(relay), Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	const n = 20
	for i := range n {
		send(t, b, q.Name, fmt.Sprint(i))
	}
	first := make([]broker.Delivery, n)
	for i := range first {
		first[i] = next(t, got)
	}
	for _, d := range first[:n/2] { // half are settled, so the tags count differently afterwards
		if err := d.Settler.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	// One connection's messages keep their order: a confirm from the other says
	// nothing, a change of the prefetch count on this one does.
	if err := b.SetPrefetch(context.Background(), 1000); err != nil {
		t.Fatal(err)
	}
	relay.Cut()
	again := map[string]broker.Delivery{}
	for range n / 2 {
		d := next(t, got)
		if !d.Redelivered {
			t.Errorf("message %s is not redelivered", d.Body)
		}
		again[string(d.Body)] = d
	}
	for i, d := range first {
		if err := d.Settler.Ack(); i >= n/2 && !errors.Is(err, broker.ErrStale) {
			t.Errorf("late ack of %s: got %v, want ErrStale", d.Body, err)
		}
	}
	for _, d := range first {
		if err := d.Settler.Reject(false); err != nil && !errors.Is(err, broker.ErrStale) {
			t.Errorf("late reject of %s: %v", d.Body, err)
		}
	}
	// Nothing of the second delivery was settled: all of it returns once more.
	relay.Cut()
	for range n / 2 {
		d := next(t, got)
		if _, ok := again[string(d.Body)]; !ok {
			t.Errorf("unexpected message %s", d.Body)
		}
		delete(again, string(d.Body))
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	for body := range again {
		t.Errorf("message %s was lost", body)
	}
}

func TestDeadNetwork(t *testing.T) {
	url := proctest.RabbitMQ(t)
	relay := proctest.Proxy(t, address(t, url))
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: via(relay), Queues: []broker.Queue{q}, Heartbeat: 2 * time.Second, Timeout: 2 * time.Second})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	send(t, b, q.Name, "before")
	d := next(t, got)

	relay.Blackhole(true)
	dead := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	err := b.Publish(ctx, broker.Publication{RoutingKey: q.Name})
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish into a dead network: %v after %v, want the deadline's error", err, time.Since(dead))
	}
	published := make(chan error, 1)
	go func() {
		published <- b.Publish(context.Background(), broker.Publication{RoutingKey: q.Name, Message: broker.Message{Body: []byte("after")}})
	}()
	eventually(t, "loss is noticed", func() bool { return !b.Connected() })
	t.Logf("noticed after %v with a heartbeat of 2s", time.Since(dead).Round(time.Millisecond))
	if err := d.Settler.Ack(); !errors.Is(err, broker.ErrStale) {
		t.Errorf("Ack: got %v, want ErrStale", err)
	}
	// A connection made meanwhile is half open too, and must not hold anything up.
	time.Sleep(time.Second)
	relay.Blackhole(false)
	alive := time.Now()
	bodies := map[string]bool{}
	for !bodies["before"] || !bodies["after"] {
		d := next(t, got)
		bodies[string(d.Body)] = true
		if err := d.Settler.Ack(); err != nil {
			t.Logf("ack of %s: %v", d.Body, err)
		}
	}
	t.Logf("consuming again after %v", time.Since(alive).Round(time.Millisecond))
	if err := <-published; err != nil {
		t.Errorf("Publish over the loss: %v", err)
	}

	eventually(t, "connected", b.Connected)
	relay.Blackhole(true)
	start := time.Now()
	_ = b.Close()
	if took := time.Since(start); took > time.Minute {
		t.Errorf("Close took %v", took)
	}
	relay.Blackhole(false)
}

// A load balancer without a server behind it accepts connections and drops them.
func TestComesBackFromBehindALoadBalancer(t *testing.T) {
	url := proctest.RabbitMQ(t)
	relay := proctest.Proxy(t, address(t, url))
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: via(relay), Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	relay.Refuse(true)
	relay.Cut()
	eventually(t, "disconnected", func() bool { return !b.Connected() })
	time.Sleep(2 * time.Second)
	if b.Connected() {
		t.Error("connected to nothing")
	}
	relay.Refuse(false)
	start := time.Now()
	send(t, b, q.Name, "x")
	if err := next(t, got).Settler.Ack(); err != nil {
		t.Error(err)
	}
	t.Logf("back after %v", time.Since(start).Round(time.Millisecond))
}

func TestFailsOverToAnotherURL(t *testing.T) {
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: "amqp://127.0.0.1:1//; " + proctest.RabbitMQ(t), Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	send(t, b, q.Name, "x")
	if err := next(t, got).Settler.Ack(); err != nil {
		t.Error(err)
	}
}

// When a queue is deleted, the broker ends its consumer and says so once.
func TestConsumesADeletedQueueAgain(t *testing.T) {
	url := proctest.RabbitMQ(t)
	deleted, other := durable(t), durable(t)
	deleted.Exchange, deleted.RoutingKey, deleted.TransientExchange = proctest.Name(t), "k", true
	b := open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{deleted, other}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	send(t, b, other.Name, "open")
	d := next(t, got)
	for i := range 3 {
		if _, err := channel(t, url).QueueDelete(deleted.Name, false, false, false); err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprint(i)
		eventually(t, "queue is bound again", func() bool {
			err := b.Publish(context.Background(), broker.Publication{
				Exchange: deleted.Exchange, RoutingKey: "k", Mandatory: true, Message: broker.Message{Body: []byte(body)},
			})
			if err != nil && !errors.Is(err, broker.ErrUnroutable) {
				t.Fatal(err)
			}
			return err == nil
		})
		again := next(t, got)
		if string(again.Body) != body {
			t.Errorf("got %q, want %q", again.Body, body)
		}
		if err := again.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	if err := d.Settler.Ack(); err != nil {
		t.Errorf("a delivery of the other queue: %v", err)
	}
}

// A server of our own, for what would disturb other tests.
func TestServerWide(t *testing.T) {
	server := proctest.StartRabbitMQ(t)
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: server.URL(), Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)

	t.Run("connections closed by an operator", func(t *testing.T) {
		send(t, b, q.Name, "open")
		d := next(t, got)
		server.Ctl(t, "close_all_connections", "maintenance")
		again := next(t, got)
		if string(again.Body) != "open" || !again.Redelivered {
			t.Errorf("got %q redelivered %v", again.Body, again.Redelivered)
		}
		if err := d.Settler.Ack(); !errors.Is(err, broker.ErrStale) {
			t.Errorf("got %v, want ErrStale", err)
		}
		if err := again.Settler.Ack(); err != nil {
			t.Error(err)
		}
		send(t, b, q.Name, "published again")
		if err := next(t, got).Settler.Ack(); err != nil {
			t.Error(err)
		}
	})

	t.Run("consumer timeout", func(t *testing.T) { outlivesConsumerTimeout(t, server) })

	t.Run("memory alarm", func(t *testing.T) {
		for i := range 3 {
			send(t, b, q.Name, fmt.Sprint(i))
		}
		server.Ctl(t, "set_vm_memory_high_watermark", "0.00001")
		for range 3 { // the first goes into the broker's buffers, and blocks the connection
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			start := time.Now()
			err := b.Publish(ctx, broker.Publication{RoutingKey: q.Name, Message: broker.Message{Body: []byte("late")}})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Publish during the alarm: %v after %v", err, time.Since(start))
			}
		}
		for range 3 {
			if err := next(t, got).Settler.Ack(); err != nil {
				t.Errorf("Ack during the alarm: %v", err)
			}
		}
		eventually(t, "acknowledgements flow", func() bool {
			return strings.Contains(server.Ctl(t, "list_queues", "name", "messages_unacknowledged"), q.Name+"\t0")
		})
		published := make(chan error, 1)
		go func() {
			published <- b.Publish(context.Background(), broker.Publication{RoutingKey: q.Name, Message: broker.Message{Body: []byte("waited")}})
		}()
		server.Ctl(t, "set_vm_memory_high_watermark", "absolute", "1GiB")
		if err := <-published; err != nil {
			t.Error(err)
		}
		for {
			d := next(t, got)
			if err := d.Settler.Ack(); err != nil {
				t.Error(err)
			}
			if string(d.Body) == "waited" {
				break
			}
		}
	})
}
