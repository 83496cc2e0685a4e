package spark_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestMeasureTellsRowsAndBytesOfACheckpoint(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		for _, n := range []int64{0, 10, 50_000} {
			id := spark.Col("id")
			df := spark.Range(0, n, 1, 2).Select(id, id.Cast("string", false).Alias("text"))
			checkpoint, err := session.Checkpoint(t.Context(), df, spark.Options{})
			if err != nil {
				t.Fatal(err)
			}
			size, err := session.Measure(t.Context(), spark.Relation(checkpoint.RelationID), spark.Options{})
			if err != nil {
				t.Fatal(err)
			}
			// 8 bytes for each number, and one to five letters with what says
			// where they begin.
			if size.Rows != n || size.Bytes < n*9 || size.Bytes > n*64+1024 {
				t.Errorf("%d rows: %+v", n, size)
			}
		}
	})
}
