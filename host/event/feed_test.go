package event_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

var task = &celery.Task{ID: "the-id", Name: "demo.sum", ArgsRepr: "(1,)", KwargsRepr: "{}", RootID: "the-id"}

func TestFeedReachesEverySubscription(t *testing.T) {
	f := event.NewFeed()
	f.Emit(event.Started(task)) // to nobody
	a, b := f.Subscribe(2), f.Subscribe(2)
	defer b.Close()
	f.Emit(event.Received(task))
	a.Close()
	f.Emit(event.Succeeded(task, json.RawMessage("1"), 0))
	if e := <-a.Events(); e.Type != event.TypeReceived || e.Task != task || e.At.IsZero() {
		t.Errorf("%+v", e)
	}
	select {
	case e := <-a.Events():
		t.Errorf("%+v after Close", e)
	default:
	}
	if first, second := <-b.Events(), <-b.Events(); first.Type != event.TypeReceived || second.Type != event.TypeSucceeded {
		t.Errorf("%+v, %+v", first, second)
	}
}

func TestFeedDropsInsteadOfWaiting(t *testing.T) {
	f := event.NewFeed()
	slow, fast := f.Subscribe(1), f.Subscribe(3)
	defer slow.Close()
	defer fast.Close()
	for range 3 {
		f.Emit(event.Started(task))
	}
	if slow.Dropped() != 2 || fast.Dropped() != 0 || len(fast.Events()) != 3 {
		t.Errorf("dropped %d and %d", slow.Dropped(), fast.Dropped())
	}
}

func TestFeedMayBeUsedByAll(t *testing.T) {
	f := event.NewFeed()
	counted := f.Subscribe(4 * 500)
	defer counted.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				f.Emit(event.Started(task))
			}
		})
		wg.Go(func() {
			for range 100 {
				f.Subscribe(1).Close()
			}
		})
	}
	wg.Wait()
	if n := len(counted.Events()); n != 2000 || counted.Dropped() != 0 {
		t.Errorf("%d events, %d dropped", n, counted.Dropped())
	}
}

func BenchmarkEmit(b *testing.B) {
	f := event.NewFeed()
	s := f.Subscribe(1)
	defer s.Close()
	for b.Loop() {
		f.Emit(event.Started(task))
	}
}
