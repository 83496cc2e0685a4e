package host

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestRedisServesAsBroker(t *testing.T) {
	t.Parallel()
	for name, backend := range map[string]func(t testing.TB) string{
		"rpc": func(testing.TB) string { return "rpc://" }, "redis": proctest.Redis,
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(c *Config) { c.Broker, c.ResultBackend = proctest.Redis(t), backend(t) })
			var calls []call
			for n := range 300 {
				calls = append(calls, call{name: "demo.simple_sum", args: []any{n}}, call{name: "test.fail", args: []any{"KeyError", fmt.Sprint(n)}},
					call{name: "test.nosuch"}, call{name: "test.echo", args: []any{n}, options: map[string]any{"priority": n % 10, "countdown": 0.1}})
			}
			for i, o := range w.python(calls...) {
				n := i / 4
				want := []string{fmt.Sprint(n * (n - 1) / 2), "KeyError", "NotRegistered", fmt.Sprint(n)}[i%4]
				if o.Type != want && string(o.OK) != want {
					t.Fatalf("call %d, %s: got %s, want %s", i, calls[i].name, o, want)
				}
			}
			value, err := Call(t.Context(), w.cfg, "demo.simple_sum", []json.RawMessage{json.RawMessage("5")}, nil)
			if err != nil || string(value) != "10" {
				t.Errorf("Call: %s, %v", value, err)
			}
		})
	}
}

func TestRedisBrokerKilledUnderLoadLosesNoLateAckedTask(t *testing.T) {
	t.Parallel()
	const tasks = 600
	server := proctest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	w := serve(t, func(c *Config) {
		c.Broker, c.Concurrency, c.AcksLate, c.ResultBackend = server.URL(), 4, true, proctest.Redis(t)
	})
	var calls []call
	for n := range tasks {
		calls = append(calls, call{name: "demo.simple_sum", args: []any{n}})
	}
	wait := w.pythonStart(calls...)
	hosttest.Eventually(t, func() bool { return w.worker.Stats().Done > tasks/10 })
	server.Kill()
	hosttest.Eventually(t, func() bool { return !w.broker.Connected() })
	server.Restart(t)
	hosttest.Eventually(t, w.broker.Connected)
	got, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	for n, o := range got {
		if string(o.OK) != fmt.Sprint(n*(n-1)/2) {
			t.Fatalf("task %d: %s", n, o)
		}
	}
}

func TestStopGivesBackToRedis(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) {
		c.Broker, c.ResultBackend, c.Concurrency, c.Grace = proctest.Redis(t), proctest.Redis(t), 1, 20
		c.PrefetchMultiplier = new(int)
		*c.PrefetchMultiplier = 8
	})
	calls := []call{{name: "test.spin", args: []any{2}}}
	for n := range 6 {
		calls = append(calls, call{name: "test.echo", args: []any{n}})
	}
	wait := w.pythonStart(calls...)
	hosttest.Eventually(t, func() bool { s := w.worker.Stats(); return s.Active == 1 && s.Waiting == 6 })
	w.stop()
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	if n := w.worker.Stats().Done; n != 1 {
		t.Errorf("%d tasks ended, want the one that ran", n)
	}
	w.start()
	got, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got[1:] {
		if string(o.OK) != fmt.Sprint(i) {
			t.Errorf("call %d: %s", i+1, o)
		}
	}
}
