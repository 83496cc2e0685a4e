package tpchtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// envCluster asks for all TPC-H queries on the cluster; without it, a few do.
const envCluster = "SPARKSTALK_TEST_CLUSTER"

func TestTasksOutliveTheExecutorsOfACluster(t *testing.T) {
	data, folder := proctest.TPCH(t), hosttest.Texts(t)
	want := sparksAnswers(t, data)
	begin := time.Now()
	cluster := proctest.StartCluster(t)
	t.Logf("Connect server listens after %v", time.Since(begin).Round(time.Millisecond))
	r := openTPCH(t, cluster.Remote())
	wordCounts := func(letter string) {
		t.Helper()
		args := []json.RawMessage{json.RawMessage(fmt.Sprintf("%q", folder)), json.RawMessage(fmt.Sprintf("%q", letter))}
		start := time.Now()
		got, err := r.Call(t.Context(), "demo.WordCount", args, nil)
		if want := hosttest.WordCount(t, folder, letter, ""); err != nil || !hosttest.EqualJSON(string(got), want) {
			t.Errorf("demo.WordCount %s: got %s, %v, want %s", letter, got, err, want)
		}
		t.Logf("demo.WordCount %s took %v", letter, time.Since(start).Round(time.Millisecond))
	}
	wordCounts("a")
	hosttest.Eventually(t, func() bool { return len(cluster.Executors(t)) == 2 })

	// An executor dies in the middle of a query of which each has a half: of one
	// that is long enough.
	for rows, died := 100_000_000, false; !died; rows *= 4 {
		hosttest.Eventually(t, func() bool { return len(cluster.Executors(t)) == 2 })
		victim := cluster.Executors(t)[0]
		start := time.Now()
		killed := make(chan time.Duration, 1)
		time.AfterFunc(500*time.Millisecond, func() {
			cluster.KillExecutors(t, victim)
			killed <- time.Since(start)
		})
		n, err := r.Call(t.Context(), "test.count", []json.RawMessage{json.RawMessage(fmt.Sprint(rows))}, nil)
		took := time.Since(start)
		if err != nil || string(n) != fmt.Sprint(rows) {
			t.Fatalf("test.count: got %s, %v, want %d", n, err, rows)
		}
		after := <-killed
		died = took >= after
		t.Logf("test.count of %d took %v; an executor died after %v", rows, took.Round(time.Millisecond), after.Round(time.Millisecond))
	}

	// Another one dies while the queries are under way, two at a time.
	queries := []int{1, 13, 18, 21}
	if os.Getenv(envCluster) != "" {
		queries = allQueries()
	}
	hosttest.Eventually(t, func() bool { return len(cluster.Executors(t)) == 2 })
	start, kill := time.Now(), sync.OnceFunc(func() { cluster.KillExecutors(t, cluster.Executors(t)[0]) })
	got := tpchAnswers(t, r, data, queries, func(answered int) {
		if answered == len(queries)/2 {
			kill()
		}
	})
	t.Logf("%d queries took %v", len(got), time.Since(start).Round(time.Millisecond))
	compareTPCH(t, got, want, false)

	// All executors die, and with them the blocks of what is cached.
	hosttest.Eventually(t, func() bool { return len(cluster.Executors(t)) == 2 })
	persisted := func() {
		t.Helper()
		n, err := r.Call(t.Context(), "test.persisted", []json.RawMessage{json.RawMessage("1000")}, nil)
		if err != nil || string(n) != "1000" {
			t.Errorf("test.persisted: got %s, %v, want 1000", n, err)
		}
	}
	persisted()
	cluster.KillExecutors(t, cluster.Executors(t)...)
	wordCounts("t")
	persisted()
	builds := map[string]int64{}
	for _, e := range r.CacheReport().Entries {
		builds[e.Name] = e.Builds
	}
	// Spark cannot compute a checkpoint's rows again, so that the host does;
	// persisted ones it can.
	if want := map[string]int64{"demo.words": 2, "test.persisted": 1}; !maps.Equal(builds, want) {
		t.Errorf("after the loss, DataFrames were built %v times, want %v", builds, want)
	}
	wordCounts("o")
}
