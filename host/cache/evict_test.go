package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// start runs the cache until the test calls the function it returns.
func start(t *testing.T, c *Cache) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

func TestEntriesExpireByTheirAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, TTL: time.Hour})
		stop := start(t, c)
		defer stop()
		use(t, c, cached(1))
		use(t, c, cached(2))
		for range 5 { // to be asked for does not make an entry younger
			time.Sleep(11 * time.Minute)
			use(t, c, cached(1))
		}
		if got := s.builds(); got != 2 {
			t.Errorf("built %d times within the hour, want 2", got)
		}
		_, lease, err := c.Use(t.Context(), cached(2), spark.Options{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if left := c.Entries(); len(left) != 0 {
			t.Errorf("entries after the hour = %+v, want none", left)
		}
		if s.isLive("relation-1") || !s.isLive("relation-2") {
			t.Errorf("released %v, want relation-1 and not relation-2, which is in use", s.released)
		}
		use(t, c, cached(2))
		if got := s.builds(); got != 3 {
			t.Errorf("built %d times, want 3", got)
		}
		lease.Release()
		synctest.Wait()
		if s.isLive("relation-2") || !s.isLive("relation-3") {
			t.Errorf("released %v, want relation-2 at the end of its lease, and not relation-3", s.released)
		}
	})
}

func TestExpiryDoesNotNeedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s})
		use(t, c, cached(1))
		time.Sleep(24 * time.Hour)
		use(t, c, cached(1))
		if got := s.builds(); got != 2 {
			t.Errorf("built %d times, want 2: the default is a day", got)
		}
	})
}

func TestNegativeLimitsMeanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, TTL: -1, MaxEntries: -1})
		stop := start(t, c)
		defer stop()
		for n := range 200 {
			use(t, c, cached(n))
		}
		time.Sleep(100 * time.Hour)
		for n := range 200 {
			use(t, c, cached(n))
		}
		if got := s.builds(); got != 200 {
			t.Errorf("built %d times, want 200", got)
		}
		if e := entryOf(t, c, "frame7"); !e.Expires.IsZero() {
			t.Errorf("expires %v, want never", e.Expires)
		}
	})
}

func TestThoseUsedLongestAgoMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, MaxEntries: 2})
		stop := start(t, c)
		defer stop()
		for _, n := range []int{1, 2, 1, 3} {
			time.Sleep(time.Second)
			use(t, c, cached(n))
		}
		synctest.Wait()
		if s.isLive("relation-2") || s.liveCount() != 2 {
			t.Errorf("released %v, want relation-2", s.released)
		}
	})
}

func TestEntriesInUseStayAndGoWhenTheyAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, MaxEntries: 1})
		stop := start(t, c)
		defer stop()
		_, lease, err := c.Use(t.Context(), cached(1).Join(cached(2), "cross", nil, nil), spark.Options{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if s.liveCount() != 2 || len(c.Entries()) != 2 {
			t.Errorf("%d live, entries %+v; want both, which are in use", s.liveCount(), c.Entries())
		}
		lease.Release()
		lease.Release()
		synctest.Wait()
		if s.liveCount() != 1 || len(c.Entries()) != 1 {
			t.Errorf("%d live, entries %+v; want one of each", s.liveCount(), c.Entries())
		}
	})
}

func TestForgetDropsByHashAndName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		use(t, c, cached(1))
		use(t, c, cached(2))
		use(t, c, frame(3).Cached("frame2"))
		if got := c.Forget(hash(t, frame(1))); got != 1 {
			t.Errorf("Forget(hash) = %d, want 1", got)
		}
		if got := c.Forget("frame2"); got != 2 {
			t.Errorf("Forget(name) = %d, want 2", got)
		}
		if got := c.Forget("nobody"); got != 0 {
			t.Errorf("Forget(nobody) = %d, want 0", got)
		}
		synctest.Wait()
		if s.liveCount() != 0 || len(c.Entries()) != 0 {
			t.Errorf("%d live, entries %+v; want none", s.liveCount(), c.Entries())
		}
	})
}

// Who forgets wants to see what is there from now on: a build that began
// before may have read the older files.
func TestForgetAlsoGoesForABuildUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{before: func(context.Context, int, *spark.DataFrame) error {
			time.Sleep(time.Second)
			return nil
		}}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		var wg sync.WaitGroup
		wg.Go(func() { use(t, c, cached(1)) })
		synctest.Wait()
		if got := c.Forget("frame1"); got != 1 {
			t.Errorf("Forget = %d, want 1", got)
		}
		wg.Go(func() { use(t, c, cached(1)) })
		wg.Wait()
		synctest.Wait()
		if s.builds() != 2 || s.liveCount() != 1 || !s.isLive("relation-2") {
			t.Errorf("%d builds, released %v; want 2 and the first one", s.builds(), s.released)
		}
	})
}

// unreachable is a session whose first releases fail since the engine is away.
type unreachable struct {
	*session
	fails int
}

func (u *unreachable) Release(ctx context.Context, checkpoint spark.Checkpoint) error {
	if u.fails--; u.fails >= 0 {
		return fmt.Errorf("release: %w", spark.ErrUnavailable)
	}
	return u.session.Release(ctx, checkpoint)
}

func TestReleasesAreTriedAgainWhenTheEngineIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: &unreachable{s, 2}})
		stop := start(t, c)
		defer stop()
		use(t, c, cached(1))
		use(t, c, cached(2))
		c.Forget("frame1")
		c.Forget("frame2")
		synctest.Wait()
		if s.liveCount() != 2 {
			t.Fatalf("released %v while the engine was away", s.released)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if s.liveCount() != 0 {
			t.Errorf("released %v, want both", s.released)
		}
	})
}

// What holds whatever happens: rows are there as long as someone has a lease on
// them, and nothing stays in the engine that the cache does not know.
func TestNothingIsReleasedInUseNorLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		s.before = func(ctx context.Context, n int, _ *spark.DataFrame) error {
			select {
			case <-time.After(time.Duration(1+n%7) * time.Millisecond):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if n%11 == 0 {
				return errors.New("boom")
			}
			return nil
		}
		c := New(Config{Session: s, MaxEntries: 3, TTL: 40 * time.Millisecond})
		stop := start(t, c)
		var wg sync.WaitGroup
		for seed := range 24 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(1, uint64(seed)))
				for range 150 {
					df := cached(rnd.IntN(6))
					if rnd.IntN(3) == 0 {
						df = df.Limit(1).Cached("outer")
					}
					if rnd.IntN(3) == 0 {
						df = df.Join(cached(rnd.IntN(6)), "cross", nil, nil)
					}
					ctx, leave := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(12))*time.Millisecond)
					hold := time.Duration(rnd.IntN(3)) * time.Millisecond
					_, lease, err := c.Use(ctx, df, spark.Options{})
					leave()
					if err != nil {
						continue
					}
					time.Sleep(hold)
					for _, cl := range lease.claims {
						cp := cl.entry.kept.checkpoint
						if cp.Generation == s.Generation() && !s.isLive(cp.RelationID) {
							t.Errorf("%s was released under a lease", cp.RelationID)
						}
					}
					if rnd.IntN(10) == 0 {
						lease.forget("test")
					}
					lease.Release()
				}
			})
		}
		wg.Go(func() {
			for range 5 {
				time.Sleep(50 * time.Millisecond)
				s.replace()
			}
		})
		wg.Go(func() {
			for range 50 {
				time.Sleep(7 * time.Millisecond)
				c.Forget("frame3")
			}
		})
		wg.Wait()
		time.Sleep(time.Second) // everything expires
		synctest.Wait()
		if left := c.Entries(); s.liveCount() != 0 || len(left) != 0 {
			t.Errorf("%d relations are left and entries %+v, want none", s.liveCount(), left)
		}
		t.Logf("%d checkpoints, %d of them succeeded", s.n, s.builds())
		stop()
	})
}
