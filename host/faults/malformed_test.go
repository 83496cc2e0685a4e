package faults

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A capture is a message that Celery sent, of those that the decoders are tested with.
type capture struct {
	Properties struct {
		ContentType     string `json:"content_type"`
		ContentEncoding string `json:"content_encoding"`
	} `json:"properties"`
	Headers map[string]any `json:"headers"`
	Body    string         `json:"body_base64"`
	body    []byte
}

// captures are the task messages for now: one that waits for its time may rightly
// stay unacknowledged.
func captures(t *testing.T) (out []capture) {
	t.Helper()
	for _, pattern := range []string{"task-*", "canvas-*", "celerynode-amqp-*"} {
		paths, err := filepath.Glob("../celery/testdata/" + pattern + ".json")
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d captures, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var c capture
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if c.body, err = base64.StdEncoding.DecodeString(c.Body); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if c.Headers["eta"] == nil && !strings.Contains(string(c.body), `"eta": "`) && !strings.Contains(string(c.body), `countdown": `) {
				out = append(out, c)
			}
		}
	}
	return out
}

// nonsense is a value of every type that a header can have. What is no number is
// not among them: RabbitMQ ends the connection of who publishes it.
func nonsense(r *rand.Rand) any {
	values := []any{
		nil, true, int32(-1), int64(math.MaxInt64), 1e300, "", "x", strings.Repeat("long ", 2000), "\x00\xff", "null", "[]", "{}",
		[]any{}, []any{nil, "x", []any{[]any{}}}, map[string]any{}, map[string]any{"a": map[string]any{"b": nil}}, []byte{0xff, 0}, "faults.any", "nosuch",
	}
	return values[r.IntN(len(values))]
}

// mutate changes a message in one of many ways.
func (c capture) mutate(r *rand.Rand) capture {
	c.Headers, c.body = maps.Clone(c.Headers), append([]byte(nil), c.body...)
	if c.Headers == nil {
		c.Headers = map[string]any{}
	}
	if r.IntN(2) == 0 && c.Headers["task"] != nil {
		c.Headers["task"] = "faults.any" // which is served, so that more of it is read
	}
	for range 1 + r.IntN(3) {
		switch r.IntN(7) {
		case 0:
			keys := make([]string, 0, len(c.Headers))
			for k := range c.Headers {
				keys = append(keys, k)
			}
			if len(keys) > 0 {
				if k := keys[r.IntN(len(keys))]; k != "eta" {
					c.Headers[k] = nonsense(r)
				}
			}
		case 1:
			delete(c.Headers, []string{"id", "task", "retries", "compression", "timelimit", "group", "stamps", "lang"}[r.IntN(8)])
		case 2:
			c.body = c.body[:r.IntN(len(c.body)+1)]
		case 3:
			for range 1 + r.IntN(5) {
				if len(c.body) > 0 {
					c.body[r.IntN(len(c.body))] ^= 1 << r.IntN(8)
				}
			}
		case 4:
			c.body = []byte([]string{"", "null", "[]", "[1,2,3]", "[[],{}]", "[[],{},{}]", `[{},[],""]`, "[[1],{\"n\":2},{\"callbacks\":[{}],\"chain\":5}]",
				strings.Repeat("[", 100_000), `{"task": "faults.any", "id": 5}`, "\x80\x04.", `[[1e999999], {}, {}]`}[r.IntN(12)])
		case 5:
			c.Properties.ContentType = []string{"", "application/json", "application/x-python-serialize", "application/x-yaml", "application/x-msgpack", "text/plain", "json\x00", "\xff"}[r.IntN(8)]
		case 6:
			c.Properties.ContentEncoding = []string{"", "utf-8", "binary", "utf-16", "latin-1", "nosuch", "base64"}[r.IntN(7)]
		}
	}
	return c
}

// table is a capture's headers as AMQP takes them.
func table(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := amqp.Table{}
		for k, e := range v {
			out[k[:min(len(k), 200)]] = table(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = table(e)
		}
		return out
	}
	return v
}

// flood publishes good messages with malformed ones between them.
func (b *bed) flood(r *rand.Rand, list []capture, n int) {
	b.t.Helper()
	if b.overRedis() {
		b.floodRedis(r, list, n)
		return
	}
	err := b.amqp(func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		var last *amqp.DeferredConfirmation
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		for range n {
			bad := list[r.IntN(len(list))].mutate(r)
			headers, _ := table(bad.Headers).(amqp.Table)
			if _, err := ch.PublishWithDeferredConfirm("", b.queue, true, false, amqp.Publishing{
				ContentType: bad.Properties.ContentType, ContentEncoding: bad.Properties.ContentEncoding, DeliveryMode: amqp.Persistent,
				Headers: headers, Body: bad.body, CorrelationId: []string{"", "x", "\xff"}[r.IntN(3)], ReplyTo: []string{"", b.queue + ".nowhere"}[r.IntN(2)],
			}); err != nil {
				return fmt.Errorf("%w: %v", err, <-closed)
			}
			good := b.message(b.sent)
			b.sent++
			var err error
			if last, err = ch.PublishWithDeferredConfirm("", b.queue, true, false, amqp.Publishing{
				ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent, Headers: good.headers, Body: good.body,
			}); err != nil {
				return err
			}
		}
		if !last.Wait() {
			return fmt.Errorf("the last message was not confirmed")
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) floodRedis(r *rand.Rand, list []capture, n int) {
	b.t.Helper()
	for i := range n {
		bad := list[r.IntN(len(list))].mutate(r)
		text, err := json.Marshal(map[string]any{
			"body": base64.StdEncoding.EncodeToString(bad.body), "content-encoding": bad.Properties.ContentEncoding, "content-type": bad.Properties.ContentType,
			"headers": bad.Headers, "properties": map[string]any{
				"delivery_info": map[string]any{"exchange": "", "routing_key": b.queue}, "body_encoding": "base64", "delivery_tag": fmt.Sprint(b.queue, ".bad.", i),
				"priority": []any{0, 9, nil}[r.IntN(3)],
			},
		})
		if err != nil {
			b.t.Fatal(err)
		}
		switch r.IntN(4) { // the envelope suffers, too
		case 0:
			text = text[:r.IntN(len(text))]
		case 1:
			text[r.IntN(len(text))] ^= 1 << r.IntN(8)
		}
		if err := b.pushes.LPush(context.Background(), b.queue, text).Err(); err != nil {
			b.t.Fatal(err)
		}
		good := b.message(b.sent)
		b.sent++
		if err := b.push([]message{good}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// Whatever comes, it is acknowledged or rejected, and what is in order between it
// runs once.
func TestMalformedMessagesAreAllAccountedFor(t *testing.T) {
	list := captures(t)
	n := 250
	if whole != "" {
		n = 10_000
	}
	for _, way := range []struct {
		through string
		bed     func(*testing.T) *bed
	}{{rabbitRedis, on(shared, results, late)}, {redisRedis, on(sharedRedis, results, late)}} {
		t.Run(way.through, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			b := way.bed(t)
			b.ms = 0
			b.env = append(b.env, "SPARKSTALK_TASK_DEFAULT_QUEUE="+b.queue, "SPARKSTALK_ACCEPT_CONTENT=json,msgpack,yaml")
			b.worker()
			began := time.Now()
			b.flood(rand.New(rand.NewPCG(seed, 1)), list, n)
			b.finish() // which stays unfinished while a message is given back
			r := row{fault: "malformed messages, each before one in order, late ack", through: way.through, times: n}
			b.count(&r)
			r.note = fmt.Sprintf("%d messages in %.0f s; none is left unacknowledged", 2*n, time.Since(began).Seconds())
			r.write(t)
			if r.lost > 0 || r.repeated > 0 || r.unanswered > 0 {
				t.Errorf("of the messages in order %d never ran, %d ran again, %d have no result", r.lost, r.repeated, r.unanswered)
			}
			if !b.overRedis() {
				return
			}
			left, err := b.pushes.HKeys(t.Context(), "unacked").Result()
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range left {
				if strings.Contains(tag, b.queue) {
					t.Errorf("%s is left unacknowledged", tag)
				}
			}
		})
	}
}
