package hostfn

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// session answers what the fields say, without an engine.
type session struct {
	Session // Collect needs a real one
	cache.Views
	count   func(ctx context.Context, df *spark.DataFrame, opt spark.Options) (int64, error)
	schema  []spark.Field
	explain func(mode string) (string, error)
	written func(df *spark.DataFrame, w spark.Write) error
	writes  int
}

func (s *session) Count(ctx context.Context, df *spark.DataFrame, opt spark.Options) (int64, error) {
	if err := df.Err(); err != nil {
		return 0, err
	}
	if s.count == nil {
		return 0, nil
	}
	return s.count(ctx, df, opt)
}

func (s *session) Schema(context.Context, *spark.DataFrame) ([]spark.Field, error) {
	return s.schema, nil
}

func (s *session) Explain(_ context.Context, _ *spark.DataFrame, mode string) (string, error) {
	return s.explain(mode)
}

func (s *session) Checkpoint(context.Context, *spark.DataFrame, spark.Options) (spark.Checkpoint, error) {
	return spark.Checkpoint{RelationID: "relation"}, nil
}

func (s *session) LazyCheckpoint(context.Context, *spark.DataFrame, spark.Options) (spark.Checkpoint, error) {
	return spark.Checkpoint{RelationID: "relation"}, nil
}

func (s *session) Persist(context.Context, *spark.DataFrame, spark.StorageLevel) error { return nil }

func (s *session) Unpersist(context.Context, *spark.DataFrame, bool) error { return nil }

func (s *session) Release(context.Context, spark.Checkpoint) error { return nil }

func (s *session) Measure(context.Context, *spark.DataFrame, spark.Options) (spark.Size, error) {
	return spark.Size{}, nil
}

func (s *session) Generation() uint64 { return 0 }

// open returns an invocation on s, with cfg's limits.
func open(t testing.TB, s *session, cfg Config) *Invocation {
	t.Helper()
	return openTask(t.Context(), s, cfg, Task{ID: "id-1", Name: "demo.Count"})
}

func openTask(ctx context.Context, s *session, cfg Config, task Task) *Invocation {
	cfg.Session, cfg.Cache = s, cache.New(cache.Config{Session: s, Private: true})
	return New(cfg).Open(ctx, task)
}

// wantError checks that err is what a client sees as typ, with all the words.
func wantError(t testing.TB, err error, typ string, words ...string) {
	t.Helper()
	e, ok := errors.AsType[*abi.Error](err)
	if !ok {
		t.Errorf("got %v (%T), want an abi.Error of type %s", err, err, typ)
		return
	}
	if full := strings.TrimPrefix(e.Module+"."+e.Type, "builtins."); full != typ {
		t.Errorf("got %s: %s; want type %s", full, e.Message(), typ)
	}
	for _, w := range words {
		if !strings.Contains(e.Message(), w) {
			t.Errorf("message %q lacks %q", e.Message(), w)
		}
	}
}

// actionError is what an action on the frame says.
func actionError(i *Invocation, f abi.Frame) error {
	_, err := i.ActionCount(f)
	return err
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
