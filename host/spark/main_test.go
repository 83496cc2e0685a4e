package spark_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// anything is a plan whose content does not matter to a scripted server.
var anything = spark.Range(0, 3, 1, 1)

// connect opens a session at a scripted server.
func connect(t testing.TB, server *sparktest.Server) *spark.Session {
	t.Helper()
	return openWith(t, spark.Config{Remote: server.Remote(), Address: server.Address, Patience: 10 * time.Second})
}

func openWith(t testing.TB, cfg spark.Config) *spark.Session {
	t.Helper()
	session, err := spark.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

// ids collects the numbers in the first column.
func ids(ctx context.Context, session *spark.Session, df *spark.DataFrame, opt spark.Options) ([]int64, error) {
	stream, err := session.Collect(ctx, df, opt)
	if err != nil {
		return nil, err
	}
	var out []int64
	for stream.Next() {
		out = append(out, stream.Record().Column(0).(*array.Int64).Int64Values()...)
	}
	return out, errors.Join(stream.Err(), stream.Close())
}

// eventually waits for what happens on other goroutines.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 2 minutes: %s", what)
		}
	}
}

func contextWithCause(t testing.TB) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return ctx, cancel
}
