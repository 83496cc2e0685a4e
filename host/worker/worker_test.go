package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// body is what a task of the tests does.
type body func(ctx context.Context, c Call) (json.RawMessage, error)

// registry serves bodies by name and counts its leases.
type registry struct {
	mu     sync.Mutex
	bodies map[string]body
	opts   map[string]abi.TaskOptions
	params map[string][]string
	leases atomic.Int64
}

func (r *registry) Acquire(name string) (Task, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.bodies[name]
	if !ok {
		return nil, false
	}
	r.leases.Add(1)
	return &lease{b, r.opts[name], r.params[name], r}, true
}

type lease struct {
	body
	opts   abi.TaskOptions
	params []string
	of     *registry
}

func (l *lease) Options() abi.TaskOptions { return l.opts }
func (l *lease) Params() []string         { return l.params }
func (l *lease) Release()                 { l.of.leases.Add(-1) }
func (l *lease) Run(ctx context.Context, c Call) (json.RawMessage, error) {
	return l.body(ctx, c)
}

// store keeps results in the order in which they came.
type store struct {
	mu      sync.Mutex
	results []celery.Result
	fail    error
	slow    func(celery.Result) time.Duration // that storing takes
}

func (s *store) Store(_ context.Context, r celery.Result, _ result.Reply) error {
	s.mu.Lock()
	if slow := s.slow; slow != nil {
		s.mu.Unlock()
		time.Sleep(slow(r))
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.results = append(s.results, r)
	return nil
}

func (s *store) Close() error { return nil }

func (s *store) of(id string) (states []string, last celery.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.results {
		if r.TaskID == id {
			states, last = append(states, r.State), r
		}
	}
	return states, last
}

// bench is a worker under test, with its broker in memory.
type bench struct {
	*Worker
	t        *testing.T
	server   *brokertest.Server
	conn     *brokertest.Broker
	client   *brokertest.Broker
	registry *registry
	store    *store
	intake   context.CancelFunc
	now      context.CancelCauseFunc
	ended    chan error
}

var queueOfTests = broker.Queue{Name: "celery", Exchange: "celery", RoutingKey: "celery"}

func start(t *testing.T, cfg Config, bodies map[string]body, opts map[string]abi.TaskOptions) *bench {
	t.Helper()
	b := &bench{t: t, server: brokertest.NewServer(), registry: &registry{bodies: bodies, opts: opts}, store: &store{}, ended: make(chan error, 1)}
	if err := b.server.Declare(queueOfTests); err != nil {
		t.Fatal(err)
	}
	b.conn = b.server.Open(brokertest.Config{Queues: []broker.Queue{queueOfTests}, Prefetch: 4})
	b.client = b.server.Open(brokertest.Config{})
	cfg.Broker, cfg.Tasks, cfg.Store, cfg.Concurrency = b.conn, b.registry, b.store, max(cfg.Concurrency, 2)
	var err error
	if b.Worker, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	intake, stop := context.WithCancel(context.Background())
	work, interrupt := context.WithCancelCause(context.Background())
	b.intake, b.now = stop, interrupt
	go func() { b.ended <- b.Worker.Run(intake, work) }()
	t.Cleanup(func() {
		stop()
		if err := b.wait(); err != nil {
			t.Error(err)
		}
		interrupt(nil)
		if err := b.client.Close(); err != nil {
			t.Error(err)
		}
		if n := b.registry.leases.Load(); n != 0 {
			t.Errorf("%d leases left open", n)
		}
	})
	return b
}

func (b *bench) wait() error {
	select {
	case err := <-b.ended:
		b.ended <- err
		return err
	case <-time.After(time.Minute):
		return errors.New("worker did not end")
	}
}

// send publishes a task and returns its id.
func (b *bench) send(name string, change func(*celery.Task)) string {
	b.t.Helper()
	id := fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	task, err := celery.NewTask(id, name, nil, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if change != nil {
		change(task)
	}
	out := celery.EncodeTask(task)
	b.publish(broker.Message{
		Headers: out.Headers, Body: out.Body, ContentType: out.ContentType, ContentEncoding: out.ContentEncoding, CorrelationID: id, ReplyTo: "client",
	})
	return id
}

func (b *bench) publish(m broker.Message) {
	b.t.Helper()
	if err := b.client.Publish(b.t.Context(), broker.Publication{RoutingKey: "celery", Message: m}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("not within 10 s: %s; results %+v, %d ready, %d unsettled", what, b.store.results, b.server.Ready("celery"), b.server.Unsettled("celery"))
		}
	}
}

// ends waits until a task has the given states, and all is settled.
func (b *bench) ends(id string, want ...string) celery.Result {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%s to be %v", id, want), func() bool {
		states, _ := b.store.of(id)
		return strings.Join(states, " ") == strings.Join(want, " ") && b.server.Unsettled("celery") == 0
	})
	_, last := b.store.of(id)
	return last
}

func returns(value string) body {
	return func(context.Context, Call) (json.RawMessage, error) { return json.RawMessage(value), nil }
}

// block waits for its context, as a guest that loops does.
func block(ctx context.Context, _ Call) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("interrupted: %w", context.Cause(ctx))
}

func ptr[T any](v T) *T { return &v }

func TestResultIsStoredAndMessageSettled(t *testing.T) {
	b := start(t, Config{TrackStarted: true}, map[string]body{
		"ok":   returns(`2.0`),
		"fail": func(context.Context, Call) (json.RawMessage, error) { return nil, abi.Errorf("ValueError", "boom") },
		"bug":  func(context.Context, Call) (json.RawMessage, error) { panic("host bug") },
		"state": func(ctx context.Context, c Call) (json.RawMessage, error) {
			return json.RawMessage(`1`), c.State(ctx, "PROGRESS", json.RawMessage(`{"n": 1}`))
		},
	}, map[string]abi.TaskOptions{"fail": {AcksLate: ptr(true)}, "state": {TrackStarted: ptr(false)}})
	if r := b.ends(b.send("ok", nil), "STARTED", "SUCCESS"); string(r.Value) != "2.0" {
		t.Errorf("got %s", r.Value)
	}
	if r := b.ends(b.send("fail", nil), "STARTED", "FAILURE"); r.Exception.Error() != "ValueError: boom" || r.Exception.Module != "builtins" {
		t.Errorf("got %+v", r.Exception)
	}
	if r := b.ends(b.send("bug", nil), "STARTED", "FAILURE"); r.Exception.Type != "HostError" {
		t.Errorf("got %+v", r.Exception)
	}
	b.ends(b.send("state", nil), "PROGRESS", "SUCCESS")
}

func TestWhatCannotRunIsAnsweredAsCeleryDoes(t *testing.T) {
	ran := atomic.Bool{}
	b := start(t, Config{}, map[string]body{"ok": func(context.Context, Call) (json.RawMessage, error) {
		ran.Store(true)
		return nil, nil
	}}, nil)
	if r := b.ends(b.send("nosuch", nil), "FAILURE"); r.Exception.Type != "NotRegistered" {
		t.Errorf("unknown task: %+v", r.Exception)
	}
	past := time.Now().Add(-time.Second)
	if r := b.ends(b.send("ok", func(t *celery.Task) { t.Expires = &past }), "REVOKED"); r.Exception.Error() != "TaskRevokedError: expired" {
		t.Errorf("expired task: %+v", r.Exception)
	}
	undecodable := broker.Message{Body: []byte("gibberish"), ContentType: "application/json", Headers: map[string]any{"task": "nosuch", "id": "body-and-name-unknown"}}
	b.publish(undecodable)
	if r := b.ends("body-and-name-unknown", "FAILURE"); r.Exception.Type != "NotRegistered" {
		t.Errorf("unknown task with a bad body: %+v", r.Exception)
	}
	for _, m := range []broker.Message{
		{Body: []byte("gibberish"), ContentType: "application/json"},
		{Body: []byte{0x80, 4}, ContentType: "application/x-python-serialize", Headers: map[string]any{"task": "ok", "id": "x"}},
	} {
		b.publish(m)
	}
	b.eventually("bad messages to be settled", func() bool { return b.server.Ready("celery")+b.server.Unsettled("celery") == 0 })
	if ran.Load() {
		t.Error("a body ran")
	}
}

func TestIgnoredResultsAreNotStored(t *testing.T) {
	b := start(t, Config{IgnoreResult: true}, map[string]body{"ok": returns("1")}, nil)
	quiet := b.send("ok", nil)
	b.ends(b.send("ok", func(t *celery.Task) { t.IgnoreResult = ptr(false) }), "SUCCESS")
	if states, _ := b.store.of(quiet); len(states) > 0 {
		t.Errorf("stored %v", states)
	}
}

func TestTimeLimitInterruptsAndNamesItself(t *testing.T) {
	b := start(t, Config{TimeLimit: time.Hour}, map[string]body{"block": block}, map[string]abi.TaskOptions{"block": {TimeLimit: ptr(3600.0)}})
	r := b.ends(b.send("block", func(t *celery.Task) { t.TimeLimit = ptr(0.05) }), "FAILURE")
	if r.Exception.Type != "TimeLimitExceeded" || string(r.Exception.Args[0]) != "0.05" {
		t.Errorf("got %+v", r.Exception)
	}
}

func TestETAHoldsATaskAndLetsOthersPass(t *testing.T) {
	b := start(t, Config{}, map[string]body{"ok": returns("1")}, nil)
	eta := time.Now().Add(300 * time.Millisecond)
	late := b.send("ok", func(t *celery.Task) { t.ETA = &eta })
	now := b.send("ok", nil)
	b.eventually("the task for now", func() bool { s, _ := b.store.of(now); return len(s) == 1 })
	if s, _ := b.store.of(late); len(s) > 0 && time.Now().Before(eta) {
		t.Error("ran before its time")
	}
	b.ends(late, "SUCCESS")
	if time.Now().Before(eta) {
		t.Error("ran before its time")
	}
}

func TestLateAckComesAfterTheResult(t *testing.T) {
	b := start(t, Config{AcksLate: true}, map[string]body{"ok": returns("1")}, nil)
	b.store.mu.Lock() // results cannot be stored now
	b.send("ok", nil)
	b.eventually("delivery", func() bool { return b.server.Unsettled("celery") == 1 })
	time.Sleep(30 * time.Millisecond)
	if b.server.Unsettled("celery") != 1 {
		t.Error("acknowledged before its result was stored")
	}
	b.store.mu.Unlock()
	b.eventually("the ack", func() bool { return b.server.Unsettled("celery") == 0 })
}

func TestResultRefusedForGoodDoesNotRunTheTaskAgain(t *testing.T) {
	runs := atomic.Int64{}
	b := start(t, Config{AcksLate: true}, map[string]body{"ok": func(context.Context, Call) (json.RawMessage, error) {
		runs.Add(1)
		return nil, nil
	}}, nil)
	b.store.mu.Lock()
	b.store.fail = errors.New("refused")
	b.store.mu.Unlock()
	b.send("ok", nil)
	b.eventually("the end of the task", func() bool { return b.Stats().Done == 1 })
	b.eventually("its settlement", func() bool { return b.server.Unsettled("celery")+b.server.Ready("celery") == 0 })
	if n := runs.Load(); n != 1 {
		t.Errorf("ran %d times", n)
	}
}

func TestHeldTasksRaiseThePrefetchCount(t *testing.T) {
	b := start(t, Config{PrefetchMultiplier: 1}, map[string]body{"ok": returns("1")}, nil)
	soon := time.Now().Add(700 * time.Millisecond)
	for range 10 { // more than may be unsettled at once
		b.send("ok", func(t *celery.Task) { t.ETA = &soon })
	}
	id := b.send("ok", nil)
	b.eventually("the task behind those that wait", func() bool { s, _ := b.store.of(id); return len(s) == 1 })
	if !time.Now().Before(soon) {
		t.Error("it waited for those before it")
	}
	b.eventually("the others", func() bool { return b.Stats().Done == 11 })
}

func TestStopReturnsWhatHasNotBegun(t *testing.T) {
	begun := make(chan struct{}, 10)
	b := start(t, Config{}, map[string]body{"wait": func(ctx context.Context, _ Call) (json.RawMessage, error) {
		begun <- struct{}{}
		time.Sleep(100 * time.Millisecond)
		return json.RawMessage("1"), nil
	}}, nil)
	var ids []string
	for range 8 {
		ids = append(ids, b.send("wait", nil))
	}
	eta := time.Now().Add(time.Hour)
	b.send("wait", func(t *celery.Task) { t.ETA = &eta })
	<-begun
	<-begun
	b.intake()
	if err := b.wait(); err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, id := range ids {
		if s, _ := b.store.of(id); len(s) > 0 {
			done++
		}
	}
	if ready := b.server.Ready("celery"); done+ready != 9 || done < 2 {
		t.Errorf("%d done and %d back in the queue, want 9 in all", done, ready)
	}
}

func TestInterruptedTasksFailOrReturnByTheirAck(t *testing.T) {
	b := start(t, Config{}, map[string]body{"early": block, "late": block}, map[string]abi.TaskOptions{"late": {AcksLate: ptr(true)}})
	early, late := b.send("early", nil), b.send("late", nil)
	b.eventually("both to run", func() bool { return b.Stats().Active == 2 })
	b.intake()
	b.now(ErrShutdown)
	if err := b.wait(); err != nil {
		t.Fatal(err)
	}
	if _, r := b.store.of(early); r.Exception == nil || r.Exception.Type != "WorkerLostError" {
		t.Errorf("early: %+v", r)
	}
	if s, _ := b.store.of(late); len(s) > 0 || b.server.Ready("celery") != 1 {
		t.Errorf("late: states %v and %d messages back, want none and 1", s, b.server.Ready("celery"))
	}
}

func TestStaleEarlyAckDoesNotRunTheTask(t *testing.T) {
	var mu sync.Mutex
	runs := map[string]int{}
	gate := make(chan struct{})
	b := start(t, Config{}, map[string]body{
		"gate": func(context.Context, Call) (json.RawMessage, error) { <-gate; return nil, nil },
		"once": func(_ context.Context, c Call) (json.RawMessage, error) {
			mu.Lock()
			defer mu.Unlock()
			runs[c.ID]++
			return nil, nil
		},
	}, nil)
	b.send("gate", nil)
	b.send("gate", nil)
	b.eventually("the gates to run", func() bool { return b.Stats().Active == 2 })
	id := b.send("once", nil)
	b.eventually("delivery behind them", func() bool { return b.Stats().Waiting == 1 })
	b.server.Stop()
	close(gate)
	b.eventually("its turn to pass", func() bool { _, held := b.Request(id); return !held })
	b.server.Start()
	b.ends(id, "SUCCESS")
	mu.Lock()
	defer mu.Unlock()
	if runs[id] != 1 {
		t.Errorf("ran %d times", runs[id])
	}
}

func TestLostConnectionHasNoTaskRunTwice(t *testing.T) {
	var mu sync.Mutex
	runs := map[string]int{}
	release := make(chan struct{})
	b := start(t, Config{AcksLate: true, PrefetchMultiplier: 4}, map[string]body{"t": func(_ context.Context, c Call) (json.RawMessage, error) {
		mu.Lock()
		runs[c.ID]++
		mu.Unlock()
		<-release
		return json.RawMessage("1"), nil
	}}, map[string]abi.TaskOptions{})
	soon := time.Now().Add(time.Second)
	held := b.send("t", func(t *celery.Task) { t.ETA = &soon })
	running := []string{b.send("t", nil), b.send("t", nil)}
	b.eventually("both to run", func() bool { return b.Stats().Active == 2 })
	waiting := []string{b.send("t", nil), b.send("t", nil)}
	b.eventually("the others to wait", func() bool { return b.Stats().Waiting == 3 })
	b.conn.Drop()
	// Every message comes again: the five, without those that waited before.
	b.eventually("the redelivery", func() bool { return b.Stats().Received == 10 })
	close(release)
	b.eventually("the end", func() bool { return b.server.Ready("celery")+b.server.Unsettled("celery") == 0 && b.Stats().Done >= 5 })
	mu.Lock()
	defer mu.Unlock()
	for _, id := range slices.Concat(waiting, running, []string{held}) {
		if runs[id] != 1 {
			t.Errorf("%s ran %d times", id, runs[id])
		}
	}
	if n := len(b.requests.list()); n != 0 {
		t.Errorf("%d requests are kept", n)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	_, err := New(Config{Concurrency: -1})
	for _, field := range []string{"Broker", "Tasks", "Store", "Concurrency"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
}

// refusing is a broker that will not be consumed from.
type refusing struct{ broker.Broker }

var errRefused = errors.New("no such user")

func (refusing) Run(context.Context, func(broker.Delivery)) error { return errRefused }

func TestBrokersRefusalIsToldWhenIntakeEnds(t *testing.T) {
	for range 200 { // the reason and the end come from two goroutines
		var told error
		w, err := New(Config{
			Broker: refusing{brokertest.NewServer().Open(brokertest.Config{})}, Tasks: &registry{}, Store: &store{},
			IntakeEnded: func(err error) { told = err },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Run(context.Background(), context.Background()); !errors.Is(err, errRefused) || !errors.Is(told, errRefused) {
			t.Fatalf("Run returned %v and told %v", err, told)
		}
	}
}

// Half of what a message takes in memory are its headers, and 100,000 may wait.
func TestATaskThatWaitsKeepsNoHeaders(t *testing.T) {
	b := start(t, Config{}, map[string]body{"ok": returns("1")}, nil)
	eta := time.Now().Add(time.Hour)
	id := b.send("ok", func(t *celery.Task) { t.ETA = &eta })
	b.eventually("it to wait", func() bool { return b.Stats().Waiting == 1 })
	if r := b.Worker.requests.get(id); r.Headers != nil || r.Body != nil {
		t.Errorf("kept %d headers and a body of %d bytes", len(r.Headers), len(r.Body))
	}
	b.now(errors.New("over"))
}
