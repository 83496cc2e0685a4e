package cache

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// persistedAs returns df as a cached DataFrame that is to be persisted.
func persistedAs(name string, df *spark.DataFrame) *spark.DataFrame {
	return df.CachedAs(name, spark.Keeping{StorageLevel: "MEMORY_AND_DISK"})
}

// twin is the same plan to the engine, and another one by its hash.
func twin(df *spark.DataFrame) *spark.DataFrame { return df.Alias("twin") }

func TestTheLastOwnerOfAPlanUnpersistsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{collide: true}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		df := frame(1)
		use(t, c, persistedAs("one", df))
		use(t, c, persistedAs("two", twin(df)))
		use(t, c, persistedAs("other", frame(2)))
		if s.persists != 2 || s.builds() != 0 {
			t.Errorf("persisted %d plans and checkpointed %d, want 2 and 0", s.persists, s.builds())
		}
		if e := entryOf(t, c, "two"); e.Storage != "MEMORY_AND_DISK" || e.RelationID != "" || e.Foreign {
			t.Errorf("entry = %+v, want one of our own in memory and on disk", e)
		}
		for _, step := range []struct {
			forget string
			want   bool
		}{{"one", true}, {"two", false}} {
			c.Forget(step.forget)
			synctest.Wait()
			if got := s.persistedNow(df); got != step.want {
				t.Errorf("persisted after %s was dropped: %t, want %t", step.forget, got, step.want)
			}
		}
		if !s.persistedNow(frame(2)) {
			t.Error("the other plan went with it")
		}
	})
}

func TestWhatSomebodyElsePersistedIsNotUnpersisted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		if err := s.Persist(t.Context(), frame(1), spark.StorageLevel{UseDisk: true}); err != nil {
			t.Fatal(err)
		}
		use(t, c, persistedAs("one", frame(1)))
		if e := entryOf(t, c, "one"); !e.Foreign || e.Storage != "DISK_ONLY" {
			t.Errorf("entry = %+v, want one of somebody else's, on disk", e)
		}
		c.Forget("one")
		synctest.Wait()
		if !s.persistedNow(frame(1)) {
			t.Error("somebody else's rows were unpersisted")
		}
	})
}

func TestRowsThatSomebodyUnpersistedAreBuiltAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s})
		use(t, c, persistedAs("one", frame(1)))
		c.checkPersisted(t.Context())
		if n := len(c.Entries()); n != 1 {
			t.Fatalf("%d entries, want 1", n)
		}
		if err := s.Unpersist(t.Context(), frame(1), true); err != nil {
			t.Fatal(err)
		}
		c.checkPersisted(t.Context())
		if n := len(c.Entries()); n != 0 {
			t.Errorf("%d entries, want none: the rows are gone", n)
		}
		use(t, c, persistedAs("one", frame(1)))
		if !s.persistedNow(frame(1)) {
			t.Error("not persisted again")
		}
	})
}

// A persisted plan names the cached rows that it reads, whenever it is used.
func TestWhatAPersistedPlanReadsIsKeptWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		outer := persistedAs("outer", cached(1).Limit(1))
		use(t, c, outer)
		c.Forget("frame1")
		synctest.Wait()
		if !s.isLive("relation-1") {
			t.Error("the inner rows were released while the outer ones need them")
		}
		c.Forget("outer")
		synctest.Wait()
		if s.isLive("relation-1") {
			t.Error("the inner rows are left")
		}
	})
}

func TestAFailedFillIsUnpersisted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("out of memory")
		s := &session{before: func(context.Context, int, *spark.DataFrame) error { return failure }}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		if _, _, err := c.Use(t.Context(), persistedAs("one", frame(1)), spark.Options{}); !errors.Is(err, failure) {
			t.Errorf("Use = %v, want %v", err, failure)
		}
		synctest.Wait()
		if s.persistedNow(frame(1)) || len(c.persists.plans) != 0 {
			t.Error("a plan that could not be computed is still persisted")
		}
	})
}

func TestAnEngineThatCannotPersistCheckpoints(t *testing.T) {
	var log bytes.Buffer
	s := &session{cannotPersist: true}
	c := New(Config{Session: s, StorageLevel: "DISK_ONLY", Log: slog.New(slog.NewTextHandler(&log, nil))})
	use(t, c, cached(1))
	c.Forget("frame1")
	use(t, c, cached(1))
	if e := entryOf(t, c, "frame1"); e.Storage != spark.Checkpointed || s.builds() != 2 {
		t.Errorf("entry = %+v, want a checkpoint", e)
	}
	if got := strings.Count(log.String(), "checkpointed instead of persisted"); got != 1 {
		t.Errorf("said so %d times, want once: %s", got, log.String())
	}
}

func TestLazyRowsAreLeftToTheActionUnlessTheyAreToBeWarm(t *testing.T) {
	s := &session{}
	c := New(Config{Session: s})
	lazy := spark.Keeping{Lazy: true}
	use(t, c, frame(1).CachedAs("checkpoint", lazy))
	lazy.StorageLevel = "MEMORY_ONLY"
	use(t, c, frame(2).CachedAs("persisted", lazy))
	if s.lazy != 1 || s.counted != 0 {
		t.Errorf("%d lazy checkpoints and %d counts, want 1 and 0", s.lazy, s.counted)
	}
	_, lease, err := c.Use(WithAsker(t.Context(), Asker{Warm: true}), frame(3).CachedAs("warm", lazy), spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	if s.counted != 1 {
		t.Errorf("%d counts, want the warm rows to be computed", s.counted)
	}
}

func TestHostsShareWhatTheyPersist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		df := persistedAs("one", frame(1))
		a, s := h.start(Config{})
		b, _ := h.start(Config{})
		use(t, a, df)
		use(t, b, df)
		if e := entryOf(t, b, "one"); e.Foreign || s.persists != 1 {
			t.Errorf("entry = %+v, want one that belongs to both hosts", e)
		}
		a.Forget("one")
		synctest.Wait()
		if !s.persistedNow(frame(1)) {
			t.Error("a host's rows were unpersisted by another")
		}
		b.Forget("one")
		synctest.Wait()
		if s.persistedNow(frame(1)) {
			t.Error("the last host has left the rows persisted")
		}
		// A host that stops leaves nothing that only it needs.
		use(t, a, df)
		h.stops[0]()
		h.stops[0] = func() {}
		if s.persistedNow(frame(1)) {
			t.Error("a host that stopped has left rows persisted")
		}
	})
}

func TestWhatADeadHostPersistedIsInherited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		defer h.stop()
		df := persistedAs("one", frame(1))
		dead := &session{views: h.views}
		use(t, New(Config{Session: dead}), df) // it never runs, so that it never says goodbye
		time.Sleep(10 * time.Minute)
		b, s := h.start(Config{})
		use(t, b, df)
		if e := entryOf(t, b, "one"); e.Foreign || s.persists != 0 {
			t.Errorf("entry = %+v, persisted %d times; want the dead host's rows as this one's own", e, s.persists)
		}
		b.Forget("one")
		synctest.Wait()
		if s.persistedNow(frame(1)) {
			t.Error("a dead host's rows are left persisted")
		}
	})
}

func TestPersistOnSpark(t *testing.T) {
	remote := proctest.Spark(t)
	s, other := connect(t, spark.Config{Remote: remote}), connect(t, spark.Config{Remote: remote})
	c := New(Config{Session: s})
	stop := start(t, c)
	defer stop()
	level := func(df *spark.DataFrame) string {
		t.Helper()
		l, err := other.StorageLevel(t.Context(), df) // persist is global
		if err != nil {
			t.Fatal(err)
		}
		return l.String()
	}
	df, _ := lines(t, "a\nb\nc\n")
	if n, err := count(t.Context(), c, s, persistedAs("lines", df)); n != 3 || err != nil {
		t.Errorf("count = %d, %v; want 3", n, err)
	}
	if n, err := count(t.Context(), c, s, persistedAs("twin", twin(df)).Filter(spark.SQLExpr("value > 'a'"))); n != 2 || err != nil {
		t.Errorf("count = %d, %v; want 2", n, err)
	}
	if got := level(df); got != "MEMORY_AND_DISK" {
		t.Errorf("level = %s", got)
	}
	got, lease, err := c.Use(t.Context(), persistedAs("lines", df), spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	if plan, err := s.Explain(t.Context(), got, "simple"); err != nil || !strings.Contains(plan, "InMemoryTableScan") {
		t.Errorf("a plan over persisted rows does not read them: %s, %v", plan, err)
	}
	if len(c.persists.plans) != 1 || c.persists.plans[0].entries != 2 {
		t.Errorf("Spark does not see two names of one plan: %+v", c.persists.plans)
	}
	eventually(t, "both are measured", func() bool {
		return entryOf(t, c, "lines").Rows == 3 && entryOf(t, c, "twin").Rows == 3
	})
	c.Forget("lines")
	eventually(t, "one owner is left", func() bool {
		if err := c.persists.lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer c.persists.unlock()
		return c.persists.plans[0].entries == 1
	})
	if got := level(df); got != "MEMORY_AND_DISK" {
		t.Errorf("level = %s, though the twin is still cached", got)
	}
	c.Forget("twin")
	eventually(t, "the last owner has unpersisted it", func() bool { return level(df) == "NONE" })

	// And what somebody else persists stays.
	foreign, _ := lines(t, "a\n")
	if err := other.Persist(t.Context(), foreign, spark.StorageLevel{UseDisk: true}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Unpersist(t.Context(), foreign, true); err != nil {
			t.Error(err)
		}
	}()
	if n, err := count(t.Context(), c, s, persistedAs("foreign", foreign)); n != 1 || err != nil {
		t.Errorf("count = %d, %v; want 1", n, err)
	}
	if e := entryOf(t, c, "foreign"); !e.Foreign || e.Storage != "DISK_ONLY" {
		t.Errorf("entry = %+v, want somebody else's", e)
	}
	c.Forget("foreign")
	eventually(t, "nothing is left to be dropped", func() bool {
		if err := c.persists.lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer c.persists.unlock()
		return len(c.persists.plans) == 0
	})
	if got := level(foreign); got != "DISK_ONLY" {
		t.Errorf("level = %s: somebody else's rows were unpersisted", got)
	}
}

func TestPersistOnSailIsNotBelieved(t *testing.T) {
	s := connect(t, spark.Config{Remote: proctest.Sail(t)})
	c := New(Config{Session: s})
	df, _ := lines(t, "a\nb\nc\n")
	if n, err := count(t.Context(), c, s, persistedAs("lines", df)); n != 3 || err != nil {
		t.Errorf("count = %d, %v; want 3", n, err)
	}
	if e := entryOf(t, c, "lines"); e.Storage != spark.Checkpointed || e.RelationID == "" {
		t.Errorf("entry = %+v, want a checkpoint, which does keep rows", e)
	}
}

func TestLazyCheckpointsOnEachEngine(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		s := connect(t, spark.Config{Remote: remote})
		c := New(Config{Session: s})
		df, _ := lines(t, "a\nb\nc\n")
		lazy := df.CachedAs("lines", spark.Keeping{Lazy: true})
		for range 2 {
			if n, err := count(t.Context(), c, s, lazy); n != 3 || err != nil {
				t.Errorf("count = %d, %v; want 3", n, err)
			}
		}
		if e := entryOf(t, c, "lines"); e.Builds != 1 {
			t.Errorf("entry = %+v, want one build", e)
		}
	})
}
