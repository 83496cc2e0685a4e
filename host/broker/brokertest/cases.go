package brokertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

func arrivesAsSent(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	nine := uint8(9)
	cases := map[string]broker.Message{
		"empty": {},
		"properties": {
			Body: []byte("[[], {}, {}]"), ContentType: "application/json", ContentEncoding: "utf-8",
			CorrelationID: "c", ReplyTo: "r", Priority: &nine, Persistent: true, Expiration: time.Minute,
		},
		"headers": {
			Body: []byte{0, 255, 10},
			Headers: map[string]any{
				"nil": nil, "yes": true, "no": false, "small": int64(-7), "int32": int64(math.MaxInt32),
				"large": int64(math.MaxInt32) + 1, "least": int64(math.MinInt64), "most": int64(math.MaxInt64),
				"float": 2.5, "text": "grüße", "invalid": "\xff\xfe", "bytes": []byte{1, 2, 0}, "empty": "",
				"time": time.Unix(1795443357, 0).UTC(),
				"list": []any{nil, int64(1), "x", []any{int64(5e9)}, map[string]any{"k": int64(-5e9)}},
				"map":  map[string]any{"timelimit": []any{nil, nil}, "deep": map[string]any{"deeper": map[string]any{"n": int64(0)}}},
				"none": map[string]any{}, "no items": []any{},
			},
		},
		"large body": {Body: slices.Repeat([]byte("0123456789abcdef"), 50_000)},
	}
	if slices.Contains(s.lacks, LacksBytes) {
		delete(cases["headers"].Headers, "invalid")
	}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			send(t, r, broker.Publication{RoutingKey: q.Name, Message: m})
			d := r.next(t)
			ack(t, d)
			if d.Queue != q.Name || d.Exchange != "" || d.RoutingKey != q.Name || d.Redelivered {
				t.Errorf("got queue %q exchange %q key %q redelivered %v", d.Queue, d.Exchange, d.RoutingKey, d.Redelivered)
			}
			got, want := d.Message, m
			if string(got.Body) != string(want.Body) {
				t.Errorf("body of %d bytes, want %d", len(got.Body), len(want.Body))
			}
			if len(got.Headers)+len(want.Headers) > 0 {
				for k, v := range want.Headers {
					if at, ok := v.(time.Time); ok {
						if g, ok := got.Headers[k].(time.Time); !ok || !g.Equal(at) {
							t.Errorf("header %s: got %v, want %v", k, got.Headers[k], at)
						}
						continue
					}
					if g, ok := got.Headers[k]; !ok || !reflect.DeepEqual(g, v) {
						t.Errorf("header %s: got %#v (%T), want %#v", k, g, g, v)
					}
				}
				if len(got.Headers) != len(want.Headers) {
					t.Errorf("got %d headers, want %d", len(got.Headers), len(want.Headers))
				}
			}
			got.Body, got.Headers, got.Priority, want.Body, want.Headers, want.Priority = nil, nil, nil, nil, nil, nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if priority(d.Message) != priority(m) {
				t.Errorf("got priority %d, want %d", priority(d.Message), priority(m))
			}
		})
	}
}

// priority is a message's; zero and none mean the same, and one may arrive as
// the other.
func priority(m broker.Message) uint8 {
	if m.Priority == nil {
		return 0
	}
	return *m.Priority
}

func comesInOrder(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}, Prefetch: 7})
	const n = 500
	go func() {
		for i := range n {
			_ = r.Publish(context.Background(), text(q, fmt.Sprint(i)))
		}
	}()
	for i := range n {
		d := r.next(t)
		if got, want := string(d.Body), fmt.Sprint(i); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		ack(t, d)
	}
}

func manyPublish(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	const publishers, each = 20, 50
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				if err := r.Publish(context.Background(), text(q, fmt.Sprint(p, "-", i))); err != nil {
					t.Errorf("Publish: %v", err)
				}
			}
		})
	}
	seen := map[string]bool{}
	for range publishers * each {
		d := r.next(t)
		seen[string(d.Body)] = true
		ack(t, d)
	}
	wg.Wait()
	if len(seen) != publishers*each {
		t.Errorf("%d different messages, want %d", len(seen), publishers*each)
	}
}

func exchangesRoute(t *testing.T, s *suite) {
	bound := func(suffix, kind, key string) broker.Queue {
		q := s.queue(suffix)
		q.Exchange, q.ExchangeType, q.RoutingKey, q.TransientExchange = s.id+kind, kind, key, true
		return q
	}
	queues := []broker.Queue{
		bound("direct-a", "direct", "a"), bound("direct-b", "direct", "b"),
		bound("topic-star", "topic", "t.*"), bound("topic-hash", "topic", "t.#"),
		bound("fanout-1", "fanout", ""), bound("fanout-2", "fanout", "ignored"),
	}
	r := s.start(t, Config{Queues: queues})
	type route struct {
		kind, key string
		want      []string
	}
	cases := []route{
		{"direct", "a", []string{"direct-a"}},
		{"direct", "c", nil},
		{"topic", "t.x", []string{"topic-hash", "topic-star"}},
		{"topic", "t.x.y", []string{"topic-hash"}},
		{"topic", "t", []string{"topic-hash"}},
		{"fanout", "any", []string{"fanout-1", "fanout-2"}},
	}
	cases = slices.DeleteFunc(cases, func(c route) bool {
		return slices.Contains(s.lacks, LacksEmptyHash) && c.kind == "topic" && c.key == "t" ||
			slices.Contains(s.lacks, LacksKeyless) && c.kind == "fanout"
	})
	for _, c := range cases {
		send(t, r, broker.Publication{Exchange: s.id + c.kind, RoutingKey: c.key, Message: broker.Message{Body: []byte(c.key)}})
		var got []string
		for range c.want {
			d := r.next(t)
			if d.Exchange != s.id+c.kind || d.RoutingKey != c.key {
				t.Errorf("got exchange %q key %q", d.Exchange, d.RoutingKey)
			}
			got = append(got, d.Queue[len(s.id):])
			ack(t, d)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %q went to %v, want %v", c.kind, c.key, got, c.want)
		}
	}
	r.nothing(t)
}

func priorityFirst(t *testing.T, s *suite) {
	q := s.queue("")
	q.Args["x-max-priority"] = 10
	r := s.start(t, Config{Queues: []broker.Queue{q}, Prefetch: 1})
	send(t, r, text(q, "holds the only slot"))
	first := r.next(t)
	for _, p := range []uint8{1, 9, 5} {
		m := text(q, fmt.Sprint(p))
		m.Priority = &p
		send(t, r, m)
	}
	ack(t, first)
	for _, want := range []string{"9", "5", "1"} {
		d := r.next(t)
		if string(d.Body) != want {
			t.Errorf("got priority %s, want %s", d.Body, want)
		}
		ack(t, d)
	}
}

func expires(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}, Prefetch: 1})
	send(t, r, text(q, "holds the only slot"))
	first := r.next(t)
	m := text(q, "short-lived")
	m.Expiration = 20 * time.Millisecond
	send(t, r, m)
	send(t, r, text(q, "lasting"))
	time.Sleep(quiet)
	ack(t, first)
	if d := r.next(t); string(d.Body) != "lasting" {
		t.Errorf("got %q, want the lasting message", d.Body)
	}
}

func unroutable(t *testing.T, s *suite) {
	b := s.publisher(t)
	for range 3 {
		err := b.Publish(context.Background(), broker.Publication{RoutingKey: s.id + "-nobody", Mandatory: true})
		if !errors.Is(err, broker.ErrUnroutable) {
			t.Errorf("got %v, want ErrUnroutable", err)
		}
		if err := b.Publish(context.Background(), broker.Publication{RoutingKey: s.id + "-nobody"}); err != nil {
			t.Errorf("not mandatory: got %v, want nil", err)
		}
	}
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	p := text(q, "mandatory and routable")
	p.Mandatory = true
	send(t, b, p)
	ack(t, r.next(t))
}

// An exchange that does not exist is an error, and harms nobody else.
func unknownExchange(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	if err := r.Publish(context.Background(), broker.Publication{Exchange: s.id + "-none", RoutingKey: "k"}); err == nil {
		t.Error("no error for an exchange that does not exist")
	}
	send(t, r, text(q, "after it"))
	ack(t, r.next(t))
}

func unconfirmed(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	for i := range 20 {
		p := text(q, fmt.Sprint(i))
		p.NoConfirm = true
		send(t, r, p)
	}
	for range 20 {
		ack(t, r.next(t))
	}
}

func acknowledged(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	send(t, r, text(q, "once"))
	ack(t, r.next(t))
	// Another connection could overtake an ack still on its way; the same cannot.
	if err := r.StopConsuming(context.Background()); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	<-r.done
	s.start(t, Config{Queues: []broker.Queue{q}}).nothing(t)
}

func rejected(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	send(t, r, text(q, "again"))
	if err := r.next(t).Settler.Reject(true); err != nil {
		t.Fatal(err)
	}
	d := r.next(t)
	if string(d.Body) != "again" || !d.Redelivered {
		t.Errorf("got %q redelivered %v, want it again and redelivered", d.Body, d.Redelivered)
	}
	if err := d.Settler.Reject(false); err != nil {
		t.Fatal(err)
	}
	r.nothing(t)
}

func settledOnce(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	send(t, r, text(q, "first"))
	d := r.next(t)
	ack(t, d)
	for range 3 {
		ack(t, d)
		if err := d.Settler.Reject(true); err != nil {
			t.Errorf("Reject after Ack: %v", err)
		}
	}
	r.nothing(t)
	send(t, r, text(q, "the connection still works"))
	ack(t, r.next(t))
}

func returnsOnClose(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	send(t, r, text(q, "open"))
	d := r.next(t)
	_ = r.Close()
	<-r.done
	if err := d.Settler.Ack(); !errors.Is(err, broker.ErrStale) {
		t.Errorf("Ack after Close: got %v, want ErrStale", err)
	}
	if err := r.Publish(context.Background(), text(q, "x")); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("Publish after Close: got %v, want ErrClosed", err)
	}
	again := s.start(t, Config{Queues: []broker.Queue{q}}).next(t)
	if string(again.Body) != "open" || !again.Redelivered {
		t.Errorf("got %q redelivered %v", again.Body, again.Redelivered)
	}
	ack(t, again)
}

func prefetch(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}, Prefetch: 2})
	for i := range 10 {
		send(t, r, text(q, fmt.Sprint(i)))
	}
	one := r.next(t)
	r.next(t)
	r.nothing(t)
	ack(t, one)
	r.next(t)
	r.nothing(t)
	if err := r.SetPrefetch(context.Background(), 4); err != nil {
		t.Fatal(err)
	}
	r.next(t)
	r.next(t)
	r.nothing(t)
	if err := r.SetPrefetch(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.next(t)
	}
}

func stopConsuming(t *testing.T, s *suite) {
	q := s.queue("")
	b := s.open(t, Config{Queues: []broker.Queue{q}, Prefetch: 20})
	hold := make(chan struct{})
	handled := make(chan broker.Delivery, 100)
	done := make(chan error, 1)
	go func() {
		done <- b.Run(context.Background(), func(d broker.Delivery) {
			handled <- d
			<-hold
		})
	}()
	eventually(t, "broker connects", b.Connected)
	for i := range 10 {
		send(t, b, text(q, fmt.Sprint(i)))
	}
	d := <-handled
	time.Sleep(quiet) // the others are delivered and wait behind the first
	stopped := make(chan error, 1)
	go func() { stopped <- b.StopConsuming(context.Background()) }()
	time.Sleep(quiet)
	close(hold)
	if err := <-stopped; err != nil {
		t.Fatalf("StopConsuming: %v", err)
	}
	if b.Connected() {
		t.Error("connected after StopConsuming, where nothing can arrive")
	}
	other := s.start(t, Config{Queues: []broker.Queue{q}})
	got := map[string]bool{}
	for range 9 {
		d := other.next(t)
		got[string(d.Body)] = true
		ack(t, d)
	}
	other.nothing(t)
	if len(got) != 9 || got["0"] {
		t.Errorf("the other broker got %v, want 1 to 9", got)
	}
	ack(t, d)
	_ = b.Close()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if len(handled) != 0 {
		t.Errorf("%d were handled after StopConsuming", len(handled))
	}
	other.nothing(t)
}

func noAck(t *testing.T, s *suite) {
	q := s.queue("")
	q.NoAck = true
	r := s.start(t, Config{Queues: []broker.Queue{q}, Prefetch: 1})
	for i := range 5 {
		send(t, r, text(q, fmt.Sprint(i)))
	}
	for range 5 {
		d := r.next(t)
		ack(t, d)
		if err := d.Settler.Reject(true); err != nil {
			t.Errorf("Reject: %v", err)
		}
	}
	r.nothing(t)
}

func transient(t *testing.T, s *suite) {
	q := s.queue("")
	q.TransientQueue, q.Args = true, nil
	q.Exchange, q.ExchangeType, q.TransientExchange = s.id+"-fanout", "fanout", true
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	p := text(q, "x")
	p.Mandatory = true
	send(t, r, p)
	ack(t, r.next(t))
	_ = r.Close()
	<-r.done
	b := s.publisher(t)
	eventually(t, "queue is gone", func() bool {
		return errors.Is(b.Publish(context.Background(), p), broker.ErrUnroutable)
	})
}

func otherArguments(t *testing.T, s *suite) {
	q := s.queue("")
	s.start(t, Config{Queues: []broker.Queue{q}})
	other := q
	other.Args = map[string]any{"x-expires": 120000, "x-max-priority": 7}
	r := s.run(t, Config{Queues: []broker.Queue{other}})
	select {
	case <-r.done:
		if r.err == nil {
			t.Error("Run returned nil, want an error")
		}
	case <-time.After(patience):
		t.Error("Run went on")
	}
}

func endsQuietly(t *testing.T, s *suite) {
	q := s.queue("")
	r := s.start(t, Config{Queues: []broker.Queue{q}})
	r.stop()
	<-r.done
	if r.err != nil {
		t.Errorf("context ended: Run returned %v", r.err)
	}
	if r.Connected() {
		t.Error("connected after Run returned")
	}
	// Results are still sent when intake has ended.
	send(t, r, text(q, "late"))
	r = s.start(t, Config{Queues: []broker.Queue{q}})
	ack(t, r.next(t))
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	<-r.done
	if r.err != nil {
		t.Errorf("closed: Run returned %v", r.err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
