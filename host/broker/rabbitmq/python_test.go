package rabbitmq_test

import (
	"os/exec"
	"reflect"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// The headers of this script are what Celery's users may send; py-amqp writes
// each integer outside 32 bits as type L.
const publishFromPython = `
import sys
from kombu import Connection
with Connection(sys.argv[1]) as c:
    p = c.Producer(serializer='json')
    send = lambda body, **more: p.publish(body, exchange='', routing_key=sys.argv[2], **more)
    send(1, headers={
        'ts_ms': 1795443357000, 'edge': 2**31, 'below': 2**31 - 1, 'huge': 2**63 - 1, 'negative': -2**40,
        'text': 'grüße', 'bytes': b'\xff\xfe', 'yes': True, 'none': None, 'pi': 2.5,
        'list': [2**40, None, 'L', [2**41]], 'map': {'n': 2**40, 'm': {'n': -2**40}},
    })
    send(2, headers={'lang': 'py', 'retries': 0, 'timelimit': [None, None]}, priority=0)
    send(3, priority=9, correlation_id='c', reply_to='r', expiration=60)
`

func TestLargeIntegersFromPython(t *testing.T) {
	url := proctest.RabbitMQ(t)
	q := durable(t)
	b := open(t, rabbitmq.Config{URL: url, Queues: []broker.Queue{q}})
	got := consume(t, b)
	eventually(t, "connected", b.Connected)
	out, err := exec.CommandContext(t.Context(), proctest.Python(t), "-c", publishFromPython, url, q.Name).CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	first, second, third := next(t, got), next(t, got), next(t, got)
	want := map[string]any{
		"ts_ms": int64(1795443357000), "edge": int64(1 << 31), "below": int64(1<<31 - 1), "huge": int64(1<<63 - 1),
		"negative": int64(-1 << 40), "text": "grüße", "bytes": "\xff\xfe", "yes": true, "none": nil, "pi": 2.5,
		"list": []any{int64(1 << 40), nil, "L", []any{int64(1 << 41)}},
		"map":  map[string]any{"n": int64(1 << 40), "m": map[string]any{"n": int64(-1 << 40)}},
	}
	for k, v := range want {
		if k == "bytes" { // py-amqp's versions differ in the type
			if raw, ok := first.Headers[k].([]byte); ok {
				first.Headers[k] = string(raw)
			}
		}
		if !reflect.DeepEqual(first.Headers[k], v) {
			t.Errorf("header %s: got %#v, want %#v", k, first.Headers[k], v)
		}
	}
	for _, d := range []broker.Delivery{first, second, third} {
		if d.Redelivered {
			t.Errorf("message %s came a second time: the connection was lost", d.Body)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	if second.Priority == nil || *second.Priority != 0 {
		t.Errorf("got priority %v, want 0", second.Priority)
	}
	if third.Priority == nil || *third.Priority != 9 || third.CorrelationID != "c" || third.ReplyTo != "r" || third.Expiration.Seconds() != 60 {
		t.Errorf("got %+v", third)
	}
}
