package spark_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// Large local data go to Spark once in a session; Sail takes no files and gets
// them with every plan.
func TestLargeLocalDataAreSentOnce(t *testing.T) {
	var rows strings.Builder
	rows.WriteByte('[')
	for n := range 40_000 {
		if n > 0 {
			rows.WriteByte(',')
		}
		fmt.Fprintf(&rows, `[%d,"a text that is about forty characters %d"]`, n, n)
	}
	rows.WriteByte(']')
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		var log bytes.Buffer
		session, err := spark.Open(spark.Config{Remote: remote, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		df := spark.Local("id bigint, s string", []byte(rows.String()))
		for range 2 {
			if n, err := session.Count(t.Context(), df, spark.Options{}); n != 40_000 || err != nil {
				t.Errorf("count = %d, %v", n, err)
			}
			if fields, err := session.Schema(t.Context(), df); err != nil || len(fields) != 2 || fields[0].Type != "bigint" {
				t.Errorf("schema = %+v, %v", fields, err)
			}
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
		want := 1
		if strings.HasSuffix(t.Name(), "/sail") {
			want = 0
		}
		if n := strings.Count(log.String(), "sent data to Spark"); n != want {
			t.Errorf("the data were sent %d times, want %d", n, want)
		}
	})
}
