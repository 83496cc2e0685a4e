package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// A fault is one row of the table: what was done to Spark and its sessions, how
// often, and what came of it.
type fault struct {
	what, engine string
	times        int
	lost         int // answers that were wrong or did not come
	repeated     string
	recovery     []time.Duration
	note         string
}

// write adds the row to the table that make faults prints.
func (f *fault) write(t *testing.T) {
	t.Helper()
	slices.Sort(f.recovery)
	half, most := time.Duration(0), time.Duration(0)
	if n := len(f.recovery); n > 0 {
		half, most = f.recovery[n/2], f.recovery[n-1]
	}
	row := fmt.Sprintf("| %s | %s | %d | %d | %s | %.2f / %.2f | %s |\n", f.what, f.engine, f.times, f.lost, f.repeated,
		half.Seconds(), most.Seconds(), f.note)
	t.Log(row)
	if path := os.Getenv("SPARKSTALK_FAULTS"); path != "" {
		out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
		if err == nil {
			_, err = out.WriteString(row)
			err = errors.Join(err, out.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
	if f.lost > 0 {
		t.Errorf("%d of %d were lost", f.lost, f.times)
	}
}

// times is how often a fault is made: few in the tests, many for the table, and
// no more than SPARKSTALK_FAULTS_TIMES if that is set, for a look at the rows.
func times(few, many int) int {
	if os.Getenv("SPARKSTALK_FAULTS") == "" {
		return few
	}
	if most, err := strconv.Atoi(os.Getenv("SPARKSTALK_FAULTS_TIMES")); err == nil {
		return min(most, many)
	}
	return many
}

// beside lets a test run beside others, unless its figures are wanted.
func beside(t *testing.T) {
	if times(0, 1) == 0 {
		t.Parallel()
	}
}

// engineIn is the engine of a subtest of [proctest.EachEngine].
func engineIn(t *testing.T) string { return t.Name()[strings.LastIndexByte(t.Name(), '/')+1:] }

// plans counts the plans that sessions send to their engines, by the tags of the
// executions. It is a log's handler, since the session logs each.
type plans struct {
	mu    sync.Mutex
	sent  map[string]int // by tag; that of all is empty
	again int            // executions that were taken up again
}

func (*plans) Enabled(context.Context, slog.Level) bool { return true }

func (p *plans) Handle(_ context.Context, r slog.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Message {
	case "take up Spark execution again":
		p.again++
	case "run Spark plan":
		if p.sent == nil {
			p.sent = map[string]int{}
		}
		p.sent[""]++
		r.Attrs(func(a slog.Attr) bool {
			if tags, ok := a.Value.Any().([]string); ok && a.Key == logkey.Tags {
				for _, tag := range tags {
					p.sent[tag]++
				}
			}
			return true
		})
	}
	return nil
}

func (p *plans) WithAttrs([]slog.Attr) slog.Handler { return p }
func (p *plans) WithGroup(string) slog.Handler      { return p }

// of returns how many plans with the tag were sent.
func (p *plans) of(tag string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[tag]
}

// repeated says, in the table's words, how many of so many queries were sent more
// than once. Those of other tags than the given ones are not counted.
func (p *plans) repeated(queries int, tags ...string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := 0
	for _, tag := range tags {
		sent += p.sent[tag]
	}
	if sent == queries {
		return "nothing"
	}
	return fmt.Sprintf("%d of %d queries", sent-queries, queries)
}

func TestFaultsConnectionCutAtARandomByte(t *testing.T) {
	beside(t)
	const rows = 300_000
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		relay := proctest.Proxy(t, strings.TrimPrefix(remote, "sc://"))
		sent := &plans{}
		session, err := spark.Open(spark.Config{Remote: "sc://" + relay.Address(), Log: slog.New(sent)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := session.Close(); err != nil {
				t.Error(err)
			}
		})
		// Each run of the query would give its rows another mark.
		query := spark.SQL(fmt.Sprintf("SELECT id, run FROM range(%d) CROSS JOIN (SELECT max(mark) AS run FROM (SELECT uuid() AS mark FROM range(3)))", rows), nil, nil)
		f := fault{what: "connection cut at a random byte of a result", engine: engineIn(t), times: times(5, 100)}
		plain, queries := time.Duration(0), f.times+2
		for n := range queries {
			if n >= 2 { // the first two are undisturbed
				relay.CutAfter(1 + rand.Int64N(rows*8))
			}
			before := relay.Accepted()
			start := time.Now()
			sum, runs, err := sumOf(t.Context(), session, query)
			took := time.Since(start)
			if sum != rows*(rows-1)/2 || runs != 1 || err != nil {
				t.Logf("cut %d: sum %d of %d runs, %v", n, sum, runs, err)
				f.lost++
			}
			switch {
			case n == 1:
				plain = took
			case n > 1 && relay.Accepted() == before:
				f.times-- // the result was shorter than the fuse
			case n > 1:
				f.recovery = append(f.recovery, max(0, took-plain))
			}
		}
		relay.CutAfter(-1)
		f.repeated = sent.repeated(queries, "")
		if f.repeated != "nothing" {
			t.Errorf("repeated: %s", f.repeated)
		}
		f.note = fmt.Sprintf("%d rows in %.2f s when undisturbed; all rows of one run, taken up again %d times", rows, plain.Seconds(), sent.again)
		f.write(t)
	})
}

// sumOf reads a result of two columns: the sum of the first, and how many
// different values the second has.
func sumOf(ctx context.Context, session *spark.Session, df *spark.DataFrame) (sum int64, runs int, err error) {
	stream, err := session.Collect(ctx, df, spark.Options{})
	if err != nil {
		return 0, 0, err
	}
	marks := map[string]bool{}
	for stream.Next() {
		batch := stream.Record()
		for _, id := range batch.Column(0).(*array.Int64).Int64Values() {
			sum += id
		}
		marked := batch.Column(1).(array.StringLike)
		for i := range marked.Len() {
			marks[marked.Value(i)] = true
		}
	}
	return sum, len(marks), errors.Join(stream.Err(), stream.Close())
}

// alone opens a runtime with an engine of its own.
func alone(t *testing.T, cfg Config) *Runtime {
	t.Helper()
	cfg.Plugins = t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "1"), cfg.Plugins, "demo.wasm")
	hosttest.Drop(t, hosttest.Build(t, "testdata/tasks", "1"), cfg.Plugins, "tasks.wasm")
	r, err := OpenRuntime(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Serve(t, r)
	return r
}

// run calls a task with arguments and returns its answer as text.
func (r *Runtime) run(ctx context.Context, name string, args ...any) (string, error) {
	var list []json.RawMessage
	for _, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			return "", err
		}
		list = append(list, text)
	}
	answer, err := r.Call(ctx, name, list, nil)
	return string(answer), err
}

// enginePID waits for the runtime's engine to run and returns its process id.
func (r *Runtime) enginePID(t *testing.T) (pid int) {
	t.Helper()
	hosttest.Eventually(t, func() bool {
		for _, running := range r.engine.Status().Running {
			pid = running.PID
		}
		return pid != 0
	})
	return pid
}

// about returns a number of rows whose query takes the time, and its answer.
func (r *Runtime) about(t *testing.T, want time.Duration) (rows int64, answer string, took time.Duration) {
	t.Helper()
	for rows = 50_000_000; ; rows *= 2 {
		start := time.Now()
		answer, err := r.run(t.Context(), "test.hashes", rows)
		if err != nil {
			t.Fatal(err)
		}
		if took = time.Since(start); took > want {
			return rows, answer, took
		}
	}
}

func TestFaultsEngineKilledInMidQuery(t *testing.T) {
	beside(t)
	for _, spec := range []string{"sail", "local[2]"} {
		t.Run(spec, func(t *testing.T) {
			sent := &plans{}
			r, dir := alone(t, Config{Spark: spec, Log: slog.New(sent)}), hosttest.Texts(t)
			rows, want, plain := r.about(t, time.Second)
			words, err := r.run(t.Context(), "demo.WordCount", dir, "a")
			if err != nil {
				t.Fatal(err)
			}
			f := fault{what: "engine killed in mid-query", engine: spec, times: times(1, 20)}
			undisturbed, built := sent.of("task:test.hashes"), r.cache.Stats().Builds
			for n := range f.times {
				type outcome struct {
					answer string
					err    error
				}
				pid, answered := r.enginePID(t), make(chan outcome, 1)
				go func() {
					answer, err := r.run(t.Context(), "test.hashes", rows)
					answered <- outcome{answer, err}
				}()
				time.Sleep(time.Duration(float64(plain) * (0.1 + 0.6*rand.Float64())))
				killed := time.Now()
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				got := <-answered
				// What is left without the query's own time.
				f.recovery = append(f.recovery, max(0, time.Since(killed)-plain))
				again, err := r.run(t.Context(), "demo.WordCount", dir, "a")
				if got.answer != want || got.err != nil || again != words || err != nil {
					t.Logf("kill %d: %s, %v, want %s; cached: %s, %v", n, got.answer, got.err, want, again, err)
					f.lost++
				}
				if now := r.enginePID(t); now == pid {
					t.Errorf("the engine is still process %d", pid)
				}
			}
			f.repeated = fmt.Sprintf("%d of %d queries", sent.of("task:test.hashes")-undisturbed-f.times, f.times)
			f.note = fmt.Sprintf("query of %.1f s; the cached DataFrame was built anew %d times", plain.Seconds(), r.cache.Stats().Builds-built)
			f.write(t)
		})
	}
}

func TestFaultsCacheEvictedUnderLoad(t *testing.T) {
	beside(t)
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		const entries, dirs, callers = 2, 5, 4
		sent := &plans{}
		r := alone(t, Config{Spark: remote, CacheEntries: entries, Log: slog.New(sent)})
		var folders, want []string
		for range dirs {
			folders = append(folders, hosttest.Texts(t))
			answer, err := r.run(t.Context(), "demo.WordCount", folders[len(folders)-1], "a")
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, answer)
		}
		f := fault{what: "cached DataFrames evicted under load", engine: engineIn(t), times: max(20, times(20, 400))}
		undisturbed, first := sent.of("task:demo.WordCount"), r.cache.Stats()
		var mu sync.Mutex
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				for n := range f.times / callers {
					which := (n + c) % dirs
					start := time.Now()
					answer, err := r.run(t.Context(), "demo.WordCount", folders[which], "a")
					mu.Lock()
					f.recovery = append(f.recovery, time.Since(start))
					if answer != want[which] || err != nil {
						t.Logf("caller %d, call %d: %s, %v", c, n, answer, err)
						f.lost++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		s := r.cache.Stats()
		if s.Evictions == 0 {
			t.Error("nothing was evicted")
		}
		f.repeated = fmt.Sprintf("%d builds of what was evicted; %d of %d queries",
			s.Builds-first.Builds, sent.of("task:demo.WordCount")-undisturbed-f.times, f.times)
		f.note = fmt.Sprintf("room for %d of %d: %d evictions; the times are those of whole calls", entries, dirs, s.Evictions-first.Evictions)
		f.write(t)
	})
}

func TestFaultsQueryOutOfMemory(t *testing.T) {
	beside(t)
	for spec, c := range map[string]struct{ query, class string }{
		// The JVM ends itself when its heap is exhausted; Sail refuses the memory.
		"local[1]": {"SELECT length(repeat(CAST(id AS STRING), 900000000)) FROM range(1)", "SparkSessionLost"},
		"sail":     {"SELECT count(DISTINCT concat(id, repeat('x', 500))) FROM range(5000000)", "AnalysisException"},
	} {
		t.Run(spec, func(t *testing.T) {
			sent := &plans{}
			r := alone(t, Config{Spark: spec, SparkMemory: "512m", Log: slog.New(sent)})
			f := fault{what: "query that takes more memory than there is", engine: spec, times: times(1, 5)}
			named := map[string]bool{}
			for range f.times {
				_, err := r.run(t.Context(), "test.sql", c.query)
				ended := time.Now()
				failure, ok := errors.AsType[*abi.Error](err)
				if !ok || failure.Type != c.class {
					t.Fatalf("the query came to %v, want a %s", err, c.class)
				}
				named[failure.Type] = true
				if answer, err := r.run(t.Context(), "test.hashes", 1000); answer != "0" || err != nil {
					t.Logf("the next task: %s, %v", answer, err)
					f.lost++
				}
				f.recovery = append(f.recovery, time.Since(ended))
			}
			r.enginePID(t) // it may be on its way back from the last one
			restarts := r.engine.Status().Running[0].Restarts
			f.repeated = fmt.Sprintf("%d of %d queries; %d starts of the engine", sent.of("task:test.sql")-f.times, f.times, restarts)
			f.note = fmt.Sprintf("the query itself fails, with %s; lost would be the next one, which is answered", strings.Join(keys(named), ", "))
			f.write(t)
		})
	}
}

func keys(m map[string]bool) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
