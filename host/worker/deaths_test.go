package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/deathlog"
)

func deaths(t *testing.T) *deathlog.Log {
	t.Helper()
	l, err := deathlog.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// A task whose module dies each time and is to run again does not do so for ever.
func TestATaskThatDiesEachTimeIsGivenUp(t *testing.T) {
	log := deaths(t)
	runs := atomic.Int64{}
	b := start(t, Config{AcksLate: true, RejectOnWorkerLost: true, Deaths: log, LostLimit: 2}, map[string]body{
		"poison": func(context.Context, Call) (json.RawMessage, error) {
			runs.Add(1)
			return nil, fmt.Errorf("child: %w", ErrLost)
		},
		"once": func(_ context.Context, c Call) (json.RawMessage, error) {
			if !c.Redelivered {
				return nil, ErrLost
			}
			return json.RawMessage("1"), nil
		},
	}, nil)
	id := b.send("poison", nil)
	r := b.ends(id, "FAILURE")
	if r.Exception.Type != "WorkerLostError" || !strings.Contains(r.Exception.Error(), "worker_lost_limit (now 2)") || runs.Load() != 2 {
		t.Errorf("after %d runs: %+v", runs.Load(), r.Exception)
	}
	once := b.send("once", nil)
	b.ends(once, "SUCCESS")
	b.eventually("both to be forgotten", func() bool { return log.Deaths(id) == 0 && log.Deaths(once) == 0 })
	if n := b.server.Ready("celery") + b.server.Unsettled("celery"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

// What ran when a worker died runs alone, so that a neighbour is not blamed again;
// what has had its deaths does not run at all.
func TestSuspectsRunOneAtATime(t *testing.T) {
	log := deaths(t)
	var now, most, ran atomic.Int64
	b := start(t, Config{AcksLate: true, Deaths: log, Concurrency: 4}, map[string]body{"a": func(context.Context, Call) (json.RawMessage, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		ran.Add(1)
		return json.RawMessage("1"), nil
	}}, nil)
	for i := range 20 {
		id := fmt.Sprint("suspect-", i)
		if _, err := log.Add(id); err != nil {
			t.Fatal(err)
		}
		b.send("a", withID(id))
	}
	b.eventually("all to end", func() bool { return b.Stats().Done == 20 })
	if most.Load() != 1 {
		t.Errorf("%d ran at once", most.Load())
	}
	for range 3 {
		if _, err := log.Add("poison"); err != nil {
			t.Fatal(err)
		}
	}
	b.send("a", withID("poison"))
	if r := b.ends("poison", "FAILURE"); r.Exception.Type != "WorkerLostError" || ran.Load() != 20 {
		t.Errorf("%d ran, %+v", ran.Load(), r.Exception)
	}
	// Early-acked tasks do not come again.
	early := start(t, Config{Deaths: log}, map[string]body{"a": returns("1")}, map[string]abi.TaskOptions{"a": {AcksLate: ptr(false)}})
	for range 3 {
		if _, err := log.Add("early"); err != nil {
			t.Fatal(err)
		}
	}
	early.send("a", withID("early"))
	early.ends("early", "SUCCESS")
}

func withID(id string) func(*celery.Task) { return func(t *celery.Task) { t.ID = id } }
