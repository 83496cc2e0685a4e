package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// connect opens a session on an engine.
func connect(t *testing.T, cfg spark.Config) *spark.Session {
	t.Helper()
	s, err := spark.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the session: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func lines(t *testing.T, text string) (*spark.DataFrame, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return spark.Read("text", "", nil, []string{path}), path
}

// count counts df through the cache.
func count(ctx context.Context, c *Cache, s *spark.Session, df *spark.DataFrame) (int64, error) {
	var n int64
	err := c.Do(ctx, df, spark.Options{}, func(ctx context.Context, df *spark.DataFrame) (err error) {
		n, err = s.Count(ctx, df, spark.Options{})
		return err
	})
	return n, err
}

func TestEnginesKeepWhatWasBuiltOnce(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		s := connect(t, spark.Config{Remote: remote})
		c := New(Config{Session: s})
		df, path := lines(t, "a\nb\nc\n")
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if n, err := count(t.Context(), c, s, df.Cached("lines").Filter(spark.SQLExpr("value > 'a'"))); n != 2 || err != nil {
					t.Errorf("count = %d, %v; want 2", n, err)
				}
			})
		}
		wg.Wait()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if n, err := count(t.Context(), c, s, df.Cached("lines")); n != 3 || err != nil {
			t.Errorf("count without the file = %d, %v; want 3", n, err)
		}
		if e := entryOf(t, c, "lines"); e.Builds != 1 || e.Uses != 17 || e.Leases != 0 || e.Generation != s.Generation() {
			t.Errorf("entry = %+v, want 1 build and 17 uses", e)
		}
	})
}

// Spark says that a relation is gone once it was released. Sail keeps it for
// as long as the session lives.
func TestAReleasedRelationIsBuiltAnew(t *testing.T) {
	s := connect(t, spark.Config{Remote: proctest.Spark(t)})
	c := New(Config{Session: s})
	df, _ := lines(t, "a\nb\nc\n")
	outer := df.Cached("inner").Limit(2).Cached("outer")
	use(t, c, df.Cached("inner"))
	for _, name := range []string{"inner", "outer"} {
		e := entryOf(t, c, "inner")
		if name == "outer" {
			if n, err := count(t.Context(), c, s, outer); n != 2 || err != nil {
				t.Errorf("count = %d, %v; want 2 though the inner relation was gone", n, err)
			}
			e = entryOf(t, c, "outer")
		}
		if err := s.Release(t.Context(), spark.Checkpoint{RelationID: e.RelationID, Generation: e.Generation}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := count(t.Context(), c, s, outer); n != 2 || err != nil {
		t.Errorf("count = %d, %v; want 2 though the relation was gone", n, err)
	}
	if e := entryOf(t, c, "outer"); e.Builds != 2 {
		t.Errorf("outer = %+v, want 2 builds", e)
	}
	if e := entryOf(t, c, "inner"); e.Builds != 2 {
		t.Errorf("inner = %+v, want 2 builds", e)
	}
}

func TestForgottenRowsLeaveTheEngine(t *testing.T) {
	s := connect(t, spark.Config{Remote: proctest.Spark(t)})
	c := New(Config{Session: s})
	stop := start(t, c)
	defer stop()
	df, _ := lines(t, "a\nb\nc\n")
	got, lease, err := c.Use(t.Context(), df.Cached("lines"), spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.Forget("lines")
	if n, err := s.Count(t.Context(), got, spark.Options{}); n != 3 || err != nil {
		t.Errorf("count under the lease = %d, %v; want 3", n, err)
	}
	lease.Release()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, err := s.Count(t.Context(), got, spark.Options{})
		if errors.Is(err, spark.ErrRelationGone) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("count after the lease = %v, want ErrRelationGone", err)
		}
	}
}

// kill ends the process of an engine that belongs to this test.
func kill(t *testing.T, e *engine.Engine) {
	t.Helper()
	for _, p := range e.Status().Running {
		if p.Address != e.Address() || p.Host != os.Getpid() {
			continue // of a test that runs beside this one
		}
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no process at %s among %+v", e.Address(), e.Status().Running)
}

func TestEntriesAreBuiltAnewAfterTheEngineWasKilled(t *testing.T) {
	for _, spec := range []string{"sail", "local[2]"} {
		t.Run(spec, func(t *testing.T) {
			e := proctest.StartEngine(t, spec)
			s := connect(t, spark.Config{Remote: e.Remote(), Address: e.Address})
			c := New(Config{Session: s})
			df, _ := lines(t, "a\nb\nc\n")
			outer := df.Cached("inner").Filter(spark.SQLExpr("value > 'a'")).Cached("outer")
			if n, err := count(t.Context(), c, s, outer); n != 2 || err != nil {
				t.Fatalf("count = %d, %v; want 2", n, err)
			}
			kill(t, e)
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			for {
				n, err := count(ctx, c, s, outer)
				if n == 2 && err == nil {
					break
				}
				// A call may find the engine away. It says so.
				if !errors.Is(err, spark.ErrUnavailable) && !isLost(err) {
					t.Fatalf("count = %d, %v; want 2, or that the engine is away", n, err)
				}
				t.Logf("while the engine is away: %v", err)
			}
			for _, name := range []string{"inner", "outer"} {
				if e := entryOf(t, c, name); e.Builds != 2 || e.Generation != s.Generation() {
					t.Errorf("%s = %+v, want the second build, in generation %d", name, e, s.Generation())
				}
			}
		})
	}
}
