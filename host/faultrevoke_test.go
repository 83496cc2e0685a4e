package host

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestFaultsTaskRevokedInMidQuery has Python's "celery control terminate" end
// tasks whose query is under way. In the tests, interrupt_test.go does as much by
// a time limit.
func TestFaultsTaskRevokedInMidQuery(t *testing.T) {
	beside(t)
	if times(0, 1) == 0 {
		return
	}
	for _, spec := range []string{"sail", "local[2]"} {
		t.Run(spec, func(t *testing.T) {
			w := serve(t, func(c *Config) { c.Spark = spec })
			answers := func() bool {
				got := w.python(call{name: "test.hashes", args: []any{1000}})[0]
				return string(got.OK) == "0"
			}
			if !answers() {
				t.Fatal("test.hashes has another answer than 0")
			}
			hosttest.Eventually(t, w.heard.Connected)
			pid := w.enginePID()
			busy := func() bool {
				before := cpu(t, pid)
				time.Sleep(100 * time.Millisecond)
				return cpu(t, pid)-before >= 30*time.Millisecond
			}
			f := fault{what: "task revoked (celery control terminate) in mid-query", engine: spec, times: 10, repeated: "nothing"}
			for n := range f.times {
				hosttest.Eventually(t, func() bool { return !busy() }) // what came before is over
				id := uuid.NewString()
				wait := w.pythonStart(call{name: "test.slow_query", options: map[string]any{"task_id": id}})
				hosttest.Eventually(t, func() bool { return w.worker.Stats().Active == 1 && busy() })
				cmd := exec.CommandContext(t.Context(), proctest.Python(t), "-m", "celery", "control", "-d", w.Host.cfg.Hostname, "-t", "10", "terminate", "TERM", id)
				cmd.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker)
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				hosttest.Eventually(t, func() bool { return w.worker.Stats().Active == 0 })
				ended, idle := time.Now(), false
				for !idle && time.Since(ended) < 10*time.Second {
					idle = !busy()
				}
				f.recovery = append(f.recovery, max(0, time.Since(ended)-100*time.Millisecond))
				if err := cmd.Wait(); err != nil {
					t.Fatalf("celery control: %v: %s", err, out.String())
				}
				got, err := wait()
				if err != nil {
					t.Fatal(err)
				}
				if got[0].Type != "TaskRevokedError" || !idle || !answers() {
					t.Logf("revocation %d: the task ended as %s, idle %t", n, got[0], idle)
					f.lost++
				}
			}
			if most := slices.Max(f.recovery); most > 2*time.Second {
				t.Errorf("the engine was busy for %v after the task's end", most)
			}
			f.note = "from the task's end until the engine's CPU is idle; the client has TaskRevokedError, the next task is answered"
			f.write(t)
		})
	}
}
