package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// runError runs a broker that must give up, and returns why.
func runError(t *testing.T, cfg rabbitmq.Config) error {
	t.Helper()
	b := open(t, cfg)
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background(), func(broker.Delivery) {}) }()
	select {
	case err := <-done:
		if err == nil {
			t.Fatal("Run returned nil")
		}
		t.Log(err)
		return err
	case <-time.After(patience):
		t.Fatal("Run goes on")
	}
	panic("not reached")
}

func wantText(t *testing.T, err error, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestRefusedLogin(t *testing.T) {
	u, err := url.Parse(proctest.RabbitMQ(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("password", func(t *testing.T) {
		u := *u
		u.User = url.UserPassword("guest", "hunter2")
		err := runError(t, rabbitmq.Config{URL: u.String(), Queues: []broker.Queue{durable(t)}})
		wantText(t, err, `refuses user "guest"`, "guest:***@"+u.Host, "ACCESS_REFUSED", "check the user name and password")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %q shows the password", err)
		}
	})
	t.Run("virtual host", func(t *testing.T) {
		u := *u
		u.Path = "/nowhere"
		err := runError(t, rabbitmq.Config{URL: u.String(), Queues: []broker.Queue{durable(t)}})
		wantText(t, err, `virtual host "nowhere"`, "not found", "rabbitmqctl list_vhosts")
	})
	t.Run("publishing", func(t *testing.T) {
		u := *u
		u.Path = "/nowhere"
		b := open(t, rabbitmq.Config{URL: u.String()})
		err := b.Publish(context.Background(), broker.Publication{RoutingKey: "q"})
		if err == nil {
			t.Fatal("Publish returned nil")
		}
		wantText(t, err, `virtual host "nowhere"`)
	})
}

func TestQueueThatExistsOtherwise(t *testing.T) {
	server := proctest.RabbitMQ(t)
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{q}})
	consume(t, b)
	eventually(t, "connected", b.Connected)

	other := q
	other.Args = map[string]any{"x-expires": 600_000, "x-max-priority": 7}
	wantText(t, runError(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{other}}),
		fmt.Sprintf("queue %q exists with other arguments", q.Name), "x-max-priority", "'7'", "none",
		"rabbitmqctl --vhost '/' delete_queue --if-empty '"+q.Name+"'")

	other = durable(t)
	other.Exchange, other.ExchangeType = "amq.direct", "topic" // stands, and is not declared
	other.RoutingKey = "k"
	ok := open(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{other}})
	consume(t, ok)
	eventually(t, "connected", ok.Connected)

	exchange := durable(t)
	exchange.Exchange, exchange.TransientExchange = exchange.Name, true
	first := open(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{exchange}})
	consume(t, first)
	eventually(t, "connected", first.Connected)
	exchange.ExchangeType = "topic"
	wantText(t, runError(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{exchange}}),
		fmt.Sprintf("exchange %q exists with another type", exchange.Name), "type")

	bad := durable(t)
	bad.Args["x-max-priority"] = -1
	wantText(t, runError(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{bad}}), bad.Name, "x-max-priority")
}

// An exclusive queue of a connection that the broker has not yet noticed to be
// dead is locked for a while, which passes.
func TestWaitsForAnExclusiveQueue(t *testing.T) {
	server := proctest.RabbitMQ(t)
	q := broker.Queue{Name: proctest.Name(t), TransientQueue: true}
	first := open(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{q}})
	consume(t, first)
	eventually(t, "connected", first.Connected)
	second := open(t, rabbitmq.Config{URL: server, Queues: []broker.Queue{q}})
	consume(t, second)
	time.Sleep(300 * time.Millisecond)
	if second.Connected() {
		t.Error("two consumers of an exclusive queue")
	}
	_ = first.Close()
	eventually(t, "connected", second.Connected)
}

// One message that the broker refuses closes the channel of all that are under way.
func TestARefusedMessageHarmsNoOther(t *testing.T) {
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: proctest.RabbitMQ(t), Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all sync.WaitGroup
	const each = 30
	for i := range each {
		all.Go(func() {
			p := broker.Publication{RoutingKey: q.Name, Message: broker.Message{Body: []byte(fmt.Sprint(i))}}
			if err := b.Publish(ctx, p); err != nil {
				t.Errorf("a good message: %v", err)
			}
		})
		all.Go(func() {
			err := b.Publish(ctx, broker.Publication{Exchange: q.Name + "-none", RoutingKey: "k"})
			if err == nil || !strings.Contains(err.Error(), "no exchange") {
				t.Errorf("an exchange that does not exist: %v", err)
			}
		})
		all.Go(func() {
			err := b.Publish(ctx, broker.Publication{RoutingKey: q.Name + "-none", Mandatory: true})
			if !errors.Is(err, broker.ErrUnroutable) {
				t.Errorf("no queue: %v", err)
			}
		})
		all.Go(func() {
			// Lost in silence, as it asked for.
			_ = b.Publish(ctx, broker.Publication{Exchange: q.Name + "-none", NoConfirm: true})
		})
	}
	seen := map[string]bool{}
	for len(seen) < each {
		d := next(t, got)
		seen[string(d.Body)] = true
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

func TestMessagesThatCannotTravel(t *testing.T) {
	b := open(t, rabbitmq.Config{URL: proctest.RabbitMQ(t)})
	cases := map[string]broker.Publication{
		"routing key":    {RoutingKey: strings.Repeat("k", 256)},
		"exchange":       {Exchange: strings.Repeat("k", 256)},
		"correlation id": {Message: broker.Message{CorrelationID: strings.Repeat("k", 256)}},
		"headers of":     {Message: broker.Message{Headers: map[string]any{"large": strings.Repeat("x", 140_000)}}},
		"header chan":    {Message: broker.Message{Headers: map[string]any{"chan": make(chan int)}}},
		"a: 1: b":        {Message: broker.Message{Headers: map[string]any{"a": []any{1, map[string]any{"b": uint64(1 << 63)}}}}},
		"longer than":    {Message: broker.Message{Headers: map[string]any{"m": map[string]any{strings.Repeat("k", 256): nil}}}},
	}
	for want, p := range cases {
		if err := b.Publish(context.Background(), p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
	// The largest headers that pass do.
	p := broker.Publication{RoutingKey: proctest.Name(t), Message: broker.Message{
		Headers: map[string]any{"large": strings.Repeat("x", 128<<10-2100)},
		ReplyTo: strings.Repeat("r", 255), CorrelationID: strings.Repeat("c", 255), ContentType: strings.Repeat("t", 255),
	}}
	if err := b.Publish(context.Background(), p); err != nil {
		t.Error(err)
	}
}

func TestBadConfig(t *testing.T) {
	cases := []struct {
		cfg  rabbitmq.Config
		want []string
	}{
		{rabbitmq.Config{}, []string{"no broker URL"}},
		{rabbitmq.Config{URL: "redis://localhost"}, []string{"AMQP scheme"}},
		{rabbitmq.Config{URL: "amqp://user:se/cret@host:5672//"}, []string{"broker URL 1", "%2F"}},
		{rabbitmq.Config{URL: "amqp://user:secret@ho%zst"}, []string{"broker URL 1"}},
		{rabbitmq.Config{URL: "amqps://localhost?cacertfile=/nonexistent"}, []string{"read CA certificate"}},
		{rabbitmq.Config{URL: "amqp://localhost", Prefetch: -1, Queues: []broker.Queue{{}, {Name: "q", Args: map[string]any{"x": struct{}{}}}}},
			[]string{"prefetch of -1", "without a name", `queue "q": argument x`}},
	}
	for _, c := range cases {
		_, err := rabbitmq.New(c.cfg)
		if err == nil {
			t.Errorf("%s: no error", c.cfg.URL)
			continue
		}
		wantText(t, err, c.want...)
		if strings.Contains(err.Error(), "cret") {
			t.Errorf("error %q shows the password", err)
		}
	}
}

// A server may answer neither handshake nor anything else.
func TestBrokerThatIsNotThere(t *testing.T) {
	relay := proctest.Proxy(t, address(t, proctest.RabbitMQ(t)))
	relay.Blackhole(true)
	b := open(t, rabbitmq.Config{URL: via(relay), Queues: []broker.Queue{durable(t)}, Timeout: 300 * time.Millisecond})
	consume(t, b)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := b.Publish(ctx, broker.Publication{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline's error", err)
	}
	if b.Connected() {
		t.Error("connected")
	}
	start := time.Now()
	if err := b.StopConsuming(context.Background()); err != nil {
		t.Error(err)
	}
	_ = b.Close()
	if took := time.Since(start); took > time.Minute {
		t.Errorf("stopping and closing took %v", took)
	}
	relay.Blackhole(false)
}

// Headers that the library cannot read would make it close the connection, and
// the message would come again.
func TestHeadersTheLibraryRefuses(t *testing.T) {
	url := proctest.RabbitMQ(t)
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	deep := amqp.Table{}
	for range 40 {
		deep = amqp.Table{"deeper": deep}
	}
	err := channel(t, url).Publish("", q.Name, false, false, amqp.Publishing{Headers: deep, CorrelationId: "c", Priority: 3, Body: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, got)
	if d.Headers != nil || d.CorrelationID != "c" || d.Priority == nil || *d.Priority != 3 || d.Redelivered {
		t.Errorf("got %+v", d)
	}
	if err := d.Settler.Ack(); err != nil {
		t.Error(err)
	}
}

// A full queue that refuses messages takes them once it has room.
func TestRefusingQueueGetsItsMessageInTheEnd(t *testing.T) {
	url := proctest.RabbitMQ(t)
	ch := channel(t, url)
	name := proctest.Name(t)
	_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish", "x-expires": 600_000})
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, rabbitmq.Config{URL: url})
	send(t, b, name, "first")
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := b.Publish(ctx, broker.Publication{RoutingKey: name}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("into a full queue: %v", err)
	}
	sent := make(chan error, 1)
	go func() {
		sent <- b.Publish(context.Background(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: []byte("second")}})
	}()
	time.Sleep(100 * time.Millisecond)
	if _, err := ch.QueuePurge(name, false); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if got := drain(t, url, name); len(got) != 1 || got[0] != "second" {
		t.Errorf("got %q", got)
	}
}

// What is set while there is no connection holds for the next.
func TestPrefetchSetWhileDisconnected(t *testing.T) {
	url := proctest.RabbitMQ(t)
	relay := proctest.Proxy(t, address(t, url))
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: via(relay), Queues: []broker.Queue{q}, Prefetch: 1})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	for i := range 5 {
		send(t, b, q.Name, fmt.Sprint(i))
	}
	next(t, got)
	relay.Refuse(true)
	relay.Cut()
	eventually(t, "disconnected", func() bool { return !b.Connected() })
	if err := b.SetPrefetch(context.Background(), 3); err != nil {
		t.Error(err)
	}
	relay.Refuse(false)
	for range 3 {
		next(t, got)
	}
	select {
	case d := <-got:
		t.Errorf("delivery of %q beyond the prefetch count", d.Body)
	case <-time.After(300 * time.Millisecond):
	}
}

func TestRefusedExchangeOfPublisherEndsRun(t *testing.T) {
	name := proctest.Name(t)
	first := open(t, rabbitmq.Config{URL: proctest.RabbitMQ(t), Exchanges: []broker.Exchange{{Name: name, Type: "topic"}}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := first.Publish(ctx, broker.Publication{Exchange: name}); err != nil {
		t.Fatal(err)
	}
	err := runError(t, rabbitmq.Config{
		URL: proctest.RabbitMQ(t), Queues: []broker.Queue{durable(t)}, Exchanges: []broker.Exchange{{Name: name, Type: "fanout"}},
	})
	wantText(t, err, name)
}
