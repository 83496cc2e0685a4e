package resulttest_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	resulttest.Run(t, func(*testing.T) resulttest.Backend {
		m := resulttest.NewMemory()
		return resulttest.Backend{
			Store: m, Keeps: true,
			Read: func(_ *testing.T, id string) []byte {
				states := m.States(id)
				return states[len(states)-1].Encode()
			},
			Away: func(*testing.T) func() { m.SetAway(true); return func() { m.SetAway(false) } },
		}
	})
}

func TestWaitReturnsTheFinalState(t *testing.T) {
	m, task := resulttest.NewMemory(), &celery.Task{ID: "i"}
	ended := make(chan celery.Result)
	go func() {
		r, err := m.Wait(t.Context(), "i")
		if err != nil {
			t.Error(err)
		}
		ended <- r
	}()
	for _, r := range []celery.Result{celery.Started(task, 1, "h"), celery.Success(task, nil)} {
		if err := m.Store(t.Context(), r, result.Reply{}); err != nil {
			t.Fatal(err)
		}
	}
	if r := <-ended; r.State != celery.StateSuccess || m.Len() != 1 {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Wait(ctx, "other"); err == nil {
		t.Error("a state of a task that has none")
	}
}

func TestDisabledStoresNothing(t *testing.T) {
	var s result.Store = result.Disabled{}
	if err := s.Store(t.Context(), celery.Result{}, result.Reply{}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
