package celery

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A fixture is one capture of what Python Celery (and celery-node) wrote: an
// AMQP message, a message in Redis, Redis commands, or the methods of a start.
type fixture struct {
	name       string
	Properties struct {
		ContentType     string `json:"content_type"`
		ContentEncoding string `json:"content_encoding"`
		CorrelationID   string `json:"correlation_id"`
		ReplyTo         string `json:"reply_to"`
		DeliveryMode    int    `json:"delivery_mode"`
		Priority        *uint8 `json:"priority"`
	} `json:"properties"`
	Headers      map[string]any    `json:"headers"`
	Exchange     string            `json:"exchange"`
	RoutingKey   string            `json:"routing_key"`
	ContentType  string            `json:"content-type"`
	Body         string            `json:"body_base64"`
	RedisCommand []string          `json:"redis_command"`
	Redis        []redisCall       `json:"redis"`
	AMQPMethods  []json.RawMessage `json:"amqp_methods"`
}

type redisCall struct {
	Cmd   []any `json:"cmd"`
	Reply any   `json:"reply"`
}

func readFixtures(t testing.TB) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var out []fixture
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := fixture{name: strings.TrimSuffix(filepath.Base(path), ".json")}
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, f)
	}
	return out
}

func (f fixture) body(t testing.TB) []byte {
	t.Helper()
	body, err := base64.StdEncoding.DecodeString(f.Body)
	if err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	return body
}

func (f fixture) incoming(t testing.TB) Incoming {
	m := Incoming{
		Headers: f.Headers, Body: f.body(t), ContentType: f.Properties.ContentType, ContentEncoding: f.Properties.ContentEncoding,
		CorrelationID: f.Properties.CorrelationID, ReplyTo: f.Properties.ReplyTo,
		DeliveryInfo: DeliveryInfo{Exchange: f.Exchange, RoutingKey: f.RoutingKey, Priority: f.Properties.Priority},
	}
	if f.ContentType != "" {
		m.ContentType = f.ContentType
	}
	return m
}

// assertions says for each kind of fixture, by prefix, what the code is held
// to. The first prefix that fits counts; a fixture that none fits fails.
var assertions = []struct {
	prefix, asserts string
	check           func(*testing.T, fixture)
}{
	{"task-v2-serializer-pickle", "refused: rejected by content type, with the task's id and name", checkRefusedSerializer},
	{"task-v2-serializer-", "refused by default as pickle is; decodes where it is accepted", checkAcceptedSerializer},
	{"task-v2-compression-", "decodes, and the fields are the headers and the inflated body", checkTask2},
	{"task-v2-", "decodes; encoded again it has the same headers, properties and bytes", checkTask2},
	{"canvas-v1chain-01", "protocol 1: fields equal the body's, arguments and signatures keep their bytes", checkTask1},
	{"canvas-", "as task-v2; what the worker sent is judged in canvas", checkTask2},
	{"beat-", "as task-v2", checkTask2},
	{"chord-unlock", "as task-v2", checkTask2},
	{"task-v1-", "protocol 1: fields equal the body's, arguments and signatures keep their bytes", checkTask1},
	{"celerynode-amqp-v1", "as task-v1", checkTask1},
	{"celerynode-", "three headers: decodes with the rest empty, arguments keep their bytes", checkCeleryNode},
	{"result-rpc-", "decodes; encoded again it has the same bytes", checkResultMessage},
	{"event-", "decodes; encoded again it has the same bytes; our own constructors write the same fields", checkEvents},
	{"redis-broker-event", "envelope: its events as event-*", checkEnvelopeEvents},
	{"redis-broker-heartbeat", "envelope: its event as event-*", checkEnvelopeEvents},
	{"redis-broker-pidbox-publish", "envelope: its request as pidbox-*-request", checkEnvelopeRequest},
	{"redis-broker-pidbox-reply", "envelope: its reply as pidbox-*-reply", checkEnvelopeReply},
	{"redis-broker-", "envelope: its task as task-v2 (the envelope itself is read by the test only)", checkEnvelopeTask},
	{"redis-result-", "each stored document decodes and encodes to the same bytes; the command sequence is judged in result/redis", checkStoredResults},
	{"redis-chord-", "stored documents as redis-result; chords are judged in result/redis", checkChord},
	{"pidbox-", "requests and replies decode and encode to the same bytes; w1@host1 is selected where it answered; the answers are judged in control", checkControl},
	{"mingle-hello-request", "as pidbox-*-request", checkControl},
	{"mingle-hello-reply", "as pidbox-*-reply", checkControl},
	{"amqp-worker-startup-", "only read: what is declared is judged in broker/rabbitmq", checkStartup},
}

func TestEveryFixture(t *testing.T) {
	fixtures := readFixtures(t)
	if len(fixtures) < 282 {
		t.Errorf("only %d fixtures in testdata", len(fixtures))
	}
	used := make(map[string]bool)
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			for _, a := range assertions {
				if strings.HasPrefix(f.name, a.prefix) {
					used[a.prefix] = true
					a.check(t, f)
					return
				}
			}
			t.Fatal("no assertion for this fixture: add one to the table")
		})
	}
	for _, a := range assertions {
		if !used[a.prefix] {
			t.Errorf("no fixture is called %s*", a.prefix)
		}
	}
}
