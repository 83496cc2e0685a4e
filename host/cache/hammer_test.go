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

// Three hosts on one server, with modules that come and go, little room, builds
// that fail and callers that leave: rows are there as long as somebody has a
// lease on them, persisted rows as long as any host uses them, and in the end
// nothing is left in the engine.
func TestHostsLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHosts(t)
		var wg sync.WaitGroup
		for host := range 3 {
			c, s := h.start(Config{MaxEntries: 3, MaxBytes: 12, TTL: time.Minute, Grace: 2 * time.Second})
			s.size = sized
			s.before = func(ctx context.Context, n int, _ *spark.DataFrame) error {
				select {
				case <-time.After(time.Duration(1+n%7) * 10 * time.Millisecond):
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				if n%13 == 0 {
					return errors.New("boom")
				}
				return nil
			}
			for seed := range 6 {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(uint64(host), uint64(seed)))
					for range 80 {
						hammer(t, c, s, rnd)
					}
				})
			}
		}
		wg.Wait()
		for _, c := range h.caches {
			c.SetLive(nil)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for i, s := range h.sessions {
			if left := h.caches[i].Entries(); s.liveCount() != 0 || s.handles != 0 || len(left) != 0 {
				t.Errorf("host %d: %d relations, %d views and the entries %+v are left, want none", i, s.liveCount(), s.handles, left)
			}
			t.Logf("host %d: %+v", i, h.caches[i].Stats())
		}
		if len(h.views.levels) != 0 {
			t.Errorf("plans are left persisted: %v", h.views.levels)
		}
		for name := range h.views.named {
			if name[:len(hostPrefix)] != hostPrefix {
				t.Errorf("%s is left published", name)
			}
		}
		h.stop()
		if len(h.views.named) != 0 {
			t.Errorf("hosts that stopped have left %v", h.views.named)
		}
	})
}

// hammer uses the cache once.
func hammer(t *testing.T, c *Cache, s *session, rnd *rand.Rand) {
	n := rnd.IntN(8)
	df := cached(n)
	if n > 5 {
		df = persistedAs(fmt.Sprint("persisted", n), frame(n))
	}
	ctx, leave := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(200))*time.Millisecond)
	defer leave()
	owner := Owner{Module: "demo", Version: fmt.Sprint(rnd.IntN(3))}
	_, lease, err := c.Use(WithAsker(ctx, Asker{Owner: owner, Warm: rnd.IntN(9) == 0}), df, spark.Options{})
	if err != nil {
		return
	}
	time.Sleep(time.Duration(rnd.IntN(50)) * time.Millisecond)
	for _, cl := range lease.claims {
		rows := &cl.entry.kept
		switch {
		case rows.persisted != nil && !s.persistedNow(frame(n)):
			t.Errorf("frame %d was unpersisted under a lease", n)
		case rows.persisted == nil && rows.handle == "" && !s.isLive(rows.checkpoint.RelationID):
			t.Errorf("%s was released under a lease", rows.checkpoint.RelationID)
		}
	}
	lease.Release()
	switch rnd.IntN(20) {
	case 0:
		c.Forget(fmt.Sprint("frame", n))
	case 1:
		c.SetLive([]Owner{owner})
	}
}
