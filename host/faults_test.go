package host

import (
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestSwapsUnderLoadFailNoCallAndKeepTheCache(t *testing.T) {
	const swaps = 50
	dir := texts(t)
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
	versions := []string{buildModule(t, "testdata/tasks", "2"), buildModule(t, "testdata/tasks", "1")}
	for n := range swaps {
		drop(t, versions[n%2], w.plugins, "tasks.wasm")
		landed := time.Now()
		want := []string{"2", "1"}[n%2]
		eventually(t, 10*time.Second, func() bool { return w.answers("test.version") == want })
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
	if slowest > 2*time.Second && testing.Short() {
		t.Errorf("a new version answered after %v", slowest)
	}
	if got := w.runtime.session.ID(); got != session {
		t.Errorf("Spark session changed from %s to %s", session, got)
	}
	drop(t, buildModule(t, "../plugins/demo", "2"), w.plugins, "demo.wasm")
	w.python(call{name: "demo.WordCount", args: []any{dir, "t"}})
	if now := w.runtime.cache.Entries(); len(now) != 1 || now[0].Builds != 1 || now[0].Hash != cached[0].Hash {
		t.Errorf("cache before %+v, after %+v; want the same DataFrame, built once", cached, now)
	}
}

func TestBrokerKilledUnderLoadLosesNoLateAckedTask(t *testing.T) {
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
	eventually(t, 60*time.Second, func() bool { return w.worker.Stats().Done > tasks/10 })
	rabbit.Flush(t)
	rabbit.Kill()
	eventually(t, 20*time.Second, func() bool { return !w.broker.Connected() })
	rabbit.Restart(t)
	back := time.Now()
	eventually(t, 20*time.Second, w.broker.Connected)
	took := time.Since(back)
	t.Logf("consuming again %v after the broker was back", took)
	if took > 5*time.Second {
		t.Errorf("consuming again only after %v", took)
	}
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

func TestEngineKilledIsRestartedAndTheCacheRebuilt(t *testing.T) {
	for _, spec := range []string{"sail", "local[2]"} {
		t.Run(spec, func(t *testing.T) {
			dir := texts(t)
			w := serve(t, func(c *Config) { c.Spark = spec })
			w.python(call{name: "demo.WordCount", args: []any{dir, "a"}})
			pid := w.enginePID()
			// It is run once more on the new engine, where its limit ends it.
			wait := w.pythonStart(call{name: "test.slow_query", options: map[string]any{"time_limit": 12}})
			eventually(t, 30*time.Second, func() bool { return w.worker.Stats().Active == 1 })
			time.Sleep(300 * time.Millisecond) // into the query
			killed := time.Now()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			got, err := wait()
			if err != nil {
				t.Fatal(err)
			}
			if got[0].Type != "TimeLimitExceeded" && got[0].Type != "SparkSessionLost" {
				t.Errorf("the task that ran when the engine died: %s", got[0])
			}
			answer := w.python(call{name: "demo.WordCount", args: []any{dir, "t"}})[0]
			t.Logf("running task ended as %s; next answer %v after the kill", got[0], time.Since(killed))
			if want := wordCount(t, dir, "t", ""); !equalJSON(string(answer.OK), want) {
				t.Errorf("after the engine's return: got %s, want %s", answer, want)
			}
			if now := w.enginePID(); now == pid {
				t.Errorf("engine still has pid %d", pid)
			}
		})
	}
}
