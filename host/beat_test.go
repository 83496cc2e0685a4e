package host

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/beat"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// A wire is a broker that keeps what is published.
type wire struct {
	broker.Broker
	sent []broker.Publication
}

func (w *wire) Publish(_ context.Context, p broker.Publication) error {
	w.sent = append(w.sent, p)
	return nil
}

// TestBeatTellsWhatItSent when task_send_sent_event is set.
func TestBeatTellsWhatItSent(t *testing.T) {
	for wanted, events := range map[bool]int{false: 0, true: 1} {
		w := &wire{}
		tell := taskSent(Config{SendSentEvent: wanted, Log: slog.New(slog.DiscardHandler)}, func(ctx context.Context, e celery.Event) error {
			return w.Publish(ctx, broker.Publication{Exchange: celery.EventExchange, RoutingKey: e.RoutingKey(), Message: broker.Message{Body: e.Append(nil)}})
		})
		id, err := sender(Config{}, func(string) (abi.TaskOptions, bool) { return abi.TaskOptions{}, false }, worker.Sender{Broker: w, Queues: &worker.Queues{Default: "q"}, TaskSent: tell})(
			t.Context(), "entry", beat.Entry{Task: "tasks.add", Schedule: json.RawMessage("1")})
		if err != nil || len(w.sent) != 1+events {
			t.Fatalf("%d messages, %v", len(w.sent), err)
		}
		if last := w.sent[events]; wanted && (last.RoutingKey != "task.sent" || !strings.Contains(string(last.Body), `"uuid": "`+id) || !strings.Contains(string(last.Body), `"queue": "q"`)) {
			t.Errorf("told %s", last.Body)
		}
	}
}

// TestMessagesAreCelerysBeats compares what is sent with what celery beat sent.
func TestMessagesAreCelerysBeats(t *testing.T) {
	for file, e := range map[string]beat.Entry{
		"beat-tasks.add": {Task: "tasks.add", Schedule: json.RawMessage("1"), Args: json.RawMessage("[16, 16]")},
		"beat-other.remote": {
			Task: "other.remote", Schedule: json.RawMessage("1"), Kwargs: json.RawMessage(`{"a": 1}`),
			Options: json.RawMessage(`{"queue": "beatq", "expires": 15.0, "priority": 4}`),
		},
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile("celery/testdata/" + file + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Properties struct {
					ContentType     string `json:"content_type"`
					ContentEncoding string `json:"content_encoding"`
					DeliveryMode    int    `json:"delivery_mode"`
					Priority        *uint8 `json:"priority"`
					Expiration      string `json:"expiration"`
				} `json:"properties"`
				Headers    map[string]any `json:"headers"`
				Exchange   string         `json:"exchange"`
				RoutingKey string         `json:"routing_key"`
				Body       string         `json:"body_base64"`
			}
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			w := &wire{}
			registered := func(name string) (abi.TaskOptions, bool) {
				return abi.TaskOptions{IgnoreResult: new(false)}, name == "tasks.add"
			}
			id, err := sender(Config{}, registered, worker.Sender{Broker: w})(t.Context(), "entry", e)
			if err != nil || len(w.sent) != 1 {
				t.Fatalf("%d messages, %v", len(w.sent), err)
			}
			m := w.sent[0]
			if m.CorrelationID != id || m.ReplyTo == "" || m.Headers["id"] != id || m.Headers["root_id"] != id {
				t.Errorf("id %s in %+v", id, m)
			}
			expiration := ""
			if m.Expiration > 0 {
				expiration = fmt.Sprint(m.Expiration.Milliseconds())
				at, _ := m.Headers["expires"].(string)
				if expires, err := time.Parse(time.RFC3339Nano, at); err != nil || time.Until(expires) > 15*time.Second || time.Until(expires) < 10*time.Second {
					t.Errorf("expires %q, %v", at, err)
				}
			}
			p := want.Properties
			if m.ContentType != p.ContentType || m.ContentEncoding != p.ContentEncoding || m.Persistent != (p.DeliveryMode == 2) ||
				!reflect.DeepEqual(m.Priority, p.Priority) || expiration != p.Expiration || m.Exchange != want.Exchange || m.RoutingKey != want.RoutingKey {
				t.Errorf("got %+v, expiration %s\nwant %+v, %s %s", m, expiration, p, want.Exchange, want.RoutingKey)
			}
			// What is another's for each message and process.
			for _, name := range []string{"id", "root_id", "expires", "origin"} {
				if (m.Headers[name] == nil) != (want.Headers[name] == nil) {
					t.Errorf("header %s is %v, want %v", name, m.Headers[name], want.Headers[name])
				}
				m.Headers[name], want.Headers[name] = nil, nil
			}
			got, err := json.Marshal(m.Headers)
			if err != nil {
				t.Fatal(err)
			}
			wanted, err := json.Marshal(want.Headers)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(wanted) {
				t.Errorf("headers\n got %s\nwant %s", got, wanted)
			}
			body, err := base64.StdEncoding.DecodeString(want.Body)
			if err != nil || !hosttest.EqualJSON(string(m.Body), string(body)) {
				t.Errorf("body\n got %s\nwant %s, %v", m.Body, body, err)
			}
		})
	}
}

func TestAModuleWithABadScheduleIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`[{"every": 5}, {"crontab": "*/5 * * * mon-fri"}]`: "",
		`[{"crontab": "61 * * * *"}]`:                      "61 is not between 0 and 59",
		`[{"every": -1}]`:                                  "more than zero",
		`[{}]`:                                             "one of every and crontab",
		`[{"every": 5, "crontab": "* * * * *"}]`:           "one of every and crontab",
	} {
		m := abi.Manifest{Tasks: []abi.TaskSpec{{Name: "a.b"}}}
		if err := json.Unmarshal([]byte(text), &m.Tasks[0].Schedule); err != nil {
			t.Fatal(err)
		}
		err := checkSchedules(m)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a.b")) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// counted is how many tasks of a name have begun.
func (w *world) counted(name string) int {
	return int(w.worker.Totals()[name])
}

func TestSchedulesOfModulesComeAndGoWithThem(t *testing.T) {
	t.Parallel()
	one, two := hosttest.Build(t, "testdata/scheduled", "1"), hosttest.Build(t, "testdata/scheduled", "2")
	w := serve(t, func(c *Config) {
		c.ResultBackend, c.Beat, c.BeatGroup = proctest.Redis(t), true, proctest.Name(t)
		c.BeatScheduleFilename = filepath.Join(t.TempDir(), "schedule.json")
		c.BeatSchedule = map[string]beat.Entry{"of the file": {
			Task: "test.echo", Schedule: json.RawMessage("0.5"), Args: json.RawMessage(`["x"]`), Options: json.RawMessage(fmt.Appendf(nil, `{"queue": %q}`, c.Queues[0])),
		}}
	})
	hosttest.Eventually(t, func() bool { return w.counted("test.echo") > 1 })
	hosttest.Drop(t, one, w.plugins, "scheduled.wasm")
	hosttest.Eventually(t, func() bool { return w.counted("scheduled.tick") > 2 })
	hosttest.Drop(t, two, w.plugins, "scheduled.wasm") // which has only a crontab that is long to come
	hosttest.Eventually(t, func() bool { return rests(w, "scheduled.tick") })
	if err := os.Remove(filepath.Join(w.plugins, "scheduled.wasm")); err != nil {
		t.Fatal(err)
	}
	echoed := w.counted("test.echo")
	hosttest.Eventually(t, func() bool { return w.counted("test.echo") > echoed })
}

// rests reports whether no task of a name ends within a second.
func rests(w *world, name string) bool {
	before := w.counted(name)
	time.Sleep(time.Second)
	return w.counted(name) == before
}

func TestBeatAloneSendsToAnotherHost(t *testing.T) {
	t.Parallel()
	w := serve(t, func(*Config) {})
	cfg := w.cfg
	cfg.BeatGroup, cfg.BeatScheduleFilename = proctest.Name(t), filepath.Join(t.TempDir(), "schedule.json")
	cfg.Plugins, cfg.Spark = t.TempDir(), "sc://nobody.invalid:1"
	hosttest.Drop(t, hosttest.Build(t, "testdata/scheduled", "1"), cfg.Plugins, "scheduled.wasm")
	hosttest.Drop(t, hosttest.Build(t, "testdata/scheduled", "2"), w.plugins, "scheduled.wasm")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Beat(ctx, cfg) }()
	hosttest.Eventually(t, func() bool { return w.counted("scheduled.tick") > 2 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("beat ended with %v", err)
	}
}

func TestCeleryBeatIsServed(t *testing.T) {
	t.Parallel()
	w := serve(t, func(*Config) {})
	python := exec.CommandContext(t.Context(), proctest.Python(t), "-m", "celery", "-A", "beat_app", "beat",
		"-s", filepath.Join(t.TempDir(), "schedule"), "--pidfile", "", "--max-interval", "1")
	python.Dir = "testdata"
	python.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker, "QUEUE="+w.queue)
	var out strings.Builder
	python.Stdout, python.Stderr = &out, &out
	if err := python.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = python.Process.Kill() // it does not end by itself
		_ = python.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	}()
	hosttest.Eventually(t, func() bool { return w.counted("demo.simple_sum") > 2 && w.counted("test.echo") > 2 })
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Error("the host logged an error")
	}
}
