package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestRemoteControlIsPythons runs every command of Celery's client against this
// worker and against Python's, and compares what comes.
func TestRemoteControlIsPythons(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.ResultBackend = proctest.Redis(t) })
	pyQueue := w.queue + ".py"
	env := append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker, "CELERY_RESULT_BACKEND="+w.cfg.ResultBackend, "GO_QUEUE="+w.queue, "PY_QUEUE="+pyQueue)
	log := pythonWorker(t, env, "canvas", pyQueue, "w@"+pyQueue, "-c", "2", "-l", "warning", "--without-mingle", "--without-gossip")
	run := func(node, queue, prefix string) func() map[string]json.RawMessage {
		cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/control.py")
		cmd.Env = append(env, "NODE="+node, "QUEUE="+queue, "PREFIX="+prefix)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func() map[string]json.RawMessage {
			t.Helper()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("control.py of %s: %v\n%s\n%s", node, err, hosttest.Tail(stderr.String(), 3000), hosttest.Tail(log.String(), 2000))
			}
			var out map[string]json.RawMessage
			if err := json.Unmarshal(bytes.TrimSpace(stdout.Bytes()), &out); err != nil {
				t.Fatalf("%v: %s", err, stdout.String())
			}
			return out
		}
	}
	waitOurs := run(w.Host.cfg.Hostname, w.queue, "test.")
	if err := untilPing(t, env, "w@"+pyQueue); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	both, err := Broadcast(t.Context(), w.cfg, control.Broadcast{
		Method: "ping", Destination: []string{w.Host.cfg.Hostname, "w@" + pyQueue}, Timeout: 10 * time.Second,
	})
	if err != nil || len(both) != 2 || string(both[0].Value) != string(both[1].Value) {
		t.Errorf("this client's ping of both workers: %v, %v", both, err)
	}
	waitTheirs := run("w@"+pyQueue, pyQueue, "py.")
	ours, theirs := waitOurs(), waitTheirs()
	alike := strings.NewReplacer("py.", "test.", pyQueue, w.queue)
	for name, want := range theirs {
		got, ok := ours[name]
		if !ok || string(got) != alike.Replace(string(want)) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	if err := w.wait(); err != nil {
		t.Errorf("shutdown by remote control: %v", err)
	}
}

// untilPing waits until a worker answers.
func untilPing(t *testing.T, env []string, node string) error {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		cmd := exec.CommandContext(t.Context(), proctest.Python(t), "-m", "celery", "inspect", "ping", "-d", node, "-t", "1")
		cmd.Env = env
		if cmd.Run() == nil {
			return nil
		}
	}
	return errors.New("Python's worker does not answer")
}
