package host

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

func TestFaultsSessionEvicted(t *testing.T) {
	beside(t)
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		const queries, words = 2, 3
		sent := &plans{}
		r, dir := alone(t, Config{Spark: remote, Log: slog.New(sent)}), hosttest.Texts(t)
		rows, hashes, _ := r.about(t, time.Second)
		counted, err := r.run(t.Context(), "demo.WordCount", dir, "a")
		if err != nil {
			t.Fatal(err)
		}
		f := fault{what: "session evicted under running and waiting tasks", engine: engineIn(t), times: times(1, 20)}

		// all calls the tasks, some before and some after then, and says how many
		// of them had another answer.
		all := func(then func()) (wrong int) {
			var mu sync.Mutex
			var running, waiting sync.WaitGroup
			call := func(name, want string, args ...any) func() {
				return func() {
					if answer, err := r.run(t.Context(), name, args...); answer != want || err != nil {
						t.Logf("%s: %s, %v, want %s", name, answer, err, want)
						mu.Lock()
						wrong++
						mu.Unlock()
					}
				}
			}
			for range queries {
				running.Go(call("test.hashes", hashes, rows))
			}
			then()
			for range words {
				waiting.Go(call("demo.WordCount", counted, dir, "a"))
			}
			running.Wait()
			waiting.Wait()
			return wrong
		}
		start := time.Now()
		if all(func() {}) != 0 {
			t.Fatal("answers differ without a fault")
		}
		plain := time.Since(start)
		undisturbed, first := sent.of("task:test.hashes"), r.cache.Stats()
		for range f.times {
			generation := r.session.Generation()
			var at time.Time
			f.lost += all(func() {
				time.Sleep(time.Duration(float64(plain) * (0.1 + 0.5*rand.Float64())))
				sparktest.Release(t, remote, r.session.ID())
				at = time.Now()
			})
			f.recovery = append(f.recovery, max(0, time.Since(at)-plain))
			if n := r.session.Generation() - generation; n != 1 {
				t.Errorf("%d sessions were opened in place of one", n)
			}
		}
		now := r.cache.Stats()
		anew := now.Builds + now.Found - first.Builds - first.Found
		if anew != int64(f.times) {
			t.Errorf("%d sessions were lost, and the cached DataFrame was got anew %d times", f.times, anew)
		}
		f.repeated = fmt.Sprintf("%d of %d queries", sent.of("task:test.hashes")-undisturbed-queries*f.times, queries*f.times)
		f.note = fmt.Sprintf("%d queries under way and %d tasks behind them, %.1f s when undisturbed; one new session for all each time; the cached DataFrame was built anew %d times and found again %d times",
			queries, words, plain.Seconds(), now.Builds-first.Builds, now.Found-first.Found)
		f.write(t)
	})
}

// In the tests, host/spark looks for silent connections in seconds.
func TestFaultsNetworkSilentInMidQuery(t *testing.T) {
	beside(t)
	if times(0, 1) == 0 {
		return
	}
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		sent, query := &plans{}, spark.Range(0, 100_000_000, 1, 2).Filter(spark.SQLExpr("hash(id) % 1000003 = 7"))
		f := fault{what: "network gone silent in mid-query", engine: engineIn(t), times: times(1, 3)}
		var mu sync.Mutex
		var all sync.WaitGroup
		var plain time.Duration
		var want int64
		for n := range f.times + 1 {
			relay := proctest.Proxy(t, strings.TrimPrefix(remote, "sc://"))
			session, err := spark.Open(spark.Config{Remote: "sc://" + relay.Address(), Log: slog.New(sent)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = session.Close() })
			if err := session.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				start := time.Now()
				if want, err = session.Count(t.Context(), query, spark.Options{}); err != nil {
					t.Fatal(err)
				}
				plain = time.Since(start)
				continue
			}
			all.Go(func() {
				var at time.Time
				strand := time.AfterFunc(plain/2, func() { relay.Strand(); at = time.Now() })
				defer strand.Stop()
				got, err := session.Count(context.WithoutCancel(t.Context()), query, spark.Options{Tags: []string{"silent"}})
				mu.Lock()
				defer mu.Unlock()
				f.recovery = append(f.recovery, time.Since(at))
				if got != want || err != nil || relay.Accepted() < 2 {
					t.Logf("got %d, %v over %d connections, want %d", got, err, relay.Accepted(), want)
					f.lost++
				}
			})
			time.Sleep(plain) // one query at a time
		}
		all.Wait()
		f.repeated = sent.repeated(f.times, "silent")
		f.note = fmt.Sprintf("query of %.1f s; from the last byte to the answer: the engine is asked after 25 s and given up after 25 s more", plain.Seconds())
		f.write(t)
	})
}
