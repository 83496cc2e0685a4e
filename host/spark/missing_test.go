package spark_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestTheFirstMissingPathIsTold(t *testing.T) {
	s := openWith(t, spark.Config{Remote: proctest.Sail(t)})
	missing := filepath.Join(t.TempDir(), "first.parquet")
	df := spark.Read("parquet", "", nil, []string{missing}).Select(spark.Col("a"))
	for _, name := range []string{"second", "third"} {
		df = df.SetOp(spark.Read("parquet", "", nil, []string{filepath.Join(t.TempDir(), name)}).Select(spark.Col("a")), spark.Union, true, false, false)
	}
	for range 5 {
		_, err := s.Count(t.Context(), df, spark.Options{})
		e, ok := errors.AsType[*spark.Error](err)
		if !ok || e.Condition != "PATH_NOT_FOUND" || !strings.Contains(e.Message, missing) {
			t.Fatalf("got %v, want that %s does not exist", err, missing)
		}
	}
}
