package hostfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// states collects what a call's client sees.
type states struct {
	seen  []string
	delay time.Duration
}

func (s *states) store(ctx context.Context, state string, meta json.RawMessage) error {
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var p SparkProgress
	if err := json.Unmarshal(meta, &p); err != nil {
		return err
	}
	s.seen = append(s.seen, fmt.Sprintf("%s %d/%d", state, p.Current, p.Total))
	return nil
}

// reporting returns an invocation whose counts report n times, 100 ms apart,
// and then take some time.
func reporting(t *testing.T, cfg Config, s *states, n int64, rest time.Duration) (*Invocation, abi.Frame) {
	engine := &session{count: func(_ context.Context, _ *spark.DataFrame, opt spark.Options) (int64, error) {
		time.Sleep(50 * time.Millisecond) // off the beat of the states
		for done := range n {
			if opt.Progress != nil {
				opt.Progress(spark.Progress{Stages: 1, Tasks: n, Done: done + 1})
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(rest)
		return n, nil
	}}
	task := Task{}
	if s != nil {
		task.State = s.store
	}
	i := openTask(t.Context(), engine, cfg, task)
	return i, i.FrameRange(0, 1, 1, 0)
}

func TestSparksProgressIsTheCallsState(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   Config
		delay time.Duration
		n     int64
		want  string
	}{
		"once a second":                          {Config{}, 0, 25, "[PROGRESS 10/25 PROGRESS 20/25 PROGRESS 25/25]"},
		"as often as said":                       {Config{ProgressEvery: 2 * time.Second}, 0, 25, "[PROGRESS 20/25 PROGRESS 25/25]"},
		"never":                                  {Config{ProgressEvery: -1}, 0, 25, "[]"},
		"a short call is not worth a state":      {Config{ProgressEvery: time.Minute}, 0, 5, "[]"},
		"a slow backend does not hold up Spark":  {Config{}, 1500 * time.Millisecond, 25, "[PROGRESS 10/25 PROGRESS 25/25]"},
		"nothing is stored after the call ended": {Config{}, time.Hour, 25, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &states{delay: c.delay}
				i, frame := reporting(t, c.cfg, s, c.n, 3*time.Second)
				start := time.Now()
				if err := actionError(i, frame); err != nil {
					t.Fatal(err)
				}
				i.Close()
				if took := time.Since(start); took != time.Duration(c.n)*100*time.Millisecond+3050*time.Millisecond {
					t.Errorf("the query took %v", took)
				}
				seen := len(s.seen)
				time.Sleep(2 * time.Hour)
				if got := fmt.Sprint(s.seen); got != c.want || len(s.seen) != seen {
					t.Errorf("got %s, want %s; %d after the end", got, c.want, len(s.seen)-seen)
				}
			})
		})
	}
}

func TestATaskThatReportsItselfIsNotTalkedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &states{}
		i, frame := reporting(t, Config{}, s, 15, time.Second)
		if err := actionError(i, frame); err != nil {
			t.Fatal(err)
		}
		if err := i.TaskState("MINE", []byte(`{"current": 1, "total": 2}`)); err != nil {
			t.Fatal(err)
		}
		if err := actionError(i, frame); err != nil {
			t.Fatal(err)
		}
		i.Close()
		if got := fmt.Sprint(s.seen); got != "[PROGRESS 10/15 PROGRESS 15/15 MINE 1/2]" {
			t.Errorf("got %s", got)
		}
	})
}

func TestProgressThatCannotBeStoredFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		engine := &session{count: func(_ context.Context, _ *spark.DataFrame, opt spark.Options) (int64, error) {
			opt.Progress(spark.Progress{Stages: 1, Tasks: 2})
			time.Sleep(5 * time.Second)
			return 1, nil
		}}
		i := openTask(t.Context(), engine, Config{}, Task{State: func(context.Context, string, json.RawMessage) error {
			calls++
			return errors.New("no backend")
		}})
		err := actionError(i, i.FrameRange(0, 1, 1, 0))
		i.Close() // and with it the goroutine that counts
		if err != nil || calls != 1 {
			t.Errorf("got %v after %d calls", err, calls)
		}
	})
}
