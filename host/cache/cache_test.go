package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestAPlanIsBuiltOnceForAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{before: func(context.Context, int, *spark.DataFrame) error {
			time.Sleep(time.Second)
			return nil
		}}
		c := New(Config{Session: s})
		var wg sync.WaitGroup
		for range 16 {
			// Each caller describes the plan anew, as tasks do.
			wg.Go(func() { use(t, c, cached(1)) })
		}
		wg.Wait()
		use(t, c, cached(1).Limit(3))
		if got := s.builds(); got != 1 {
			t.Errorf("built %d times, want 1", got)
		}
		e := entryOf(t, c, "frame1")
		if e.Builds != 1 || e.Waits != 15 || e.Hits != 1 || e.Uses != 17 || e.Leases != 0 || e.BuildTime != time.Second {
			t.Errorf("entry = %+v, want 1 build of 1s, 15 waits, 1 hit, 17 uses, no leases", e)
		}
	})
}

func TestPlansAreSubstituted(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	df := cached(1).Join(cached(2), "cross", nil, nil)
	got, lease, err := c.Use(t.Context(), df, spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if left := got.CachedInputs(); len(left) != 0 {
		t.Errorf("placeholders left: %v", left)
	}
	ids := make(map[string]string)
	for _, in := range df.CachedInputs() {
		ids[in.ID] = entryOf(t, c, in.Name).RelationID
	}
	if want := hash(t, df.Substitute(ids)); hash(t, got) != want {
		t.Errorf("plan = %s, want that of %v", got, ids)
	}
}

func hash(t *testing.T, df *spark.DataFrame) string {
	t.Helper()
	h, err := df.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAPlanWithoutCachedInputsIsLeftAlone(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	df := frame(1)
	got, lease, err := c.Use(t.Context(), df, spark.Options{})
	if err != nil || got != df {
		t.Errorf("Use = %v, %v; want the frame itself", got, err)
	}
	lease.Release()
	lease.Release()
	if s.builds() != 0 || len(c.Entries()) != 0 {
		t.Errorf("%d builds, %d entries; want none", s.builds(), len(c.Entries()))
	}
}

func TestABuildOutlivesTheCallerThatBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{before: func(ctx context.Context, _ int, _ *spark.DataFrame) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}}
		c := New(Config{Session: s})
		first, leave := context.WithCancelCause(t.Context())
		revoked := errors.New("revoked")
		errs := make(chan error)
		go func() {
			_, _, err := c.Use(first, cached(1), spark.Options{})
			errs <- err
		}()
		synctest.Wait()
		done := make(chan struct{})
		go func() { use(t, c, cached(1)); close(done) }()
		synctest.Wait()
		start := time.Now()
		leave(revoked)
		if err := <-errs; !errors.Is(err, revoked) {
			t.Errorf("the first caller got %v, want its own cause", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the first caller was kept for %v", waited)
		}
		<-done
		if got := s.builds(); got != 1 {
			t.Errorf("built %d times, want 1", got)
		}
	})
}

func TestABuildIsInterruptedWhenTheLastCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes []error
		s := &session{before: func(ctx context.Context, n int, _ *spark.DataFrame) error {
			if n > 1 {
				return nil
			}
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			time.Sleep(time.Second) // the engine's answer to an interrupt
			return context.Cause(ctx)
		}}
		c := New(Config{Session: s})
		revoked := errors.New("revoked")
		var wg sync.WaitGroup
		for n := range 3 {
			ctx, leave := context.WithCancelCause(t.Context())
			wg.Go(func() {
				if _, _, err := c.Use(ctx, cached(1), spark.Options{}); !errors.Is(err, revoked) {
					t.Errorf("caller %d got %v, want the cause", n, err)
				}
			})
			time.AfterFunc(time.Duration(n+1)*time.Second, func() { leave(revoked) })
		}
		start := time.Now()
		wg.Wait()
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("the last caller left after %v, want 4s: its 3 and the interrupt's 1", took)
		}
		if len(causes) != 1 || !errors.Is(causes[0], revoked) {
			t.Errorf("the build's causes = %v, want one, the callers'", causes)
		}
		if left := c.Entries(); len(left) != 0 {
			t.Errorf("entries = %+v, want none", left)
		}
		use(t, c, cached(1))
		if got := s.builds(); got != 1 {
			t.Errorf("built %d times after the interrupt, want 1", got)
		}
	})
}

// A build that succeeds although everyone left must not stay in the engine.
func TestABuildThatNobodyWantsIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: deaf{s}})
		running, stop := context.WithCancel(t.Context())
		go func() { _ = c.Run(running) }()
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, _, err := c.Use(ctx, cached(1), spark.Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Use = %v, want the deadline", err)
		}
		synctest.Wait()
		if s.builds() != 1 || s.liveCount() != 0 || len(c.Entries()) != 0 {
			t.Errorf("%d builds, %d live, entries %+v; want 1, 0 and none", s.builds(), s.liveCount(), c.Entries())
		}
		stop()
	})
}

// deaf is a session whose checkpoints do not end with their context.
type deaf struct{ *session }

func (d deaf) Checkpoint(ctx context.Context, df *spark.DataFrame, opt spark.Options) (spark.Checkpoint, error) {
	time.Sleep(time.Second)
	return d.session.Checkpoint(context.WithoutCancel(ctx), df, opt)
}

func TestAFailedBuildIsToldToAllAndNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		s := &session{before: func(_ context.Context, n int, _ *spark.DataFrame) error {
			time.Sleep(time.Second)
			if n == 1 {
				return boom
			}
			return nil
		}}
		c := New(Config{Session: s})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, _, err := c.Use(t.Context(), cached(1), spark.Options{})
				if !errors.Is(err, boom) || !strings.Contains(err.Error(), `"frame1"`) {
					t.Errorf("Use = %v, want boom and the frame's name", err)
				}
			})
		}
		wg.Wait()
		if left := c.Entries(); len(left) != 0 {
			t.Errorf("entries = %+v, want none", left)
		}
		use(t, c, cached(1))
		if s.builds() != 1 {
			t.Errorf("built %d times after the failure, want 1", s.builds())
		}
	})
}

func TestOneFailedBuildLeavesTheOtherInputsToTheirOwnCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		bad := hash(t, frame(2))
		var interrupted int
		s := &session{before: func(ctx context.Context, _ int, df *spark.DataFrame) error {
			if hash(t, df) == bad {
				time.Sleep(time.Second)
				return boom
			}
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
				interrupted++
				return context.Cause(ctx)
			}
			return nil
		}}
		c := New(Config{Session: s})
		var wg sync.WaitGroup
		wg.Go(func() { use(t, c, cached(3)) })
		synctest.Wait()
		df := cached(1).SetOp(cached(2), spark.Union, true, false, false).SetOp(cached(3), spark.Union, true, false, false)
		if _, _, err := c.Use(t.Context(), df, spark.Options{}); !errors.Is(err, boom) {
			t.Errorf("Use = %v, want boom", err)
		}
		wg.Wait()
		if interrupted != 1 {
			t.Errorf("%d builds were interrupted, want the one of frame1, which nobody else wanted", interrupted)
		}
		if e := entryOf(t, c, "frame3"); e.Builds != 1 || e.Leases != 0 {
			t.Errorf("frame3 = %+v, want it built and free", e)
		}
	})
}

func TestInnerCachedFramesAreBuiltFirst(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	inner := cached(1)
	outer := inner.Limit(5).Cached("outer")
	use(t, c, outer.Limit(2))
	if s.builds() != 2 {
		t.Fatalf("built %d times, want 2", s.builds())
	}
	if got, want := hash(t, s.built[0]), hash(t, frame(1)); got != want {
		t.Errorf("first built %s, want the inner frame", s.built[0])
	}
	ids := map[string]string{inner.CachedInputs()[0].ID: "relation-1"}
	if got, want := hash(t, s.built[1]), hash(t, inner.Limit(5).Substitute(ids)); got != want {
		t.Errorf("then built %s, want the outer frame on the inner's relation", s.built[1])
	}
	// The outer one is there, so that the inner is not even asked for.
	use(t, c, outer)
	if e := entryOf(t, c, "frame1"); e.Uses != 1 || e.Leases != 0 {
		t.Errorf("inner = %+v, want one use and no leases", e)
	}
}

func TestAReplacedSessionHasItsEntriesBuiltAnew(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	use(t, c, cached(1))
	s.replace()
	if left := c.Entries(); len(left) != 0 {
		t.Errorf("entries of the old session are shown: %+v", left)
	}
	use(t, c, cached(1))
	if e := entryOf(t, c, "frame1"); e.Builds != 2 || e.Generation != 1 {
		t.Errorf("entry = %+v, want the second build, of generation 1", e)
	}
	if len(s.released) != 0 {
		t.Errorf("released %v, which had gone with the old session", s.released)
	}
}

// The first input is ready when the engine is replaced under the second.
func TestInputsOfOnePlanAreOfOneSession(t *testing.T) {
	s := &session{}
	replaced := false
	s.before = func(_ context.Context, _ int, df *spark.DataFrame) error {
		if hash(t, df) == hash(t, frame(2)) && !replaced {
			replaced = true
			s.replace()
			return fmt.Errorf("checkpoint: %w", spark.ErrSessionLost)
		}
		return nil
	}
	c := New(Config{Session: s})
	use(t, c, cached(1))
	df, lease, err := c.Use(t.Context(), cached(1).Join(cached(2), "cross", nil, nil), spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	for _, name := range []string{"frame1", "frame2"} {
		if e := entryOf(t, c, name); e.Generation != 1 || !s.isLive(e.RelationID) {
			t.Errorf("%s = %+v, want it in generation 1", name, e)
		}
	}
	_ = df
}

func TestASessionThatIsReplacedAgainAndAgainEndsInAnError(t *testing.T) {
	s := &session{}
	s.before = func(context.Context, int, *spark.DataFrame) error {
		s.replace()
		return nil
	}
	c := New(Config{Session: s})
	_, _, err := c.Use(t.Context(), cached(1), spark.Options{})
	if !errors.Is(err, spark.ErrSessionLost) {
		t.Errorf("Use = %v, want ErrSessionLost", err)
	}
	if s.n != 2 {
		t.Errorf("tried %d times, want 2", s.n)
	}
}

func TestDoRunsOnceMoreWhenTheEngineLostTheRows(t *testing.T) {
	for _, lost := range []error{spark.ErrRelationGone, spark.ErrSessionLost} {
		s := &session{}
		c := New(Config{Session: s})
		use(t, c, cached(1))
		runs := 0
		err := c.Do(t.Context(), cached(1), spark.Options{}, func(context.Context, *spark.DataFrame) error {
			if runs++; runs == 1 {
				return fmt.Errorf("collect: %w", lost)
			}
			return nil
		})
		if err != nil || runs != 2 || s.builds() != 2 {
			t.Errorf("%v: Do = %v after %d runs and %d builds, want nil after 2 and 2", lost, err, runs, s.builds())
		}
	}
}

func TestDoDoesNotTryForEver(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	runs := 0
	err := c.Do(t.Context(), cached(1), spark.Options{}, func(context.Context, *spark.DataFrame) error {
		runs++
		return fmt.Errorf("collect: %w", spark.ErrRelationGone)
	})
	if !errors.Is(err, spark.ErrRelationGone) || runs != 2 || s.builds() != 2 {
		t.Errorf("Do = %v after %d runs and %d builds, want ErrRelationGone after 2 and 2", err, runs, s.builds())
	}
	if left := c.Entries(); len(left) != 0 {
		t.Errorf("entries = %+v, want none: the engine says they are gone", left)
	}
}

func TestDoReturnsOtherErrorsAtOnce(t *testing.T) {
	boom := errors.New("boom")
	c := New(Config{Session: &session{}})
	runs := 0
	err := c.Do(t.Context(), cached(1), spark.Options{}, func(context.Context, *spark.DataFrame) error {
		runs++
		return boom
	})
	if !errors.Is(err, boom) || runs != 1 {
		t.Errorf("Do = %v after %d runs, want boom after 1", err, runs)
	}
	use(t, c, cached(1))
	if e := entryOf(t, c, "frame1"); e.Builds != 1 || e.Hits != 1 || e.Leases != 0 {
		t.Errorf("entry = %+v, want it kept", e)
	}
}

func TestDoRunsNoCommandTwice(t *testing.T) {
	c := New(Config{Session: &session{}})
	runs := 0
	err := c.Do(t.Context(), spark.SQL("INSERT INTO t SELECT 1", nil, nil), spark.Options{}, func(context.Context, *spark.DataFrame) error {
		runs++
		return spark.ErrSessionLost
	})
	if !errors.Is(err, spark.ErrSessionLost) || runs != 1 {
		t.Errorf("Do = %v after %d runs, want ErrSessionLost after 1", err, runs)
	}
}

// The engine lost the rows of the inner frame, and the outer one was never built.
func TestABuildRebuildsWhatItIsBuiltOn(t *testing.T) {
	s := &session{}
	s.before = func(_ context.Context, n int, _ *spark.DataFrame) error {
		if n == 2 {
			return fmt.Errorf("checkpoint: %w", spark.ErrRelationGone)
		}
		return nil
	}
	c := New(Config{Session: s})
	use(t, c, cached(1))
	use(t, c, cached(1).Limit(5).Cached("outer"))
	if e := entryOf(t, c, "frame1"); e.Builds != 2 || e.Leases != 0 {
		t.Errorf("inner = %+v, want 2 builds", e)
	}
	if e := entryOf(t, c, "outer"); e.Builds != 1 || e.Failures != 0 {
		t.Errorf("outer = %+v, want 1 build", e)
	}
}

func TestWhatCannotBeCachedIsRefusedByName(t *testing.T) {
	boom := errors.New("no such column")
	tests := map[string]*spark.DataFrame{
		"is the command INSERT": spark.SQL("/* */ insert into t values (1)", nil, nil),
		"is the command DROP":   spark.SQL("DROP TABLE t", nil, nil).Limit(1),
		"empty SQL":             spark.SQL(" -- \n", nil, nil),
	}
	for want, df := range tests {
		s := &session{}
		c := New(Config{Session: s})
		_, _, err := c.Use(t.Context(), df.Cached("bad one"), spark.Options{})
		u, ok := errors.AsType[*UncacheableError](err)
		if !ok || u.Name != "bad one" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"bad one"`) {
			t.Errorf("Use = %v, want an UncacheableError that says %q", err, want)
		}
		if s.n != 0 || len(c.Entries()) != 0 {
			t.Errorf("%s: %d tries, entries %+v; want none", want, s.n, c.Entries())
		}
	}
	c := New(Config{Session: &session{}})
	if _, _, err := c.Use(t.Context(), spark.Invalid(boom).Cached("bad one"), spark.Options{}); !errors.Is(err, boom) {
		t.Errorf("Use = %v, want the frame's own error", err)
	}
	use(t, c, spark.SQL("WITH a AS (SELECT 1) SELECT * FROM a", nil, nil).Cached("good one"))
}

func TestTagsNameTheCacheAndMarkTheTask(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	outer := frame(1).Cached("in,ner").Limit(5).Cached("outer")
	_, lease, err := c.Use(t.Context(), outer, spark.Options{Tags: []string{"id-1", "task:demo.Count"}, OperationID: "used"})
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	want := [][]string{
		{"cache:in_ner", "cache:outer", "for:id-1", "for:task:demo.Count"},
		{"cache:outer", "for:id-1", "for:task:demo.Count"},
	}
	for n, opt := range s.options {
		if !slices.Equal(opt.Tags, want[n]) || opt.OperationID != "" {
			t.Errorf("build %d has tags %q and operation %q, want %q and its own", n, opt.Tags, opt.OperationID, want[n])
		}
	}
}

func TestProgressReachesAllWhoWaitAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		s.before = func(context.Context, int, *spark.DataFrame) error {
			s.mu.Lock()
			report := s.options[0].Progress
			s.mu.Unlock()
			time.Sleep(time.Second)
			report(spark.Progress{})
			time.Sleep(2 * time.Second)
			report(spark.Progress{})
			return nil
		}
		c := New(Config{Session: s})
		var counts [2]int
		var wg sync.WaitGroup
		for n := range counts {
			ctx, leave := context.WithTimeout(t.Context(), time.Duration(2+8*n)*time.Second)
			defer leave()
			wg.Go(func() {
				_, lease, err := c.Use(ctx, cached(1), spark.Options{Progress: func(spark.Progress) { counts[n]++ }})
				if err == nil {
					lease.Release()
				}
			})
		}
		wg.Wait()
		if counts != [2]int{1, 2} {
			t.Errorf("progress heard %v times, want 1 by the one that left and 2 by the other", counts)
		}
	})
}
