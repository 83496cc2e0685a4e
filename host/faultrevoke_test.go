package host

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestFaultsTaskEndedInMidQuery has tasks end whose query is under way: by
// Python's "celery control terminate", by a time limit, and by a failure of their
// own. In the tests, interrupt_test.go does as much once.
func TestFaultsTaskEndedInMidQuery(t *testing.T) {
	beside(t)
	if times(0, 1) == 0 {
		return
	}
	for _, spec := range []string{"sail", "local[2]"} {
		t.Run(spec, func(t *testing.T) {
			sent := &plans{}
			w := serve(t, func(c *Config) { c.Spark, c.Log = spec, slog.New(sent) })
			if !w.answersQueries() {
				t.Fatal("test.hashes has another answer than 0")
			}
			hosttest.Eventually(t, w.heard.Connected)
			pid := w.enginePID()
			busy := func() bool {
				before := cpu(t, pid)
				time.Sleep(100 * time.Millisecond)
				return cpu(t, pid)-before >= 30*time.Millisecond
			}
			for _, c := range []struct {
				what, task, class string
				options           map[string]any
				end               func(t *testing.T, id string) // nil if the task ends by itself
			}{
				{"task revoked (celery control terminate) in mid-query", "test.slow_query", "TaskRevokedError", nil, w.terminateByCelery},
				{"time limit of 2 s in mid-query", "test.slow_query", "TimeLimitExceeded", map[string]any{"time_limit": 2}, nil},
				{"task that fails amid a query's rows", "test.abort", "ValueError", nil, nil},
			} {
				f := fault{what: c.what, engine: spec, times: times(1, 10)}
				var ids []string
				for n := range f.times {
					hosttest.Eventually(t, func() bool { return !busy() }) // what came before is over
					id := uuid.NewString()
					options := map[string]any{"task_id": id}
					maps.Copy(options, c.options)
					ids = append(ids, id)
					var got []outcome
					var err error
					wait, over := w.pythonStart(call{name: c.task, options: options}), make(chan struct{})
					go func() {
						defer close(over)
						got, err = wait()
					}()
					ran := func() bool {
						select {
						case <-over:
							return true
						default:
							return w.worker.Stats().Active == 1
						}
					}
					hosttest.Eventually(t, ran)
					if c.end != nil {
						hosttest.Eventually(t, busy)
						c.end(t, id)
					}
					hosttest.Eventually(t, func() bool { return w.worker.Stats().Active == 0 })
					ended, idle := time.Now(), false
					for !idle && time.Since(ended) < 10*time.Second {
						idle = !busy()
					}
					f.recovery = append(f.recovery, max(0, time.Since(ended)-100*time.Millisecond))
					if <-over; err != nil {
						t.Fatal(err)
					}
					if got[0].Type != c.class || !idle || !w.answersQueries() {
						t.Logf("end %d: the task ended as %s, idle %t", n, got[0], idle)
						f.lost++
					}
				}
				if most := slices.Max(f.recovery); most > 2*time.Second {
					t.Errorf("%s: the engine was busy for %v after the task's end", c.what, most)
				}
				f.repeated = sent.repeated(len(ids), ids...)
				f.note = "from the task's end until the engine's CPU is idle; the client has " + c.class + ", the next task is answered"
				f.write(t)
			}
		})
	}
}

// answersQueries reports whether the host's Spark answers a small query.
func (w *world) answersQueries() bool {
	got := w.python(call{name: "test.hashes", args: []any{1000}})[0]
	return string(got.OK) == "0"
}

// terminateByCelery has Python's own command line terminate a task.
func (w *world) terminateByCelery(t *testing.T, id string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), proctest.Python(t), "-m", "celery", "control", "-d", w.Host.cfg.Hostname, "-t", "10", "terminate", "TERM", id)
	cmd.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("celery control: %v: %s", err, out.String())
		}
	})
}
