package judgetest_test

import (
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// eachSession runs a test with what a task sees of Spark, on each engine.
func eachSession(t *testing.T, test func(t *testing.T, s *spark.Session)) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		test(t, judgetest.Session(t, judgetest.Binder(t, remote)))
	})
}

func rowForm(n int32) abi.RowForm { return abi.RowForm(n) }

func contains(err error, words string) bool { return strings.Contains(err.Error(), words) }
