package udf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// envCluster asks for functions in Go, for the tasks of plugins/text and for
// several cores as well; without it there are those that executors compile at once.
const envCluster = "SPARKSTALK_TEST_CLUSTER"

func TestFunctionsOutliveTheExecutorsOfACluster(t *testing.T) {
	all := os.Getenv(envCluster) != ""
	sizes := []int{1}
	if all {
		sizes = append(sizes, 4)
	}
	for _, cores := range sizes {
		t.Run(fmt.Sprintf("%d cores", cores), func(t *testing.T) {
			cluster := proctest.StartClusterOf(t, cores)
			c := clusterTest{cluster, open(t, cluster.Remote()), 2 * cores}
			if err := c.session.Exec(t.Context(), "SET spark.connect.progress.reportInterval=100ms", spark.Options{}); err != nil {
				t.Fatal(err)
			}
			c.outlivesWhatIsTooMuch(t)
			c.killedInMidQuery(t, multiplyingBy(3, "d1"), multiplyingBy(5, "d2"), 0)
			if all {
				c.killedInMidQuery(t, library(t, 1, "e1"), library(t, 2, "e2"), 7)
				c.wordCount(t)
			}
		})
	}
}

// A clusterTest is a session on a cluster that runs so many tasks at once.
type clusterTest struct {
	cluster *proctest.Cluster
	session *spark.Session
	cores   int
}

// ready waits until both executors work for the session, and returns them.
func (c clusterTest) ready(t *testing.T) []int {
	t.Helper()
	var executors []int
	hosttest.Eventually(t, func() bool {
		query := fmt.Sprintf("SELECT DISTINCT CAST(reflect('java.lang.ProcessHandle', 'current') AS INT) FROM range(0, %d, 1, %[1]d)", 4*c.cores)
		text, err := collect(t.Context(), c.session, spark.SQL(query, nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		var rows [][]int
		if err := json.Unmarshal([]byte(text), &rows); err != nil {
			t.Fatal(err)
		}
		executors = c.cluster.Executors(t)
		working := slices.Concat(rows...)
		slices.Sort(executors)
		slices.Sort(working)
		return len(executors) == 2 && slices.Equal(executors, working)
	})
	return executors
}

// sum adds up a function of so many numbers, with a task for each core.
func (c clusterTest) sum(ctx context.Context, l *udf.Library, rows int64, progress func(spark.Progress)) (string, error) {
	text, functions := l.SQL(fmt.Sprintf("SELECT sum(triple(id)) FROM range(0, %d, 1, %d)", rows, c.cores))
	return collectTelling(ctx, c.session, spark.SQL(text, nil, nil).Using(functions), progress)
}

// killedInMidQuery kills an executor while a query calls a function, and has
// another version of the module used and the first one forgotten before that
// query ends: in one that is long enough. One's function gives 3 n + plus, two's
// 5 n + plus.
func (c clusterTest) killedInMidQuery(t *testing.T, one, two *udf.Library, plus int64) {
	t.Helper()
	const few = 100_000
	for rows := int64(16_000_000); ; rows *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		sum := func(factor, rows int64) string { return fmt.Sprintf("[[%d]]", factor*(rows*(rows-1)/2)+rows*plus) }
		executors := c.ready(t)
		// Both have compiled the module, so that the kill comes as they call it.
		if value, err := c.sum(ctx, one, few, nil); err != nil || value != sum(3, few) {
			t.Fatalf("before anything happens the function gives %s, %v", value, err)
		}

		type answer struct {
			value string
			err   error
			at    time.Time
		}
		old, working := make(chan answer, 1), make(chan struct{}, 1)
		begin := time.Now()
		go func() {
			value, err := c.sum(ctx, one, rows, func(p spark.Progress) {
				if p.Running == int64(c.cores) { // its tasks are on all cores, and so on both executors
					select {
					case working <- struct{}{}:
					default:
					}
				}
			})
			old <- answer{value, err, time.Now()}
		}()
		var ended *answer
		select {
		case <-working:
		case a := <-old:
			ended = &a // before Spark has told of it
		}
		c.cluster.KillExecutors(t, executors[0])
		killed := time.Now()
		value, err := c.sum(ctx, two, few, nil)
		if want := sum(5, few); err != nil || value != want {
			t.Fatalf("the new version gives %s, %v; want %s", value, err, want)
		}
		if err := c.session.Forget(ctx, one.Functions(), unused); err != nil {
			t.Fatal(err)
		}
		swapped := time.Now()
		if ended == nil {
			a := <-old
			ended = &a
		}
		if want := sum(3, rows); ended.err != nil || ended.value != want {
			t.Fatalf("with an executor killed the old version gives %s, %v; want %s", ended.value, ended.err, want)
		}
		t.Logf("%d rows by the old version took %v: an executor was killed after %v, and the new version had answered and the old one was forgotten after %v",
			rows, span(begin, ended.at), span(begin, killed), span(begin, swapped))
		if ended.at.After(swapped) {
			return
		}
	}
}

func span(from, to time.Time) time.Duration { return to.Sub(from).Round(time.Millisecond) }

// wordCount has a task of plugins/text call its tokenizer on the executors.
func (c clusterTest) wordCount(t *testing.T) {
	t.Helper()
	call := openTasks(t, c.cluster.Remote(), "text", "demo")
	c.ready(t)
	dir := fmt.Sprintf("%q", hosttest.Texts(t))
	if got, want := call("text.WordCount", dir, `"a"`), call("demo.WordCount", dir, `"a"`); got != want || len(got) < 20 {
		t.Errorf("text.WordCount gives %s; demo.WordCount %s", got, want)
	}
}
