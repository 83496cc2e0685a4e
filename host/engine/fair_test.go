package engine_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// A query of 40 seconds in 160 tasks must not keep another from its answer, as
// Spark's default, first in first out, would.
func TestASlowQueryLetsOthersPass(t *testing.T) {
	e := proctest.StartEngineWith(t, engine.Config{Spec: "local[2]"})
	session, err := spark.Open(spark.Config{Remote: e.Remote(), Address: e.Address, Conf: e.SessionConf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	running, ended := make(chan struct{}), make(chan error, 1)
	begin := sync.OnceFunc(func() { close(running) })
	go func() {
		ended <- rows(ctx, session, "SELECT reflect('java.lang.Thread', 'sleep', 500L + id * 0) FROM range(0, 160, 1, 160)",
			spark.Options{Progress: func(p spark.Progress) {
				if p.Done > 0 {
					begin()
				}
			}})
	}()
	select {
	case <-running:
	case err := <-ended:
		t.Fatalf("the slow query ended before it was seen at work: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the slow query has not begun within a minute")
	}
	if err := rows(t.Context(), session, "SELECT sum(id) FROM range(0, 100, 1, 4)", spark.Options{}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("the quick query was answered only when the slow one had ended (%v)", err)
	default:
	}
	interrupt()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// rows reads the answer of a query to its end.
func rows(ctx context.Context, s *spark.Session, sql string, opt spark.Options) error {
	stream, err := s.Collect(ctx, spark.SQL(sql, nil, nil), opt)
	if err != nil {
		return err
	}
	return spark.WriteJSON(io.Discard, stream, spark.RowArrays, 1<<20)
}
