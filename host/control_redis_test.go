package host

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestRemoteControlOverRedis asks and changes a worker whose broker is Redis,
// with Celery's client and with this one's.
func TestRemoteControlOverRedis(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.Broker, c.ResultBackend = proctest.Redis(t), proctest.Redis(t) })
	hosttest.Eventually(t, w.heard.Connected)
	node := w.Host.cfg.Hostname
	celery := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), proctest.Python(t), append([]string{"-m", "celery"}, args...)...)
		cmd.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker)
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("celery %v: %v\n%s%s", args, err, out.String(), stderr.String())
		}
		return out.String()
	}
	var pong map[string]map[string]string
	if err := json.Unmarshal([]byte(celery("inspect", "ping", "-d", node, "-t", "5", "--json")), &pong); err != nil || pong[node]["ok"] != "pong" {
		t.Errorf("ping: %v, %v", pong, err)
	}
	celery("control", "add_consumer", w.queue+".more", "-d", node, "-t", "5")
	hosttest.Eventually(t, func() bool {
		replies, err := Broadcast(t.Context(), w.cfg, control.Broadcast{Method: "active_queues", Destination: []string{node}, Timeout: 5 * time.Second})
		return err == nil && len(replies) == 1 && bytes.Contains(replies[0].Value, []byte(w.queue+".more"))
	})
	if got := w.python(call{name: "test.add", args: []any{1, 2}, options: map[string]any{"queue": w.queue + ".more"}}); string(got[0].OK) != "3" {
		t.Errorf("a task of the new queue: %s", got[0])
	}
	celery("control", "cancel_consumer", w.queue+".more", "-d", node, "-t", "5")
	if got := w.python(call{name: "test.flaky", args: []any{2}}); string(got[0].OK) != "2" {
		t.Errorf("retries over Redis: %s", got[0])
	}
}

// TestMingleTellsWhatIsRevoked starts a second worker beside the first.
func TestMingleTellsWhatIsRevoked(t *testing.T) {
	t.Parallel()
	first := serve(t, func(c *Config) { c.Hostname = "first@" + proctest.Name(t) })
	hosttest.Eventually(t, func() bool { return first.heard.Connected() })
	first.revoked.Add("revoked-there")
	first.events.Clock().Adjust(5000)
	second := serve(t, func(c *Config) { c.Mingle, c.Hostname = nil, "second@"+proctest.Name(t) })
	hosttest.Eventually(t, func() bool {
		for _, r := range second.revoked.List() {
			if r.ID == "revoked-there" {
				return second.events.Clock().Value() > 5000
			}
		}
		return false
	})
}

// TestCommandsCanBeSwitchedOff refuses what the configuration says.
func TestCommandsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.DisabledCommands = []string{"shutdown"} })
	hosttest.Eventually(t, w.heard.Connected)
	replies, err := Broadcast(t.Context(), w.cfg, control.Broadcast{Method: "shutdown", Destination: []string{w.Host.cfg.Hostname}, Timeout: 5 * time.Second})
	if err != nil || len(replies) != 1 || !bytes.Contains(replies[0].Value, []byte("switched off")) {
		t.Errorf("%v, %v", replies, err)
	}
	cfg := w.cfg
	cfg.DisabledCommands = []string{"nosuch"}
	if h, err := Open(t.Context(), cfg); err == nil {
		t.Error("an unknown command can be switched off")
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDrainingWorkerAnswers asks a worker that has been told to stop.
func TestDrainingWorkerAnswers(t *testing.T) {
	t.Parallel()
	w := serve(t, func(*Config) {})
	hosttest.Eventually(t, w.heard.Connected)
	wait := w.pythonStart(call{name: "test.spin", args: []any{4}})
	hosttest.Eventually(t, func() bool { return w.Host.worker.Stats().Active == 1 })
	w.stop()
	time.Sleep(300 * time.Millisecond)
	replies, err := Broadcast(t.Context(), w.cfg, control.Broadcast{Method: "active", Destination: []string{w.Host.cfg.Hostname}, Timeout: 3 * time.Second})
	if err != nil || len(replies) != 1 || !bytes.Contains(replies[0].Value, []byte("test.spin")) {
		t.Errorf("%v, %v", replies, err)
	}
	if got, err := wait(); err != nil || string(got[0].OK) != `"spun"` {
		t.Errorf("%v, %v", got, err)
	}
}

// TestRemoteControlOutlivesItsBroker asks again after the broker was killed.
func TestRemoteControlOutlivesItsBroker(t *testing.T) {
	t.Parallel()
	rabbit := proctest.StartRabbitMQ(t)
	w := serve(t, func(c *Config) { c.Broker = rabbit.URL() })
	ping := func() bool {
		replies, err := Broadcast(t.Context(), w.cfg, control.Broadcast{Method: "ping", Destination: []string{w.Host.cfg.Hostname}, Timeout: 2 * time.Second})
		return err == nil && len(replies) == 1
	}
	hosttest.Eventually(t, ping)
	rabbit.Kill()
	rabbit.Restart(t)
	hosttest.Eventually(t, ping)
}
