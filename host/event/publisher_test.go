package event_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A sender keeps what is published. While it is away it behaves as a broker
// without a connection.
type sender struct {
	mu   sync.Mutex
	away bool
	sent []sent
}

type sent struct {
	at     time.Time
	key    string
	events []celery.Event
}

func (s *sender) Publish(ctx context.Context, p broker.Publication) error {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if p.Exchange != "celeryev" || !p.NoConfirm || p.Persistent || p.Headers["hostname"] != "w@host" || p.ContentType != "application/json" || p.Priority == nil {
		return fmt.Errorf("bad publication %+v", p)
	}
	events, err := celery.DecodeEvents(p.Body)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, sent{time.Now(), p.RoutingKey, events})
	return nil
}

func (s *sender) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.away
}

func (s *sender) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// take returns what was published since the last call.
func (s *sender) take() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.sent
	s.sent = nil
	return out
}

// keys are the routing keys with the number of events.
func keys(all []sent) string {
	var out []string
	for _, s := range all {
		out = append(out, fmt.Sprintf("%s:%d", s.key, len(s.events)))
	}
	return strings.Join(out, " ")
}

// start runs a publisher in the test's bubble; stop ends it.
func start(t *testing.T, cfg event.PublisherConfig) (p *event.Publisher, stop func()) {
	t.Helper()
	cfg.Hostname = "w@host"
	p, err := event.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestWorkerEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sender{}
		clock := &celery.Clock{}
		clock.Adjust(41)
		p, stop := start(t, event.PublisherConfig{Broker: s, Clock: clock, Version: "1.2", Stats: func() (int, int) { return 3, 7 }})
		time.Sleep(4*time.Second + time.Millisecond)
		p.Heartbeat()
		synctest.Wait()
		stop()
		all := s.take()
		if got, want := keys(all), "worker.online:1 worker.heartbeat:1 worker.heartbeat:1 worker.heartbeat:1 worker.offline:1"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		for i, a := range all {
			e := a.events[0]
			if e.Hostname != "w@host" || e.PID != os.Getpid() || e.Clock != int64(43+i) || e.Timestamp != float64(a.at.UnixMicro())/1e6 || e.RoutingKey() != a.key {
				t.Errorf("%+v", e)
			}
			for key, want := range map[string]string{"freq": "2.0", "active": "3", "processed": "7", "sw_ident": `"sparkstalk"`, "sw_ver": `"1.2"`, "sw_sys": `"Linux"`} {
				if got := string(e.Fields.Get(key)); got != want {
					t.Errorf("%s: got %s, want %s", key, got, want)
				}
			}
			if load, err := celery.Elements(e.Fields.Get("loadavg")); err != nil || len(load) != 3 {
				t.Errorf("loadavg %s", e.Fields.Get("loadavg"))
			}
		}
		if all[2].at.Sub(all[1].at) != 2*time.Second {
			t.Errorf("%v between heartbeats", all[2].at.Sub(all[1].at))
		}
	})
}

func TestSilentWorkerTellsOfItsTasksAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := &sender{}, event.NewFeed()
		p, stop := start(t, event.PublisherConfig{Broker: s, Feed: f, TaskEvents: true, Silent: true})
		f.Emit(event.Started(task))
		time.Sleep(5 * time.Second)
		p.Heartbeat() // asked for
		synctest.Wait()
		s.setAway(true)
		f.Emit(event.Started(task))
		time.Sleep(5 * time.Second)
		s.setAway(false)
		time.Sleep(5 * time.Second)
		stop()
		if got, want := keys(s.take()), "task.multi:1 worker.heartbeat:1 task.multi:1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestTaskEventsTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := &sender{}, event.NewFeed()
		p, stop := start(t, event.PublisherConfig{Broker: s, Feed: f, TaskEvents: true})
		s.take()
		begin := time.Now()
		for range 50 {
			f.Emit(event.Received(task))
		}
		synctest.Wait()
		if got := keys(s.take()); got != "task.multi:24 task.multi:24" {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(time.Second)
		all := s.take()
		if keys(all) != "task.multi:2" || all[0].at.Sub(begin) != 100*time.Millisecond {
			t.Errorf("the rest: %s after %v", keys(all), all[0].at.Sub(begin))
		}
		f.Emit(event.Revoked(task, event.Revocation{Expired: true}))
		stop() // what waits leaves before the last word
		if got := keys(s.take()); got != "task.multi:1 worker.offline:1" {
			t.Errorf("at the end: %s", got)
		}
		if p.Dropped() != 0 {
			t.Errorf("%d dropped", p.Dropped())
		}
	})
}

func TestTaskEventsOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := &sender{}, event.NewFeed()
		p, stop := start(t, event.PublisherConfig{Broker: s, Feed: f})
		s.take()
		f.Emit(event.Started(task))
		time.Sleep(time.Second)
		if got := keys(s.take()); got != "" || p.TaskEvents() {
			t.Errorf("not asked for: %s", got)
		}
		if !p.SetTaskEvents(true) || p.SetTaskEvents(true) {
			t.Error("SetTaskEvents(true) does not say what it changed")
		}
		synctest.Wait()
		f.Emit(event.Started(task))
		synctest.Wait()
		if !p.SetTaskEvents(false) {
			t.Error("SetTaskEvents(false) does not say what it changed")
		}
		synctest.Wait()
		f.Emit(event.Started(task))
		time.Sleep(500 * time.Millisecond)
		if got := keys(s.take()); got != "task.multi:1" {
			t.Errorf("asked for once: %s", got)
		}
		stop()
	})
}

func TestBrokerAwayHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := &sender{away: true}, event.NewFeed()
		p, stop := start(t, event.PublisherConfig{Broker: s, Feed: f, TaskEvents: true})
		begin := time.Now()
		for range 10000 {
			f.Emit(event.Started(task))
		}
		if time.Since(begin) != 0 {
			t.Errorf("Emit waited %v", time.Since(begin))
		}
		time.Sleep(10*time.Minute + time.Second) // between two heartbeats
		s.setAway(false)
		time.Sleep(5 * time.Second)
		all := s.take()
		if got := keys(all); !strings.HasPrefix(got, "worker.online:1 task.multi:24 task.multi:24") {
			t.Errorf("when it is back: %s", got)
		}
		late, clock := 0, int64(0)
		for _, m := range all {
			if m.key != "task.multi" {
				continue
			}
			for _, e := range m.events {
				if late++; e.Clock <= clock {
					t.Fatalf("clock %d after %d", e.Clock, clock)
				}
				clock = e.Clock
			}
		}
		if late != 4096 || p.Dropped() != 10000-4096 {
			t.Errorf("%d came late and %d not at all, want 4096 and the rest", late, p.Dropped())
		}
		f.Emit(event.Started(task))
		time.Sleep(200 * time.Millisecond)
		if got := keys(s.take()); !strings.Contains(got, "task.multi:1") {
			t.Errorf("after that: %s", got)
		}
		s.setAway(true)
		begin = time.Now()
		stop()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the last words took %v", took)
		}
	})
}

func TestConfigErrorsAreNamedTogether(t *testing.T) {
	_, err := event.NewPublisher(event.PublisherConfig{Heartbeat: -1})
	for _, field := range []string{"Broker", "Hostname", "Heartbeat"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

// TestPythonsMonitorSeesUs has Celery's own event receiver and state follow a
// worker over RabbitMQ.
func TestPythonsMonitorSeesUs(t *testing.T) {
	hostname := proctest.Name(t)
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/monitor.py", proctest.RabbitMQ(t), hostname)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("monitor.py says %q\n%s", lines.Text(), stderr.String())
	}

	b, err := rabbitmq.New(rabbitmq.Config{URL: proctest.RabbitMQ(t), Exchanges: []broker.Exchange{event.Wire{}.Declaration()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	feed := event.NewFeed()
	p, err := event.NewPublisher(event.PublisherConfig{Broker: b, Feed: feed, Hostname: hostname, TaskEvents: true, Heartbeat: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	if !lines.Scan() || lines.Text() != "worker-online" { // Run has subscribed
		t.Fatalf("monitor.py says %q\n%s", lines.Text(), stderr.String())
	}

	ids := map[string]*celery.Task{}
	for _, name := range []string{"ok", "failed", "revoked", "retried", "unknown"} {
		made, err := celery.NewTask(proctest.Name(t), "demo."+name, []json.RawMessage{json.RawMessage("2"), json.RawMessage(`"é"`)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = made
		if name != "unknown" {
			feed.Emit(event.Received(made))
			feed.Emit(event.Started(made))
		}
	}
	failure := celery.NewException("builtins", "ValueError", "it's")
	failure.Traceback = "line 1"
	feed.Emit(event.Succeeded(ids["ok"], json.RawMessage(`{"a": [1, 2.0, null]}`), 1500*time.Millisecond))
	feed.Emit(event.Failed(ids["failed"], failure))
	feed.Emit(event.Revoked(ids["revoked"], event.Revocation{Terminated: true, Signal: 15}))
	feed.Emit(event.Retried(ids["retried"], nil, ""))
	feed.Emit(event.Failed(ids["unknown"], celery.NotRegistered("demo.unknown")))
	feed.Emit(event.Rejected(ids["failed"], false))
	for lines.Scan() && lines.Text() != "worker-heartbeat" {
		t.Errorf("monitor.py says %q", lines.Text())
	}
	cancel(errors.New("test is over"))
	if err := <-done; err != nil {
		t.Error(err)
	}
	var got []string
	for lines.Scan() {
		got = append(got, strings.NewReplacer(hostname, "HOST", ids["ok"].ID, "OK", ids["failed"].ID, "FAILED", ids["revoked"].ID, "REVOKED",
			ids["retried"].ID, "RETRIED", ids["unknown"].ID, "UNKNOWN").Replace(lines.Text()))
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("monitor.py: %v\n%s", err, stderr.String())
	}
	want := []string{
		`worker-offline`,
		`worker HOST sparkstalk freq 0.2 alive before its offline: True`,
		`OK demo.ok SUCCESS args (2, 'é') result {'a': [1, 2.0, None]} runtime 1.5 root OK`,
		`REVOKED demo.revoked REVOKED args (2, 'é') root REVOKED`,
		`RETRIED demo.retried RETRY args (2, 'é') exception None root RETRIED`,
		`UNKNOWN None FAILURE exception NotRegistered('demo.unknown')`,
		`FAILED demo.failed FAILURE args (2, 'é') exception ValueError("it's") traceback line 1 root FAILED`, // its last event is the rejection
		`clock rises: True`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("Python saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
