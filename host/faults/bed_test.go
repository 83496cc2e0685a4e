package faults

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A bed is what one fault is made in: a broker, a result backend, a worker, and
// the client's own connections, which no fault of the worker's touches.
type bed struct {
	t      *testing.T
	python bool
	late   bool
	env    []string // of the worker

	queue, replies string
	broker         string // URL, as the client has it
	backend        string // of a Redis; empty for rpc
	workerBroker   string
	workerBackend  string

	effects *effects
	process *process
	sent    int
	poisons int
	ms      float64 // how long a task takes

	redis  *goredis.Client // of the results
	pushes *goredis.Client // of the broker, if that is a Redis
}

// newBed makes a bed over a broker and a backend ("rpc" or a Redis URL).
func newBed(t *testing.T, broker, backend string) *bed {
	t.Helper()
	b := &bed{
		t: t, broker: broker, workerBroker: broker, backend: backend, workerBackend: backend,
		queue: proctest.Name(t), effects: &effects{runs: map[int]int{}, poison: map[int]int{}}, ms: 1,
	}
	if backend == "rpc" {
		b.replies, b.backend, b.workerBackend = b.queue+".replies", "", "rpc://"
	} else {
		b.redis = proctest.RedisClient(t, backend)
	}
	if b.overRedis() {
		b.pushes = proctest.RedisClient(t, broker)
	}
	t.Cleanup(func() {
		if b.process != nil {
			b.process.kill()
			if t.Failed() {
				t.Logf("the worker's last lines:\n%s", b.process.tail(6000))
			}
		}
	})
	b.declare()
	return b
}

func (b *bed) overRedis() bool { return strings.HasPrefix(b.broker, "redis") }

// amqp does something on a channel of its own.
func (b *bed) amqp(do func(ch *amqp.Channel) error) error {
	conn, err := amqp.Dial(b.broker)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	return do(ch)
}

// declare makes the queues, as the worker will.
func (b *bed) declare() {
	b.t.Helper()
	if b.overRedis() {
		return
	}
	err := b.amqp(func(ch *amqp.Channel) error {
		if err := ch.ExchangeDeclare(b.queue, "direct", true, false, false, false, nil); err != nil {
			return err
		}
		for _, q := range []string{b.queue, b.replies} {
			if q == "" {
				continue
			}
			if _, err := ch.QueueDeclare(q, true, false, false, false, nil); err != nil {
				return err
			}
		}
		return ch.QueueBind(b.queue, b.queue, b.queue, false, nil)
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) id(n int) string { return fmt.Sprintf("%s-%d", b.queue, n) }

// A message is a task as Celery sends it.
type message struct {
	headers map[string]any
	body    []byte
}

func (b *bed) message(n int) message {
	id := b.id(n)
	return message{
		headers: map[string]any{
			"lang": "py", "task": "faults.mark", "id": id, "shadow": nil, "eta": nil, "expires": nil, "group": nil, "group_index": nil,
			"retries": int32(0), "timelimit": []any{nil, nil}, "root_id": id, "parent_id": nil, "argsrepr": "()", "kwargsrepr": "{}",
			"origin": "gen1@faults", "ignore_result": false, "replaced_task_nesting": int32(0),
		},
		body: fmt.Appendf(nil, `[[%d, %g], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`, n, b.ms),
	}
}

// publish sends the next tasks, each so many times, and returns once the broker has them.
func (b *bed) publish(tasks, copies int) {
	b.t.Helper()
	var list []message
	for range tasks {
		for range copies {
			list = append(list, b.message(b.sent))
		}
		b.sent++
	}
	if err := b.send(list); err != nil {
		b.t.Fatal(err)
	}
}

// send publishes messages and waits for the broker's word that it has them.
func (b *bed) send(list []message) error {
	if b.overRedis() {
		return b.push(list)
	}
	return b.amqp(func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		var confirms []*amqp.DeferredConfirmation
		for _, m := range list {
			id, _ := m.headers["id"].(string)
			c, err := ch.PublishWithDeferredConfirm("", b.queue, true, false, amqp.Publishing{
				ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent,
				CorrelationId: id, ReplyTo: b.replies, Headers: m.headers, Body: m.body,
			})
			if err != nil {
				return err
			}
			confirms = append(confirms, c)
		}
		for _, c := range confirms {
			if !c.Wait() {
				return fmt.Errorf("a message was not confirmed")
			}
		}
		return nil
	})
}

// push is send for Redis, in kombu's envelopes.
func (b *bed) push(list []message) error {
	var envelopes []any
	for i, m := range list {
		id, _ := m.headers["id"].(string)
		text, err := json.Marshal(map[string]any{
			"body": base64.StdEncoding.EncodeToString(m.body), "content-encoding": "utf-8", "content-type": "application/json", "headers": m.headers,
			"properties": map[string]any{
				"correlation_id": id, "reply_to": b.replies, "delivery_mode": 2, "delivery_info": map[string]any{"exchange": "", "routing_key": b.queue},
				"priority": 0, "body_encoding": "base64", "delivery_tag": fmt.Sprintf("%s-%d-%d", id, time.Now().UnixNano(), i),
			},
		})
		if err != nil {
			return err
		}
		envelopes = append(envelopes, text)
	}
	for len(envelopes) > 0 {
		n := min(500, len(envelopes))
		if err := b.pushes.LPush(context.Background(), b.queue, envelopes[:n]...).Err(); err != nil {
			return err
		}
		envelopes = envelopes[n:]
	}
	return nil
}

// ready is how many messages wait in the queue, those given back included.
func (b *bed) ready() (n int, err error) {
	if b.overRedis() {
		size, err := b.pushes.LLen(context.Background(), b.queue).Result()
		return int(size), err
	}
	err = b.amqp(func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(b.queue, true, false, false, false, nil)
		n = q.Messages
		return err
	})
	return n, err
}

// eventually waits for what may take long on a busy machine.
func (b *bed) eventually(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tasks, runs := b.effects.ran()
			b.t.Fatalf("not within 3 minutes: %s; %d of %d tasks ran, in %d runs\n%s", what, tasks, b.sent, runs, b.process.tail(3000))
		}
	}
}

// drained waits until all that was sent has run, or nothing waits and nothing
// runs any more for a while: then some are lost.
func (b *bed) drained() {
	b.t.Helper()
	before, since := -1, time.Now()
	b.eventually("the queue to be empty", func() bool {
		tasks, runs := b.effects.ran()
		if tasks == b.sent {
			n, err := b.ready() // what leaves no mark may wait still
			return err == nil && n == 0
		}
		if runs != before {
			before, since = runs, time.Now()
		}
		if time.Since(since) < 3*time.Second {
			return false
		}
		n, err := b.ready()
		return err == nil && n == 0
	})
}

// finish stops the worker, and starts it again while it had messages that it
// gave back: in the end none is anywhere.
func (b *bed) finish() {
	b.t.Helper()
	for range 20 {
		b.drained()
		b.process.term(b.t)
		n, err := b.ready()
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return
		}
		b.worker()
	}
	b.t.Fatal("the queue does not become empty")
}

// answers are the ids of the tasks that succeeded, with how many results came.
func (b *bed) answers() map[string]int {
	b.t.Helper()
	out := map[string]int{}
	if b.redis != nil {
		var keys []string
		for n := range b.sent {
			keys = append(keys, "celery-task-meta-"+b.id(n))
		}
		values, err := b.redis.MGet(context.Background(), keys...).Result()
		if err != nil {
			b.t.Fatal(err)
		}
		for n, v := range values {
			if text, ok := v.(string); ok && strings.Contains(text, `"SUCCESS"`) {
				out[b.id(n)]++
			}
		}
		return out
	}
	err := b.amqp(func(ch *amqp.Channel) error {
		for {
			d, ok, err := ch.Get(b.replies, true)
			if err != nil || !ok {
				return err
			}
			if strings.Contains(string(d.Body), `"SUCCESS"`) {
				out[d.CorrelationId]++
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// count fills in what came of the tasks.
func (b *bed) count(r *row) {
	b.t.Helper()
	r.tasks = b.sent
	tasks, runs := b.effects.ran()
	r.lost, r.repeated = b.sent-tasks, runs-tasks
	answers := b.answers()
	for n := range b.sent {
		if answers[b.id(n)] == 0 {
			r.unanswered++
		}
	}
	r.worker = "sparkstalk"
	if b.python {
		r.worker = "Python"
	}
}

// behind has the worker reach its broker or backend by a relay.
func behind(t *testing.T, at string) (*proctest.Relay, string) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	relay := proctest.Proxy(t, u.Host)
	u.Host = relay.Address()
	return relay, u.String()
}
