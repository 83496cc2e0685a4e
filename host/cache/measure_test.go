package cache

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// sized makes each relation as large as the number of its frame.
func sized(df *spark.DataFrame) int64 {
	for n := range int64(100) {
		if df.String() == frame(int(n)).String() {
			return n
		}
	}
	return 0
}

func TestTheByteBudgetIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{size: sized}
		c := New(Config{Session: s, MaxBytes: 50})
		stop := start(t, c)
		defer stop()
		ask := func(n int) { time.Sleep(time.Second); use(t, c, cached(n)); synctest.Wait() }
		ask(20)
		ask(25)
		if got := c.Stats(); got.Bytes != 45 || got.Entries != 2 || got.Evictions != 0 {
			t.Errorf("stats = %+v, want 45 bytes in 2 entries", got)
		}
		ask(20)
		ask(10) // 55 in all: the one used longest ago makes room
		if got := c.Stats(); got.Bytes != 30 || got.Evictions != 1 {
			t.Errorf("stats = %+v, want 30 bytes after one eviction", got)
		}
		if e := entryOf(t, c, "frame20"); !e.Measured || e.Rows != 1 || e.Bytes != 20 || e.BytesFrom != spark.SizeFromEngine {
			t.Errorf("entry = %+v, want 20 bytes", e)
		}
		_, lease, err := c.Use(t.Context(), cached(20), spark.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ask(45) // only what is not in use can make room
		if got := c.Stats(); got.Bytes != 20 {
			t.Errorf("stats = %+v, want what is in use alone", got)
		}
		lease.Release()
		ask(60) // more than there may be at all
		if got := c.Stats(); got.Entries != 0 || got.Bytes != 0 {
			t.Errorf("stats = %+v, want nothing left", got)
		}
		if got := s.liveCount(); got != 0 {
			t.Errorf("%d relations in the engine, want none", got)
		}
	})
}

func TestEachPlanMayHaveATTLOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, TTL: time.Hour})
		short := frame(1).CachedAs("short", spark.Keeping{TTL: time.Minute})
		ever := frame(2).CachedAs("ever", spark.Keeping{TTL: -1})
		use(t, c, short)
		use(t, c, ever)
		use(t, c, cached(3))
		if e := entryOf(t, c, "ever"); !e.Expires.IsZero() {
			t.Errorf("ever expires at %v", e.Expires)
		}
		if e := entryOf(t, c, "short"); e.Expires.Sub(e.BuiltAt) != time.Minute {
			t.Errorf("short expires after %v", e.Expires.Sub(e.BuiltAt))
		}
		time.Sleep(time.Minute)
		if n := len(c.Entries()); n != 2 {
			t.Errorf("%d entries after a minute, want 2", n)
		}
		time.Sleep(time.Hour)
		if n := len(c.Entries()); n != 1 {
			t.Errorf("%d entries after an hour, want 1", n)
		}
	})
}

func TestAnEntryThatCannotBeMeasuredIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{}
		c := New(Config{Session: s, MaxBytes: 1})
		stop := start(t, c)
		defer stop()
		s.before = func(context.Context, int, *spark.DataFrame) error { s.unmeasurable = true; return nil }
		use(t, c, cached(1))
		synctest.Wait()
		if e := entryOf(t, c, "frame1"); e.Measured || e.Leases != 0 {
			t.Errorf("entry = %+v, want one of unknown size", e)
		}
	})
}

func TestEvictedByAPartOfTheHash(t *testing.T) {
	c := New(Config{Session: &session{}})
	use(t, c, cached(1))
	hash := entryOf(t, c, "frame1").Hash
	for _, other := range []string{"", hash[:7], strings.Repeat("0", 64), "frame"} {
		if n := c.Forget(other); n != 0 {
			t.Errorf("Forget(%q) = %d", other, n)
		}
	}
	if n := c.Forget(hash[:8]); n != 1 {
		t.Errorf("Forget(%q) = %d, want 1", hash[:8], n)
	}
}
