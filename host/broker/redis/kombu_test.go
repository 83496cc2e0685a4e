package redis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// kombu runs testdata/client.py, which does one thing with kombu itself, and
// returns what it printed.
func kombu(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), append([]string{"testdata/client.py"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("client.py %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// consume runs b and returns its deliveries.
func consume(t *testing.T, b *redis.Broker) <-chan broker.Delivery {
	t.Helper()
	got := make(chan broker.Delivery, 10_000)
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background(), func(d broker.Delivery) { got <- d }) }()
	t.Cleanup(func() {
		_ = b.Close()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return got
}

func next(t *testing.T, got <-chan broker.Delivery) broker.Delivery {
	t.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(time.Minute):
		t.Fatal("no delivery came")
	}
	panic("not reached")
}

func nothing(t *testing.T, got <-chan broker.Delivery, wait time.Duration) {
	t.Helper()
	select {
	case d := <-got:
		t.Fatalf("delivery of %q, want none", d.Body)
	case <-time.After(wait):
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestMessagesOfKombuArriveByPriorityAndExchange(t *testing.T) {
	url, name := proctest.Redis(t), proctest.Name(t)
	direct := broker.Queue{Name: name, Exchange: name, ExchangeType: "direct", RoutingKey: name}
	topic := broker.Queue{Name: name + "-topic", Exchange: name + "-topic", ExchangeType: "topic", RoutingKey: "a_b.*.#"}
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{direct, topic}, Prefetch: 1})
	// Bound by an earlier worker, and all there before the first is taken.
	earlier := open(t, redis.Config{URL: url, Queues: []broker.Queue{direct, topic}})
	consume(t, earlier)
	eventually(t, "an earlier worker connects", earlier.Connected)
	if err := earlier.Close(); err != nil {
		t.Fatal(err)
	}
	kombu(t, "publish", url, name, `[["", "`+name+`", 9], ["", "`+name+`", 0], ["`+name+`", "`+name+`", 5], ["", "`+name+`", 0]]`)
	got := consume(t, b)
	for i, want := range []string{"1", "3", "2", "0"} { // zero is the highest, equals in order
		d := next(t, got)
		if string(d.Body) != `{"n": `+want+`}` || d.Queue != name || d.ContentType != "application/json" || d.CorrelationID != "c"+want || d.Headers["n"] == nil {
			t.Errorf("%d: got %s of %s, headers %v; want %s", i, d.Body, d.Queue, d.Headers, want)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	kombu(t, "publish", url, name, `[["`+name+`-topic", "a_b.c.d.e", 0], ["`+name+`-topic", "a-b.c.d", 0], ["`+name+`-topic", "a_b.c.d", 0]]`)
	for _, want := range []string{"a_b.c.d.e", "a_b.c.d"} {
		d := next(t, got)
		if d.RoutingKey != want || d.Queue != topic.Name {
			t.Errorf("got %s from %s, want %s", d.RoutingKey, d.Queue, want)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	nothing(t, got, 100*time.Millisecond)
}

func TestKombuReadsWhatIsPublished(t *testing.T) {
	url, name := proctest.Redis(t), proctest.Name(t)
	b := open(t, redis.Config{URL: url})
	five := uint8(5)
	for _, m := range []broker.Publication{
		{RoutingKey: name, Message: broker.Message{Body: []byte(`[1, "grüße <&>"]`), ContentType: "application/json", ContentEncoding: "utf-8", CorrelationID: "c", ReplyTo: "r", Persistent: true,
			Headers: map[string]any{"task": "x", "timelimit": []any{nil, nil}, "big": int64(1) << 60, "f": 2.5, "raw": []byte{0xff}}}},
		{RoutingKey: name, Message: broker.Message{Body: []byte{0xff, 0}, ContentType: "application/x-msgpack", ContentEncoding: "binary", Priority: &five}},
	} {
		if err := b.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	want := `[["[1, \"grüße <&>\"]", "application/json", {"big": 1152921504606846976, "f": 2.5, "raw": "/w==", "task": "x", "timelimit": [null, null]}, "c", "r", 0, 2], ` +
		`["\\xff\u0000", "application/x-msgpack", {}, null, null, 5, 1]]`
	if got := kombu(t, "consume", url, name, "2"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestFanoutReachesBothSides(t *testing.T) {
	url, name := proctest.Redis(t), proctest.Name(t)
	exchange := name + ".pidbox"
	q := broker.Queue{Name: name + "-mine", Exchange: exchange, ExchangeType: "fanout", NoAck: true, TransientQueue: true}
	events := broker.Queue{Name: name + "-events", Exchange: name + ".ev", ExchangeType: "fanout", RoutingKey: "worker.#", NoAck: true, TransientQueue: true}
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{q, events}})
	got := consume(t, b)
	eventually(t, "broker connects", b.Connected)
	time.Sleep(200 * time.Millisecond) // subscribed
	kombu(t, "broadcast", url, exchange, "")
	if d := next(t, got); string(d.Body) != `{"n": 0}` || d.Queue != q.Name {
		t.Errorf("got %q from %s", d.Body, d.Queue)
	}
	kombu(t, "broadcast", url, name+".ev", "task.sent")
	kombu(t, "broadcast", url, name+".ev", "worker.heartbeat")
	if d := next(t, got); d.RoutingKey != "worker.heartbeat" || d.Queue != events.Name {
		t.Errorf("got key %q from %s", d.RoutingKey, d.Queue)
	}
	// And the other way: kombu listens, we publish until it hears us.
	heard := make(chan string, 1)
	go func() { heard <- kombu(t, "listen", url, name+".ev", "#") }()
	for {
		if err := b.Publish(t.Context(), broker.Publication{Exchange: name + ".ev", RoutingKey: "task.done", Message: broker.Message{
			Body: []byte(`"hello"`), ContentType: "application/json", ContentEncoding: "utf-8"}}); err != nil {
			t.Fatal(err)
		}
		select {
		case what := <-heard:
			if what != `"hello"` {
				t.Errorf("kombu heard %s", what)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Celery's documentation has ten priorities in lists of readable names.
func TestPriorityStepsAndSeparatorAreKombus(t *testing.T) {
	t.Setenv("TRANSPORT_OPTIONS", `{"priority_steps": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "sep": ":"}`)
	url, name := proctest.Redis(t), proctest.Name(t)
	q := broker.Queue{Name: name, Exchange: name, ExchangeType: "direct", RoutingKey: name}
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{q}, PrioritySteps: []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, Separator: ":"})
	// One after the other: the lists are looked at by priority.
	kombu(t, "publish", url, name, `[["", "`+name+`", 7], ["", "`+name+`", 2], ["", "`+name+`", 0], ["", "`+name+`", 9]]`)
	got := consume(t, b)
	for _, want := range []string{`{"n": 2}`, `{"n": 1}`, `{"n": 0}`, `{"n": 3}`} {
		d := next(t, got)
		if string(d.Body) != want {
			t.Errorf("got %s, want %s", d.Body, want)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	// By the exchange's binding, which kombu has to understand, and its own list.
	four := uint8(4)
	other := open(t, redis.Config{URL: url, PrioritySteps: []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, Separator: ":"})
	if err := other.Publish(t.Context(), broker.Publication{Exchange: name, RoutingKey: name, Message: broker.Message{Body: []byte(`"by the binding"`), Priority: &four}}); err != nil {
		t.Fatal(err)
	}
	if d := next(t, got); string(d.Body) != `"by the binding"` {
		t.Errorf("got %s", d.Body)
	} else if err := d.Settler.Ack(); err != nil {
		t.Error(err)
	}
	if _, err := redis.New(redis.Config{URL: url, PrioritySteps: []uint8{3, 1}}); err == nil || !strings.Contains(err.Error(), "order") {
		t.Errorf("steps out of order: %v", err)
	}
}

// Several applications share a database by global_keyprefix, which begins all that one
// names there.
func TestKeysAndChannelsHaveKombusPrefix(t *testing.T) {
	url, name := proctest.StartRedis(t).URL(), proctest.Name(t)
	t.Setenv("TRANSPORT_OPTIONS", `{"global_keyprefix": "prod:"}`)
	queues := []broker.Queue{
		{Name: name, Exchange: name, ExchangeType: "direct", RoutingKey: name},
		{Name: name + ".ev", Exchange: name + ".ev", ExchangeType: "fanout", NoAck: true, TransientQueue: true},
	}
	b := open(t, redis.Config{URL: url, Queues: queues, KeyPrefix: "prod:", Prefetch: 1}) // no room for what comes back
	got := consume(t, b)
	eventually(t, "broker connects", b.Connected)
	kombu(t, "publish", url, name, `[["", "`+name+`", 0], ["`+name+`", "`+name+`", 5]]`)
	for range 2 {
		if err := next(t, got).Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	hears(t, got, func() { kombu(t, "broadcast", url, name+".ev", "") })
	heard := make(chan string, 1)
	go func() { heard <- kombu(t, "listen", url, name+".ev", "#") }()
	for told := false; !told; {
		if err := b.Publish(t.Context(), broker.Publication{Exchange: name + ".ev", RoutingKey: "x", Message: broker.Message{
			Body: []byte(`"hello"`), ContentType: "application/json", ContentEncoding: "utf-8"}}); err != nil {
			t.Fatal(err)
		}
		select {
		case what := <-heard:
			if told = true; what != `"hello"` {
				t.Errorf("kombu heard %s", what)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
	// Held here, found and put back by kombu.
	kombu(t, "publish", url, name, `[["", "`+name+`", 0]]`)
	for string(next(t, got).Body) != `{"n": 0}` {
	}
	if err := b.Publish(t.Context(), broker.Publication{RoutingKey: name + "-other", Message: broker.Message{Body: []byte("{}"), ContentType: "application/json", ContentEncoding: "utf-8"}}); err != nil {
		t.Fatal(err)
	}
	kombu(t, "consume", url, name+"-other", "1")
	var keys []string
	if err := json.Unmarshal([]byte(kombu(t, "keys", url)), &keys); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(keys, "prod:unacked") || slices.ContainsFunc(keys, func(k string) bool { return !strings.HasPrefix(k, "prod:") }) {
		t.Errorf("keys are %q", keys)
	}
	if restored := kombu(t, "restore", url, name, "1"); restored != `[["{\"n\": 0}", true, 0]]` {
		t.Errorf("kombu restored %s", restored)
	}
}

// A queue with several bindings gets what comes by each of them. kombu's own consumer
// hears the last of the fanout exchanges alone.
func TestAQueueOfSeveralExchangesHearsAll(t *testing.T) {
	url, name := proctest.Redis(t), proctest.Name(t)
	q := broker.Queue{Name: name, Bindings: []broker.Binding{
		{Exchange: name + ".one", ExchangeType: "fanout"}, {Exchange: name + ".two", ExchangeType: "fanout"}, {Exchange: name + ".direct", ExchangeType: "direct", RoutingKey: "k"},
	}}
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "broker connects", b.Connected)
	for _, exchange := range []string{name + ".one", name + ".two"} {
		hears(t, got, func() { kombu(t, "broadcast", url, exchange, "") })
	}
	kombu(t, "publish", url, name, `[["`+name+`.direct", "k", 0]]`)
	for {
		d := next(t, got)
		if d.RoutingKey != "k" {
			continue // one more of the broadcasts
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
		break
	}
	if err := b.Consume(t.Context(), broker.Queue{Name: name + ".late", Bindings: q.Bindings}); err == nil || !strings.Contains(err.Error(), name+".one") {
		t.Errorf("consumed later: %v", err)
	}
}

// hears sends until something comes: a broadcast is heard by those who are there.
func hears(t *testing.T, got <-chan broker.Delivery, send func()) {
	t.Helper()
	for range 100 {
		send()
		select {
		case <-got:
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	t.Fatal("nothing was heard")
}

// A worker that was killed leaves its messages in the unacknowledged ones, where
// kombu finds them as it finds those of its own workers.
func TestKombuRestoresWhatADeadWorkerHeld(t *testing.T) {
	url, name := proctest.StartRedis(t).URL(), proctest.Name(t)
	q := broker.Queue{Name: name, Exchange: name, ExchangeType: "direct", RoutingKey: name}
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{q}, Prefetch: 2}) // no room for what comes back
	got := consume(t, b)
	eventually(t, "broker connects", b.Connected)
	kombu(t, "publish", url, name, `[["", "`+name+`", 0], ["`+name+`", "`+name+`", 5]]`)
	first, second := next(t, got), next(t, got)
	if restored := kombu(t, "restore", url, name, "2"); restored != `[["{\"n\": 0}", true, 0], ["{\"n\": 1}", true, 5]]` {
		t.Errorf("kombu restored %s", restored)
	}
	for _, d := range []broker.Delivery{first, second} {
		if err := d.Settler.Ack(); err == nil {
			t.Errorf("Ack of what was put back: no error")
		}
	}
}

func TestHeldMessagesAreRenewedAndLostOnesComeBack(t *testing.T) {
	url, name := proctest.StartRedis(t).URL(), proctest.Name(t)
	q := broker.Queue{Name: name, Exchange: name, ExchangeType: "direct", RoutingKey: name}
	const visibility = 400 * time.Millisecond
	holder := open(t, redis.Config{URL: url, Queues: []broker.Queue{q}, VisibilityTimeout: visibility, Prefetch: 3})
	held := consume(t, holder)
	eventually(t, "broker connects", holder.Connected)
	for i := range 3 {
		if err := holder.Publish(t.Context(), broker.Publication{Exchange: name, RoutingKey: name, Message: broker.Message{Body: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	open1 := []broker.Delivery{next(t, held), next(t, held), next(t, held)}
	other := open(t, redis.Config{URL: url, Queues: []broker.Queue{q}, VisibilityTimeout: visibility})
	got := consume(t, other)
	nothing(t, got, 5*visibility)
	// Taken by kombu, whose process ended without a word.
	kombu(t, "steal", url, name, `{"lost": true}`)
	d := next(t, got)
	if string(d.Body) != `{"lost": true}` || !d.Redelivered {
		t.Errorf("got %s redelivered %v", d.Body, d.Redelivered)
	}
	for _, d := range append(open1, d) {
		if err := d.Settler.Ack(); err != nil {
			t.Errorf("Ack: %v", err)
		}
	}
	nothing(t, got, 3*visibility)
	if left := kombu(t, "keys", url); left != `["_kombu.binding.`+name+`", "_kombu.binding_permanent.`+name+`"]` {
		t.Errorf("left in Redis: %s", left)
	}
}

func TestSettlementsOutliveRedisBeingAway(t *testing.T) {
	server, name := proctest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always"), proctest.Name(t)
	q := broker.Queue{Name: name}
	b := open(t, redis.Config{URL: server.URL(), Queues: []broker.Queue{q}, Timeout: time.Second})
	got := consume(t, b)
	for i := range 20 {
		if err := b.Publish(t.Context(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	var held []broker.Delivery
	for range 20 {
		held = append(held, next(t, got))
	}
	server.Kill()
	for i, d := range held {
		var err error
		if i%2 == 0 {
			err = d.Settler.Ack()
		} else {
			err = d.Settler.Reject(true)
		}
		if err != nil {
			t.Errorf("settle while Redis is away: %v", err)
		}
	}
	published := make(chan error, 1)
	go func() {
		published <- b.Publish(t.Context(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: []byte("meanwhile")}})
	}()
	time.Sleep(200 * time.Millisecond)
	server.Restart(t)
	if err := <-published; err != nil {
		t.Error(err)
	}
	var bodies []string
	for range 11 {
		d := next(t, got)
		bodies = append(bodies, string(d.Body))
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(bodies)
	want := []string{"1", "11", "13", "15", "17", "19", "3", "5", "7", "9", "meanwhile"}
	if !slices.Equal(bodies, want) {
		t.Errorf("came again: %v, want %v", bodies, want)
	}
	nothing(t, got, 200*time.Millisecond)
}

func TestWhatIsNoMessageIsKeptForPeople(t *testing.T) {
	url, name := proctest.StartRedis(t).URL(), proctest.Name(t)
	b := open(t, redis.Config{URL: url, Queues: []broker.Queue{{Name: name}}})
	got := consume(t, b)
	list, err := json.Marshal([]string{
		`gibberish`, `[]`, `{"body": "%%%", "properties": {"body_encoding": "base64"}}`,
		`{"properties": {"delivery_tag": 7, "body_encoding": "rot13"}}`, strings.Repeat("[", 5000),
	})
	if err != nil {
		t.Fatal(err)
	}
	kombu(t, "push", url, name, string(list))
	if err := b.Publish(t.Context(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: []byte("good")}}); err != nil {
		t.Fatal(err)
	}
	if d := next(t, got); string(d.Body) != "good" {
		t.Errorf("got %q", d.Body)
	} else if err := d.Settler.Ack(); err != nil {
		t.Error(err)
	}
	if left := kombu(t, "keys", url); left != `["sparkstalk.undecodable"]` {
		t.Errorf("left in Redis: %s", left)
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	for url, want := range map[string]string{"http://x": "scheme", "redis://:secret@[bad": "URL", "redis://localhost/0": "prefetch"} {
		_, err := redis.New(redis.Config{URL: url, Prefetch: -1, Queues: []broker.Queue{{}}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "without a name") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
