package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/result"
)

func raises(e *abi.Error) body {
	return func(context.Context, Call) (json.RawMessage, error) { return nil, e }
}

func reject(requeue bool) *abi.Error {
	return &abi.Error{Type: "Reject", Module: controlModule, Args: []json.RawMessage{json.RawMessage(`"no thanks"`), fmt.Appendf(nil, "%t", requeue)}}
}

func TestRejectAndIgnore(t *testing.T) {
	late := abi.TaskOptions{AcksLate: ptr(true)}
	b := start(t, Config{}, map[string]body{
		"reject": raises(reject(false)), "ignore": raises(controlError("Ignore")), "early": raises(reject(true)),
		"requeue": func(_ context.Context, c Call) (json.RawMessage, error) {
			if c.Redelivered {
				return json.RawMessage("1"), nil
			}
			return nil, reject(true)
		},
	}, map[string]abi.TaskOptions{"reject": late, "requeue": late, "ignore": late})
	if r := b.ends(b.send("reject", nil), "FAILURE"); r.Exception.Type != "Reject" || string(celery.AppendArray(nil, r.Exception.Args)) != `["no thanks", false]` {
		t.Errorf("rejected: %+v", r.Exception)
	}
	b.ends(b.send("requeue", nil), "SUCCESS")
	before := b.Stats().Done
	ids := []string{b.send("ignore", nil), b.send("early", nil)}
	b.eventually("both to end", func() bool { return b.Stats().Done == before+2 })
	for _, id := range ids {
		if states, _ := b.store.of(id); len(states) != 0 {
			t.Errorf("%s has %v", id, states)
		}
	}
	if n := b.server.Ready("celery") + b.server.Unsettled("celery"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

func TestFailuresAreSettledByTheirOptions(t *testing.T) {
	runs := atomic.Int64{}
	lost := func(context.Context, Call) (json.RawMessage, error) {
		if runs.Add(1) == 1 {
			return nil, fmt.Errorf("child: %w", ErrLost)
		}
		return json.RawMessage("1"), nil
	}
	timed := atomic.Int64{}
	b := start(t, Config{AcksLate: true}, map[string]body{
		"fail": raises(abi.Errorf("ValueError", "x")), "lost": lost, "lost for good": func(context.Context, Call) (json.RawMessage, error) { return nil, ErrLost },
		"slow": func(ctx context.Context, c Call) (json.RawMessage, error) {
			if timed.Add(1) > 1 {
				return json.RawMessage("1"), nil
			}
			return block(ctx, c)
		},
	}, map[string]abi.TaskOptions{
		"fail": {AcksOnFailure: ptr(false)}, "lost": {RejectOnWorkerLost: ptr(true)}, "slow": {TimeLimit: ptr(0.05), AcksOnTimeout: ptr(false)},
	})
	b.ends(b.send("fail", nil), "FAILURE")
	b.ends(b.send("lost", nil), "SUCCESS")
	if r := b.ends(b.send("lost for good", nil), "FAILURE"); r.Exception.Type != "WorkerLostError" {
		t.Errorf("lost: %+v", r.Exception)
	}
	b.ends(b.send("slow", nil), "FAILURE", "SUCCESS") // as in Celery, which tells of the failure though it runs again
	if n := b.server.Ready("celery"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

func TestTasksAreCountedAsTheyBegin(t *testing.T) {
	release := make(chan struct{})
	b := start(t, Config{}, map[string]body{"wait": func(context.Context, Call) (json.RawMessage, error) {
		<-release
		return nil, nil
	}}, nil)
	count := func() (begun, named, ended int64) { return b.Stats().Begun, b.Totals()["shown"], b.Stats().Done }
	id := b.send("wait", func(t *celery.Task) { t.Shadow = "shown" })
	b.eventually("it to begin", func() bool { return b.Stats().Active == 1 })
	b.eventually("it to be counted", func() bool { begun, named, ended := count(); return begun == 1 && named == 1 && ended == 0 })
	close(release)
	b.ends(id, "SUCCESS")
	b.eventually("its end", func() bool { begun, named, ended := count(); return begun == 1 && named == 1 && ended == 1 })
	b.endsSoon(b.send("wait", func(t *celery.Task) { t.Expires = ptr(time.Now().Add(-time.Hour)) }), "REVOKED")
	if begun, _, _ := count(); begun != 1 {
		t.Errorf("%d have begun: a task that expired is among them", begun)
	}
}

// TestALostWorkerIsARetry with retry_on_worker_lost, which counts retries and goes before
// reject_on_worker_lost.
func TestALostWorkerIsARetry(t *testing.T) {
	runs := atomic.Int64{}
	b := start(t, Config{AcksLate: true, RetryOnWorkerLost: true, RejectOnWorkerLost: true}, map[string]body{
		"once": func(context.Context, Call) (json.RawMessage, error) {
			if runs.Add(1) == 1 {
				return nil, fmt.Errorf("child: %w", ErrLost)
			}
			return json.RawMessage("1"), nil
		},
		"always": func(context.Context, Call) (json.RawMessage, error) { runs.Add(1); return nil, ErrLost },
	}, map[string]abi.TaskOptions{"once": {DefaultRetryDelay: ptr(0.0)}, "always": {DefaultRetryDelay: ptr(0.0), MaxRetries: ptr(2)}})
	b.ends(b.send("once", nil), "RETRY", "SUCCESS")
	if r := b.ends(b.send("always", nil), "RETRY", "RETRY", "FAILURE"); r.Exception.Type != "WorkerLostError" || runs.Load() != 5 {
		t.Errorf("%d runs, then %+v", runs.Load(), r.Exception)
	}
}

func TestErrorsOfIgnoredResults(t *testing.T) {
	b := start(t, Config{IgnoreResult: true}, map[string]body{"quiet": raises(flaky()), "loud": raises(flaky())},
		map[string]abi.TaskOptions{"loud": {StoreErrorsEvenIfIgnored: ptr(true)}})
	quiet := b.send("quiet", nil)
	b.ends(b.send("loud", nil), "FAILURE")
	if states, _ := b.store.of(quiet); len(states) != 0 {
		t.Errorf("stored %v", states)
	}
}

func TestOptionsOfAMessageWinOverAnnotationsOverTheTask(t *testing.T) {
	b := start(t, Config{
		TimeLimit: time.Hour, SoftTimeLimit: time.Minute,
		Annotations: map[string]abi.TaskOptions{"*": {MaxRetries: ptr(7), TimeLimit: ptr(100.0)}, "a": {TimeLimit: ptr(50.0)}},
	}, map[string]body{"a": returns("1")}, nil)
	own := abi.TaskOptions{TimeLimit: ptr(10.0), SoftTimeLimit: ptr(5.0)}
	if s := b.settings(own, &celery.Task{Name: "a"}); s.limit != 50*time.Second || s.softLimit != 5*time.Second || s.maxRetries() != 7 {
		t.Errorf("annotated: %+v", s)
	}
	if s := b.settings(own, &celery.Task{Name: "b", SoftTimeLimit: ptr(1.0)}); s.limit != 100*time.Second || s.softLimit != time.Second {
		t.Errorf("for all: %+v", s)
	}
	if !b.SetTimeLimits("a", ptr(3.0), nil) || b.SetTimeLimits("nosuch", nil, nil) {
		t.Error("time limits: which tasks are served is not known")
	}
	if s := b.settings(own, &celery.Task{Name: "a"}); s.limit != 3*time.Second || s.softLimit != time.Minute {
		t.Errorf("changed at run time: %+v", s)
	}
	if s := b.settings(own, &celery.Task{Name: "a", TimeLimit: ptr(0.0), SoftTimeLimit: ptr(2.0)}); s.limit != 3*time.Second || s.softLimit != 2*time.Second {
		t.Errorf("by a message: %+v", s)
	}
	if !b.SetTimeLimits("a", ptr(0.0), ptr(4.0)) {
		t.Error("not served")
	}
	if s := b.settings(own, &celery.Task{Name: "a"}); s.limit != time.Hour || s.softLimit != 4*time.Second {
		t.Errorf("changed again: %+v", s)
	}
	if s := b.settings(abi.TaskOptions{TimeLimit: ptr(0.0)}, &celery.Task{Name: "b", SoftTimeLimit: ptr(0.0)}); s.limit != 100*time.Second || s.softLimit != time.Minute {
		t.Errorf("zeroes: %+v", s)
	}
}

func TestRateLimitSpacesAndKeepsTheOrder(t *testing.T) {
	var times []time.Time
	var order []string
	b := start(t, Config{Concurrency: 2}, map[string]body{"limited": func(_ context.Context, c Call) (json.RawMessage, error) {
		times, order = append(times, time.Now()), append(order, c.ID) // one at a time, by the limit
		return json.RawMessage("1"), nil
	}}, map[string]abi.TaskOptions{"limited": {RateLimit: ptr("10/s")}})
	var ids []string
	for range 4 {
		ids = append(ids, b.send("limited", nil))
	}
	b.eventually("all to run", func() bool { return b.Stats().Done == 4 })
	if took := times[3].Sub(times[0]); took < 280*time.Millisecond {
		t.Errorf("four tasks at 10/s took %v", took)
	}
	if strings.Join(order, " ") != strings.Join(ids, " ") {
		t.Errorf("ran as %v, sent as %v", order, ids)
	}
	if served, err := b.SetRateLimit("limited", "1/h"); !served || err != nil {
		t.Fatal(served, err)
	}
	b.send("limited", nil) // takes the bucket's token
	waits := b.send("limited", nil)
	b.eventually("the first", func() bool { return b.Stats().Done == 5 })
	time.Sleep(50 * time.Millisecond)
	if info, ok := b.Request(waits); !ok || info.Stage != StageLimited || len(b.Requests(StageReserved)) != 0 {
		t.Errorf("the second: %+v", info)
	}
	if ended := b.Terminate(Signal{Name: "SIGTERM", Number: 15}, waits); len(ended) != 0 {
		t.Errorf("terminated %v", ended)
	}
	if _, err := b.SetRateLimit("limited", ""); err != nil {
		t.Fatal(err)
	}
	b.ends(waits, "SUCCESS")
	if _, err := b.SetRateLimit("limited", "x/q"); err == nil || err.Error() != "KeyError('q')" {
		t.Errorf("got %v", err)
	}
}

func TestRevokedTasksDoNotRun(t *testing.T) {
	begun := make(chan struct{}, 10)
	b := start(t, Config{}, map[string]body{"wait": func(ctx context.Context, c Call) (json.RawMessage, error) {
		begun <- struct{}{}
		return block(ctx, c)
	}, "ok": returns("1")}, nil)
	running := b.send("wait", nil)
	<-begun
	b.send("wait", nil)
	<-begun
	waiting := b.send("ok", nil)
	b.eventually("it to wait", func() bool { _, ok := b.Request(waiting); return ok })
	eta := time.Now().Add(50 * time.Millisecond)
	later := b.send("ok", func(t *celery.Task) { t.ETA = &eta })
	b.Worker.Revoke(t.Context(), waiting, later, "to-come")
	term, err := ParseSignal("SIGTERM")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Terminate(term, running, "nosuch"); len(got) != 1 || got[0] != running {
		t.Errorf("terminated %v", got)
	}
	if r := b.endsSoon(running, "REVOKED"); r.Exception.Error() != "TaskRevokedError: terminated" {
		t.Errorf("running: %+v", r.Exception)
	}
	b.endsSoon(later, "REVOKED")
	b.Worker.Revoked.AddStamps(map[string][]string{"mon": {"v1"}})
	stamped := func(value any) string {
		return b.send("ok", func(t *celery.Task) { t.StampedHeaders, t.Stamps = []string{"mon"}, map[string]any{"mon": value} })
	}
	b.endsSoon(stamped("v1"), "REVOKED")
	b.endsSoon(stamped([]any{"v0", "v1"}), "REVOKED")
	b.endsSoon(stamped("v2"), "SUCCESS")
	if r := b.endsSoon(waiting, "REVOKED"); r.Exception.Error() != "TaskRevokedError: revoked" {
		t.Errorf("waiting: %+v", r.Exception)
	}
	b.now(errors.New("over"))
}

func TestTasksRevokedByTheirStampsAloneAreReceivedFirst(t *testing.T) {
	feed := event.NewFeed()
	events := feed.Subscribe(100)
	defer events.Close()
	b := start(t, Config{Feed: feed}, map[string]body{"ok": returns("1")}, nil)
	b.Worker.Revoked.AddStamps(map[string][]string{"mon": {"v1"}})
	send := func(change func(*celery.Task)) string {
		return b.send("ok", func(t *celery.Task) {
			t.StampedHeaders, t.Stamps = []string{"mon"}, map[string]any{"mon": "v1"}
			if change != nil {
				change(t)
			}
		})
	}
	in := func(d time.Duration) *time.Time { return ptr(time.Now().Add(d)) }
	later := send(func(t *celery.Task) { t.ETA = in(time.Hour) })
	b.eventually("it to wait for its time", func() bool { info, ok := b.Request(later); return ok && info.Stage == StageScheduled })
	for _, c := range []struct {
		change func(*celery.Task)
		want   []event.Type
	}{
		{nil, []event.Type{event.TypeReceived, event.TypeRevoked}},
		{func(t *celery.Task) { t.Expires = in(time.Hour) }, []event.Type{event.TypeRevoked}},
	} {
		id := send(c.change)
		b.endsSoon(id, "REVOKED")
		var got []event.Type
		for len(got) < len(c.want) {
			if e := <-events.Events(); e.Task.ID == id {
				got = append(got, e.Type)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

// endsSoon is ends without a look at other messages.
func (b *bench) endsSoon(id string, want ...string) celery.Result {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%s to be %v", id, want), func() bool {
		states, _ := b.store.of(id)
		return strings.Join(states, " ") == strings.Join(want, " ")
	})
	_, last := b.store.of(id)
	return last
}

func TestRevocationsAreBoundedAndForgotten(t *testing.T) {
	var v Revoked
	v.Merge([]Revocation{{"old", time.Now().Add(-4 * time.Hour)}, {"new", time.Now()}})
	if v.Drops(&celery.Task{ID: "old"}) || !v.Drops(&celery.Task{ID: "new"}) {
		t.Error("an old revocation counts, or a new one does not")
	}
	many := make([]Revocation, maxRevoked+1)
	for i := range many {
		many[i] = Revocation{fmt.Sprint(i), time.Now().Add(time.Duration(i-len(many)) * time.Millisecond)}
	}
	v.Merge(many)
	list := v.List()
	if len(list) > maxRevoked || !v.Drops(&celery.Task{ID: "new"}) || v.Drops(&celery.Task{ID: "0"}) {
		t.Errorf("%d are kept, the last is %s", len(list), list[len(list)-1].ID)
	}
}

// reader is a store that can be asked.
type reader struct{ *store }

func (r reader) Get(_ context.Context, id string) (celery.Result, bool, error) {
	states, last := r.of(id)
	return last, len(states) > 0, nil
}

var _ result.Reader = reader{}

func TestRedeliveredSuccessesDoNotRunAgain(t *testing.T) {
	runs := atomic.Int64{}
	b := start(t, Config{AcksLate: true, Deduplicate: true, TrackStarted: false}, map[string]body{"ok": func(context.Context, Call) (json.RawMessage, error) {
		if runs.Add(1); runs.Load() > 1 {
			return nil, errors.New("ran again")
		}
		return json.RawMessage("1"), nil
	}}, nil)
	b.Worker.Config.Store = reader{b.store}
	id := b.send("ok", nil)
	b.ends(id, "SUCCESS")
	task, err := celery.NewTask(id, "ok", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	task.Redelivered = true
	if _, ok := b.succeededBefore(t.Context(), &request{task: task}, settings{acksLate: true}); ok {
		t.Error("a message that is not redelivered is taken for one")
	}
	again := newRequest(broker.Delivery{Redelivered: true}, task)
	before, ok := b.succeededBefore(t.Context(), again, settings{acksLate: true})
	if !ok || string(before.Value) != "1" {
		t.Errorf("got %+v, %v", before, ok)
	}
	if _, ok := b.succeededBefore(t.Context(), again, settings{}); ok {
		t.Error("early acks are never repeated, but one was looked up")
	}
}

func TestPoolGrowsAndShrinks(t *testing.T) {
	begun := make(chan struct{}, 10)
	release := make(chan struct{})
	b := start(t, Config{Concurrency: 2, PrefetchMultiplier: 2}, map[string]body{"wait": func(context.Context, Call) (json.RawMessage, error) {
		begun <- struct{}{}
		<-release
		return nil, nil
	}}, nil)
	b.Grow(1)
	for range 3 {
		b.send("wait", nil)
	}
	for range 3 {
		<-begun
	}
	if err := b.Shrink(1); !errors.Is(err, ErrBusy) {
		t.Errorf("a busy pool shrank: %v", err)
	}
	close(release)
	b.eventually("rest", func() bool { return b.Stats().Done == 3 })
	if err := b.Shrink(2); err != nil || b.Slots() != 1 || b.PrefetchCount() != 2 {
		t.Errorf("%v, %d slots, prefetch %d", err, b.Slots(), b.PrefetchCount())
	}
	if err := b.Shrink(1); err == nil {
		t.Error("the last slot went")
	}
	b.ends(b.send("wait", nil), "SUCCESS")
}

func TestExtendedResults(t *testing.T) {
	b := start(t, Config{ResultExtended: true, Hostname: "w@h"}, map[string]body{"ok": returns("1")}, nil)
	r := b.ends(b.send("ok", func(t *celery.Task) {
		t.Args, t.StampedHeaders, t.Stamps = []json.RawMessage{json.RawMessage("1")}, []string{"on"}, map[string]any{"on": "m"}
	}), "SUCCESS")
	want := `{"name": "ok", "args": [1], "kwargs": {}, "worker": "w@h", "retries": 0, "queue": "celery", "stamped_headers": ["on"], "on": "m"}`
	if got := string(r.Extra.Append(nil)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
