package host

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	pycelery "github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestPythonWorkersAreContentBesideUs starts Python's worker beside this one:
// each takes over what the other knows, its log has no complaint, and Celery's
// commands see both.
func TestPythonWorkersAreContentBesideUs(t *testing.T) {
	t.Parallel()
	for name, url := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, func(c *Config) { c.Broker, c.ResultBackend, c.Mingle = url(t), proctest.Redis(t), nil })
			hosttest.Eventually(t, w.heard.Connected)
			node, pyQueue, pyNode := w.Host.cfg.Hostname, w.queue+".py", "w@"+w.queue
			env := append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker, "CELERY_RESULT_BACKEND="+w.cfg.ResultBackend, "PY_QUEUE="+pyQueue)
			celery := func(args ...string) string {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), proctest.Python(t), append([]string{"-m", "celery"}, args...)...)
				cmd.Env = env
				var out, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &stderr
				if err := cmd.Run(); err != nil {
					t.Fatalf("celery %v: %v\n%s%s", args, err, out.String(), hosttest.Tail(stderr.String(), 2000))
				}
				return out.String()
			}
			w.revoked.Add("revoked-here")
			w.events.Clock().Adjust(7_000_000)
			log := pythonWorker(t, env, "events", pyQueue, pyNode, "-c", "1", "-l", "debug")
			if err := untilPing(t, env, pyNode); err != nil {
				t.Fatalf("%v\n%s", err, hosttest.Tail(log.String(), 4000))
			}
			// What we told it by the reply to its hello.
			if got := celery("inspect", "revoked", "-d", pyNode, "-t", "10"); !strings.Contains(got, "revoked-here") {
				t.Errorf("Python's worker did not take over what is revoked: %s", got)
			}
			clock := regexp.MustCompile(`'clock': (\d+)|"clock": (\d+)`)
			if got := clock.FindStringSubmatch(celery("inspect", "clock", "-d", pyNode, "-t", "10")); got == nil || len(got[1]+got[2]) < 7 {
				t.Errorf("Python's clock is %v", got)
			}
			hosttest.Eventually(t, func() bool { return strings.Contains(log.String(), node+" joined the party") })
			hosttest.Eventually(t, func() bool { return w.gossip.Peers() > 0 && strings.Contains(w.log.String(), pyNode) })
			before := w.events.Clock().Value()
			if got := celery("status", "-t", "3"); !strings.Contains(got, node+": OK") || !strings.Contains(got, pyNode+": OK") {
				t.Errorf("celery status: %s", got)
			}
			if w.events.Clock().Value() <= before {
				t.Error("the clock stands still")
			}

			// Python's worker answers our client as it answers Celery's.
			text := func(s string) json.RawMessage { return pycelery.Quote(s) }
			for _, c := range []struct {
				method    string
				arguments pycelery.Object
				want      string
			}{
				{"stats", nil, "celery.concurrency.prefork"}, {"active_queues", nil, pyQueue}, {"registered", nil, "py.add"},
				{"rate_limit", pycelery.Object{{Key: "task_name", Value: text("py.add")}, {Key: "rate_limit", Value: text("10/m")}}, "new rate limit set successfully"},
				{"registered", nil, "py.add [rate_limit=10/m]"},
				{"revoke", pycelery.Object{{Key: "task_id", Value: text("revoked-there")}}, "flagged as revoked"}, {"revoked", nil, "revoked-there"},
			} {
				replies, err := Broadcast(t.Context(), w.cfg, control.Broadcast{
					Method: c.method, Arguments: c.arguments, Destination: []string{pyNode}, Timeout: 20 * time.Second,
				})
				if err != nil || len(replies) != 1 || !strings.Contains(string(replies[0].Value), c.want) {
					t.Errorf("%s: %v, %v; want %s", c.method, replies, err, c.want)
				}
			}

			// What it tells us by its reply to ours: we start anew.
			dump := exec.CommandContext(t.Context(), proctest.Python(t), "-m", "celery", "events", "--dump")
			dump.Env = env
			seen := &proctest.Output{}
			dump.Stdout, dump.Stderr = seen, seen
			if err := dump.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = dump.Process.Kill()
				_ = dump.Wait() // it was killed
			}()
			hosttest.Eventually(t, func() bool {
				return strings.Contains(seen.String(), node+" [") && strings.Contains(seen.String(), "heartbeat")
			})
			w.stop()
			if err := w.wait(); err != nil {
				t.Fatal(err)
			}
			<-w.ended
			hosttest.Eventually(t, func() bool { return strings.Contains(log.String(), node+" left") })
			w.start()
			hosttest.Eventually(t, func() bool {
				for _, r := range w.revoked.List() {
					if r.ID == "revoked-there" {
						return w.events.Clock().Value() > 7_000_000
					}
				}
				return false
			})
			// While it is known to live.
			time.Sleep(6 * time.Second)
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "ERROR/") || strings.Contains(line, "WARNING/") && !strings.Contains(line, "superuser") ||
					strings.Contains(line, "Traceback") || strings.Contains(line, "missed heartbeat from "+node) {
					t.Errorf("Python's worker complains: %s", line)
				}
			}
			for line := range strings.Lines(w.log.String()) {
				if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
					t.Errorf("ours complains: %s", line)
				}
			}
		})
	}
}

// TestElectionsEndAlike has this worker and Python's elect who sends a task. The
// server is the test's own: every worker of a broker takes part.
//
// Python's worker ends with an IndexError when an acknowledgement of the other's
// reaches it before its own heartbeat did, as on a machine with much to do. Then
// there is another try.
func TestElectionsEndAlike(t *testing.T) {
	t.Parallel()
	for try := 1; !electionsEndAlike(t); try++ {
		if try == 5 {
			t.Fatal("Python's worker ended by itself each time")
		}
	}
}

// electionsEndAlike reports whether Python's worker lived to the end.
func electionsEndAlike(t *testing.T) bool {
	t.Helper()
	url := proctest.StartRedis(t).URL()
	w := serve(t, func(c *Config) { c.Broker, c.ResultBackend = url, url })
	pyQueue, pyNode := w.queue+".py", "w@"+w.queue
	env := append(os.Environ(), "CELERY_BROKER_URL="+url, "CELERY_RESULT_BACKEND="+url, "PY_QUEUE="+pyQueue, "GO_QUEUE="+w.queue)
	log := pythonWorker(t, env, "events", pyQueue, pyNode, "-c", "1", "-l", "debug")
	died := func() bool { return strings.Contains(log.String(), "Unrecoverable error: IndexError") }
	hosttest.Eventually(t, func() bool {
		return w.gossip.Peers() == 1 && strings.Contains(log.String(), w.Host.cfg.Hostname+" joined the party") || died()
	})
	const elections = 3
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "-c", `
import os, time, uuid
from celery import Celery
app = Celery(broker=os.environ["CELERY_BROKER_URL"])
for n in range(3):
    action = app.signature("test.add", (n, 1), queue=os.environ["GO_QUEUE"])
    app.control.broadcast("election", arguments={"id": str(uuid.uuid4()), "topic": "task", "action": dict(action)})
    time.sleep(1)`)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hosttest.Eventually(t, func() bool { return strings.Count(w.log.String(), "elected") == elections || died() })
	hosttest.Eventually(t, func() bool {
		return strings.Count(log.String(), "I won the election")+strings.Count(log.String(), " elected for ") == elections || died()
	})
	time.Sleep(500 * time.Millisecond) // a second sender would be as quick
	if died() {
		return false
	}
	if n := w.Host.worker.Stats().Done; n != elections {
		t.Errorf("%d tasks ran after %d elections", n, elections)
	}
	theirs, ours := strings.Count(log.String(), "I won the election"), strings.Count(w.log.String(), "this worker was elected")
	if theirs+ours != elections {
		t.Errorf("Python won %d and we won %d of %d", theirs, ours, elections)
	}
	return true
}
