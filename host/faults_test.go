package host

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/module"
)

func TestSwapsUnderLoadFailNoCallAndKeepTheCache(t *testing.T) {
	t.Parallel()
	const swaps = 50
	dir := hosttest.Texts(t)
	w := serve(t, func(c *Config) { c.Concurrency = 4 })
	w.python(call{name: "demo.WordCount", args: []any{dir, "a"}})
	session, cached := w.runtime.session.ID(), w.runtime.cache.Entries()

	type report struct {
		Calls  int
		Failed []outcome
		Values map[string]int
	}
	var stopLoad []func() report
	for range 2 {
		cmd := w.client("load", "test.version")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stopLoad = append(stopLoad, func() (r report) {
			if err := stdin.Close(); err != nil {
				t.Error(err)
			}
			out, err := io.ReadAll(stdout)
			if err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if err := json.Unmarshal(out, &r); err != nil {
				t.Errorf("load client: %v in %q", err, out)
			}
			return r
		})
	}
	var slowest time.Duration
	// Two versions by turns: the first swap of each compiles, later ones find
	// the compilation cached, as a deployment and its rollback do.
	versions := []string{hosttest.Build(t, "testdata/tasks", "2"), hosttest.Build(t, "testdata/tasks", "1")}
	for n := range swaps {
		hosttest.Drop(t, versions[n%2], w.plugins, "tasks.wasm")
		landed := time.Now()
		want := []string{"2", "1"}[n%2]
		hosttest.Eventually(t, func() bool { return w.answers("test.version") == want })
		slowest = max(slowest, time.Since(landed))
	}
	calls := 0
	for _, stop := range stopLoad {
		r := stop()
		calls += r.Calls
		for _, o := range r.Failed {
			t.Errorf("a call failed: %s", o)
		}
	}
	t.Logf("%d calls over %d swaps; the slowest swap answered after %v", calls, swaps, slowest)
	if calls < swaps {
		t.Errorf("only %d calls were made over %d swaps", calls, swaps)
	}
	if got := w.runtime.session.ID(); got != session {
		t.Errorf("Spark session changed from %s to %s", session, got)
	}
	version := func() string {
		all := w.runtime.Modules()
		return all[slices.IndexFunc(all, func(m module.Info) bool { return m.Name == "demo" })].Hash
	}
	first := version()
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "2"), w.plugins, "demo.wasm")
	hosttest.Eventually(t, func() bool { return version() != first })
	w.python(call{name: "demo.WordCount", args: []any{dir, "t"}})
	if now := w.runtime.cache.Entries(); len(now) != 1 || now[0].Builds != 1 || now[0].Hash != cached[0].Hash {
		t.Errorf("cache before %+v, after %+v; want the same DataFrame, built once", cached, now)
	}
}

func TestBrokerKilledUnderLoadLosesNoLateAckedTask(t *testing.T) {
	t.Parallel()
	const tasks = 1000
	rabbit := proctest.StartRabbitMQ(t)
	w := serve(t, func(c *Config) {
		c.Broker, c.Concurrency, c.AcksLate = rabbit.URL(), 4, true
		c.ResultBackend = proctest.Redis(t) // rpc's reply queue dies with the client's connection
	})
	var calls []call
	for n := range tasks {
		calls = append(calls, call{name: "demo.simple_sum", args: []any{n}})
	}
	wait := w.pythonStart(calls...)
	hosttest.Eventually(t, func() bool { return w.worker.Stats().Done > tasks/10 })
	rabbit.Flush(t)
	rabbit.Kill()
	hosttest.Eventually(t, func() bool { return !w.broker.Connected() })
	rabbit.Restart(t)
	back := time.Now()
	hosttest.Eventually(t, w.broker.Connected)
	t.Logf("consuming again %v after the broker was back", time.Since(back))
	got, err := wait()
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for n, o := range got {
		if string(o.OK) != fmt.Sprint(n*(n-1)/2) {
			if lost++; lost < 5 {
				t.Errorf("task %d: %s", n, o)
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d tasks lost", lost, tasks)
	}
}
