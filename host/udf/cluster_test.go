package udf_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// envCluster asks for functions in Go and for several cores as well; without it
// there are those that executors compile at once.
const envCluster = "SPARKSTALK_TEST_CLUSTER"

func TestFunctionsOutliveTheExecutorsOfACluster(t *testing.T) {
	sizes := []int{1}
	if os.Getenv(envCluster) != "" {
		sizes = []int{1, 4}
	}
	for _, cores := range sizes {
		t.Run(fmt.Sprintf("%d cores", cores), func(t *testing.T) {
			cluster := proctest.StartClusterOf(t, cores)
			s := open(t, cluster.Remote())
			killedInMidQuery(t, s, cluster, tripling("d1"), tripling("d2"), "3 * id")
			if os.Getenv(envCluster) != "" {
				killedInMidQuery(t, s, cluster, library(t, "e1"), library(t, "e2"), "3 * id + 7")
			}
		})
	}
}

// killedInMidQuery kills an executor while a query calls a function, and has
// another version of the module used and the first one forgotten meanwhile.
func killedInMidQuery(t *testing.T, s *spark.Session, cluster *proctest.Cluster, one, two *udf.Library, native string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	const rows = 6_000_000
	run := func(l *udf.Library, from string) (string, error) {
		text, functions := l.SQL(fmt.Sprintf("SELECT sum(%s) FROM range(0, %d, 1, 16)", from, rows))
		return collect(ctx, s, spark.SQL(text, nil, nil).Using(functions))
	}
	want, err := run(one, native)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		value string
		err   error
		took  time.Duration
	}
	answers := make(chan answer, 1)
	begin := time.Now()
	go func() {
		value, err := run(one, "triple(id)")
		answers <- answer{value, err, time.Since(begin)}
	}()
	// The query has begun once its function is known.
	for {
		if known, err := collect(ctx, s, spark.SQL("SHOW USER FUNCTIONS LIKE 'triple_*'", nil, nil)); err != nil {
			t.Fatal(err)
		} else if known != "[]" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	if executors := cluster.Executors(t); len(executors) > 0 {
		cluster.KillExecutors(t, executors[0])
	}
	killed := time.Since(begin)
	if got, err := run(two, "triple(id)"); err != nil || got != want {
		t.Errorf("the new version gives %s, %v; want %s", got, err, want)
	}
	if err := s.Forget(ctx, one.Functions()); err != nil {
		t.Error(err)
	}
	a := <-answers
	if a.err != nil || a.value != want {
		t.Errorf("with an executor killed the function gives %s, %v; want %s", a.value, a.err, want)
	}
	t.Logf("%v with an executor killed after %v", a.took.Round(time.Millisecond), killed.Round(time.Millisecond))
}
