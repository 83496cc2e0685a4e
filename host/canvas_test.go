package host

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// TestCanvasesThroughBothWorkers sends canvases whose tasks are Python's,
// sparkstalk's, and of both by turns: all must end alike.
func TestCanvasesThroughBothWorkers(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) {
		c.ResultBackend, c.Concurrency = proctest.Redis(t), 4
		c.TaskRoutes = map[string]worker.Route{"py.*": {Queue: c.Queues[0] + ".py"}, "test.*": {Queue: c.Queues[0]}}
	})
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/canvas.py")
	cmd.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker, "CELERY_RESULT_BACKEND="+w.cfg.ResultBackend,
		"GO_QUEUE="+w.queue, "PY_QUEUE="+w.queue+".py")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("canvas.py: %v\n%s", err, hosttest.Tail(stderr.String(), 4000))
	}
	var results map[string]map[string]json.RawMessage
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for scenario, ends := range results {
		t.Logf("%s: %s", scenario, ends["py"])
		for kind, end := range ends {
			if string(end) != string(ends["py"]) {
				t.Errorf("%s: %s ended %s, with Python's worker alone %s", scenario, kind, end, ends["py"])
			}
		}
	}
	if t.Failed() {
		t.Logf("Python's log:\n%s", hosttest.Tail(stderr.String(), 6000))
	}
}
