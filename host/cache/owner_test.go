package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// as uses df once on behalf of a module's version.
func as(t testing.TB, c *Cache, version string, df *spark.DataFrame) {
	t.Helper()
	asker := Asker{Owner: Owner{Module: "demo", Version: version}, Task: "demo.task", TaskID: "id-" + version}
	_, lease, err := c.Use(WithAsker(t.Context(), asker), df, spark.Options{})
	if err != nil {
		t.Fatalf("Use: %v", err)
	}
	lease.Release()
}

func owners(versions ...string) []Owner {
	out := make([]Owner, 0, len(versions))
	for _, v := range versions {
		out = append(out, Owner{Module: "demo", Version: v})
	}
	return out
}

func TestWhatNoLiveModuleAsksForGoesAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, Grace: 10 * time.Minute})
		stop := start(t, c)
		defer stop()
		c.SetLive(owners("1"))
		as(t, c, "1", cached(1)) // its plan is the same in version 2
		as(t, c, "1", cached(2)) // and this one's is not
		use(t, c, cached(3))     // nobody's in particular
		inner := cached(4)
		as(t, c, "1", inner.Limit(1).Cached("outer"))
		c.SetLive(owners("2"))
		time.Sleep(5 * time.Minute)
		as(t, c, "2", cached(1))
		as(t, c, "1", cached(2)) // by a call that began before the swap
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if n := len(c.Entries()); n != 5 {
			t.Errorf("%d entries within the grace, want 5", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		left := map[string]bool{}
		for _, e := range c.Entries() {
			left[e.Name] = true
		}
		if len(left) != 2 || !left["frame1"] || !left["frame3"] {
			t.Errorf("left after the grace: %v, want frame1 and frame3", left)
		}
		if e := entryOf(t, c, "frame1"); e.Builds != 1 || len(e.Owners) != 1 || e.Owners[0].Version != "2" || !e.Orphaned.IsZero() || e.Builder != "demo.task" || e.BuilderID != "id-1" {
			t.Errorf("frame1 = %+v, want the build of version 1, owned by version 2", e)
		}
		if got := s.liveCount(); got != 2 {
			t.Errorf("%d relations in the engine, want 2", got)
		}
		if got := c.Stats(); got.Unwanted != 3 || got.Entries != 2 {
			t.Errorf("stats = %+v, want 3 unwanted and 2 left", got)
		}
	})
}

func TestAModuleThatComesBackInTimeFindsItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, Grace: time.Minute})
		stop := start(t, c)
		defer stop()
		as(t, c, "1", cached(1))
		c.SetLive(nil)
		time.Sleep(50 * time.Second)
		c.SetLive(owners("1"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if e := entryOf(t, c, "frame1"); e.Builds != 1 {
			t.Errorf("frame1 = %+v, want it kept", e)
		}
	})
}

func TestWhatIsInUseOutlivesTheGraceInTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, Grace: time.Minute})
		stop := start(t, c)
		defer stop()
		asker := WithAsker(t.Context(), Asker{Owner: Owner{Module: "demo", Version: "1"}})
		_, lease, err := c.Use(asker, cached(1), spark.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.SetLive(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !s.isLive("relation-1") {
			t.Error("rows were released under a lease")
		}
		lease.Release()
		synctest.Wait()
		if s.isLive("relation-1") {
			t.Error("rows are still there after the last lease")
		}
	})
}

func TestAWarmBuildIsNoUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Session: &session{}, TTL: time.Hour})
		warm := func(ctx context.Context) {
			_, lease, err := c.Use(WithAsker(ctx, Asker{Task: "warm:frame1", Warm: true}), cached(1), spark.Options{})
			if err != nil {
				t.Fatal(err)
			}
			lease.Release()
		}
		warm(t.Context())
		warm(t.Context())
		e := entryOf(t, c, "frame1")
		if !e.Warm || e.Uses != 0 || e.Hits != 0 || e.Builds != 1 || e.Builder != "warm:frame1" {
			t.Errorf("entry = %+v, want a warm one without uses", e)
		}
		if c.Missing(e.Hash) {
			t.Error("it is missing, though it was just built")
		}
		time.Sleep(time.Hour)
		if !c.Missing(e.Hash) {
			t.Error("it is not missing, though it expired")
		}
		use(t, c, cached(1))
		c.Forget("frame1")
		if c.Missing(e.Hash) {
			t.Error("it is missing, though someone had it dropped")
		}
	})
}
