package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// hosts are caches of hosts that use one engine, and their sessions.
type hosts struct {
	t        *testing.T
	views    *views
	caches   []*Cache
	sessions []*session
	stops    []func()
}

func (h *hosts) start(cfg Config) (*Cache, *session) {
	s := &session{views: h.views}
	cfg.Session = s
	c := New(cfg)
	h.caches, h.sessions, h.stops = append(h.caches, c), append(h.sessions, s), append(h.stops, start(h.t, c))
	return c, s
}

func (h *hosts) stop() {
	for _, stop := range h.stops {
		stop()
	}
}

func newHosts(t *testing.T) *hosts {
	return &hosts{t: t, views: &views{
		named: make(map[string]*spark.DataFrame), levels: make(map[string]spark.StorageLevel),
	}}
}

// published tells whether rows of frame n are there to be found.
func (h *hosts) published(n int) bool {
	hash, err := frame(n).Hash()
	if err != nil {
		h.t.Fatal(err)
	}
	h.views.mu.Lock()
	defer h.views.mu.Unlock()
	return h.views.named[rowsPrefix+hash] != nil && h.views.named[notePrefix+hash] != nil
}

func TestWhatOneHostBuiltAnotherFinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, _ := h.start(Config{})
		as(t, a, "1", cached(1))
		synctest.Wait()
		time.Sleep(time.Hour)
		b, sb := h.start(Config{})
		use(t, b, cached(1))
		synctest.Wait()
		if sb.builds() != 0 || sb.handles != 1 {
			t.Errorf("the second host built %d times and holds %d views, want 0 and 1", sb.builds(), sb.handles)
		}
		e := entryOf(t, b, "frame1")
		if !e.Found || !e.Shared || e.Builds != 0 || e.Builder != "demo.task" || !e.Measured || e.Rows != 1 || time.Since(e.BuiltAt) != time.Hour {
			t.Errorf("entry = %+v, want what the first host built an hour ago", e)
		}
		if got := b.Stats(); got.Found != 1 || got.Builds != 0 {
			t.Errorf("stats = %+v, want one found and none built", got)
		}
		// Age counts from the build, whoever's it was.
		time.Sleep(23 * time.Hour)
		use(t, b, cached(1))
		synctest.Wait()
		if sb.builds() != 1 || sb.handles != 0 {
			t.Errorf("after a day the second host built %d times and holds %d views, want 1 and 0", sb.builds(), sb.handles)
		}
	})
}

func TestOtherSettingsAreOtherRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, _ := h.start(Config{})
		use(t, a, cached(1))
		synctest.Wait()
		b, sb := h.start(Config{})
		sb.settings = "in another time zone"
		use(t, b, cached(1))
		c, sc := h.start(Config{Private: true})
		use(t, c, cached(1))
		synctest.Wait()
		if sb.builds() != 1 || sc.builds() != 1 {
			t.Errorf("built %d and %d times, want each to build for itself", sb.builds(), sc.builds())
		}
	})
}

func TestSettingsThatChangeDuringABuildAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, s := h.start(Config{})
		s.before = func(context.Context, int, *spark.DataFrame) error {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.settings += "changed"
			return nil
		}
		use(t, a, cached(1))
		synctest.Wait()
		if h.published(1) {
			t.Error("rows were published that were built under nobody knows which settings")
		}
	})
}

func TestRoomIsMadeOnlyOfWhatNoOtherHostHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, sa := h.start(Config{MaxEntries: 1})
		b, _ := h.start(Config{})
		use(t, a, cached(1))
		synctest.Wait()
		use(t, b, cached(1))
		synctest.Wait()
		time.Sleep(time.Second)
		use(t, a, cached(2)) // evicts frame1 of the first host
		synctest.Wait()
		if !h.published(1) || !h.published(2) {
			t.Errorf("published: %t, %t; want both, since the second host has frame1", h.published(1), h.published(2))
		}
		if sa.isLive("relation-1") {
			t.Error("the first host keeps its own hold on what it evicted")
		}
		time.Sleep(time.Second)
		use(t, a, cached(3)) // and frame2, which nobody else has
		synctest.Wait()
		if h.published(2) || !h.published(3) {
			t.Errorf("published: %t, %t; want frame3 alone", h.published(2), h.published(3))
		}
		// A host that died is no longer an owner.
		h.stops[1]()
		h.stops[1] = func() {}
		use(t, a, cached(1))
		synctest.Wait()
		time.Sleep(time.Second)
		use(t, a, cached(3))
		synctest.Wait()
		if h.published(1) {
			t.Error("what nobody has any more is still published")
		}
	})
}

func TestWhatIsDroppedByHandIsNotFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, sa := h.start(Config{})
		b, sb := h.start(Config{})
		use(t, a, cached(1))
		synctest.Wait()
		use(t, b, cached(1))
		time.Sleep(time.Millisecond) // rows are told apart by when they were built, and this clock stands
		b.Forget("frame1")
		use(t, b, cached(1)) // at once: it may still be published
		synctest.Wait()
		if sb.builds() != 1 {
			t.Errorf("built %d times, want 1: what was there was to be dropped", sb.builds())
		}
		if !h.published(1) {
			t.Error("the new rows are not published")
		}
		use(t, a, cached(1))
		if e := entryOf(t, a, "frame1"); e.Hits != 1 || sa.builds() != 1 || !sa.isLive("relation-1") {
			t.Errorf("entry of the other host = %+v, want its own rows as before", e)
		}
	})
}

func TestASuccessorFindsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, _ := h.start(Config{})
		use(t, a, cached(1))
		use(t, a, frame(2).CachedAs("ever", spark.Keeping{TTL: -1}))
		synctest.Wait()
		h.stops[0]()
		h.stops[0] = func() {}
		if names, err := h.sessions[0].GlobalViews(t.Context(), hostPrefix); err != nil || len(names) != 0 {
			t.Errorf("a host that stopped is still listed: %q, %v", names, err)
		}
		time.Sleep(23 * time.Hour)
		b, sb := h.start(Config{})
		use(t, b, cached(1))
		if sb.builds() != 0 {
			t.Error("the successor did not find the rows")
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if h.published(1) || h.published(2) {
			t.Errorf("published after a day: %t, %t; want neither what expired nor what no host has", h.published(1), h.published(2))
		}
	})
}

func TestALostSessionFindsWhatTheServerStillHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		a, sa := h.start(Config{})
		use(t, a, cached(1))
		synctest.Wait()
		sa.replace()
		use(t, a, cached(1))
		if e := entryOf(t, a, "frame1"); !e.Found || e.Generation != 1 || sa.builds() != 1 {
			t.Errorf("entry = %+v after %d builds, want the rows found in the new session", e, sa.builds())
		}
	})
}

// big is a DataFrame that takes Spark a while, of a plan that no other test has.
func big() *spark.DataFrame {
	start := int64(uuid.New().ID())
	value := spark.SQLExpr("sha2(repeat(cast(id as string), 30), 512) as value")
	return spark.Range(start, start+400_000, 1, 2).Select(value).Aggregate(spark.GroupBy,
		[]*spark.Column{spark.SQLExpr("substring(value, 1, 4) as value")},
		[]*spark.Column{spark.Call("count", []*spark.Column{spark.Lit(int64(1))}, false).Alias("n")}).Cached("big")
}

func TestARestartedHostFindsItsDataOnSpark(t *testing.T) {
	remote := proctest.Spark(t)
	df := big()
	first := connect(t, spark.Config{Remote: remote})
	a := New(Config{Session: first})
	stop := start(t, a)
	began := time.Now()
	want, err := count(t.Context(), a, first, df)
	if err != nil {
		t.Fatal(err)
	}
	built := time.Since(began)
	eventually(t, "it is published", func() bool { return entryOf(t, a, "big").Shared })
	stop()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := connect(t, spark.Config{Remote: remote})
	b := New(Config{Session: second})
	defer start(t, b)()
	began = time.Now()
	got, err := count(t.Context(), b, second, df)
	found := time.Since(began)
	if got != want || err != nil {
		t.Errorf("count = %d, %v; want %d", got, err, want)
	}
	e := entryOf(t, b, "big")
	if !e.Found || e.Builds != 0 || e.Rows != want {
		t.Errorf("entry = %+v, want one that was found", e)
	}
	t.Logf("built and counted in %v, found and counted after the restart in %v", built, found)
	if found > built {
		t.Errorf("to find took %v, longer than to build, %v", found, built)
	}

	// A plan over the found rows can be cached in turn.
	if n, err := count(t.Context(), b, second, df.Limit(7).Cached("outer")); n != 7 || err != nil {
		t.Errorf("count over found rows = %d, %v; want 7", n, err)
	}
	eventually(t, "that is published, too", func() bool { return entryOf(t, b, "outer").Shared })

	// A third host has it, too: the second may go.
	third := connect(t, spark.Config{Remote: remote})
	c := New(Config{Session: third})
	defer start(t, c)()
	if n, err := count(t.Context(), c, third, df); n != want || err != nil {
		t.Errorf("count = %d, %v; want %d", n, err, want)
	}
	b.Forget("big")
	names := func() int {
		t.Helper()
		list, err := third.GlobalViews(t.Context(), rowsPrefix+e.Hash)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	eventually(t, "it is withdrawn", func() bool { return names() == 0 })
	if n, err := count(t.Context(), c, third, df); n != want || err != nil || entryOf(t, c, "big").Hits != 1 {
		t.Errorf("count after another host dropped it = %d, %v; want %d from the rows as before", n, err, want)
	}
	b.Forget("outer")
	eventually(t, "all is withdrawn", func() bool {
		outer, err := df.Limit(7).Hash()
		if err != nil {
			t.Fatal(err)
		}
		list, err := third.GlobalViews(t.Context(), rowsPrefix+outer)
		return err == nil && len(list) == 0
	})
}
