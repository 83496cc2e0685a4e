package cache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestAModuleHoldsNoMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &session{size: sized}
		c := New(Config{Session: s})
		stop := start(t, c)
		defer stop()
		ask := func(module string, quota int64, n int) *Lease {
			t.Helper()
			time.Sleep(time.Second)
			ctx := WithAsker(t.Context(), Asker{Owner: Owner{Module: module, Version: "1"}, Quota: quota})
			_, lease, err := c.Use(ctx, cached(n), spark.Options{})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // it is measured
			return lease
		}
		use := func(module string, quota int64, n int) {
			t.Helper()
			ask(module, quota, n).Release()
			synctest.Wait()
		}
		left := func(want ...string) {
			t.Helper()
			have := map[string]bool{}
			for _, e := range c.Entries() {
				have[e.Name] = true
			}
			for _, name := range want {
				if !have[name] {
					t.Errorf("%s is gone: %v", name, have)
				}
			}
			if len(have) != len(want) {
				t.Errorf("left: %v, want %v", have, want)
			}
		}
		use("other", 0, 90)
		use("small", 50, 20)
		use("small", 50, 25)
		use("small", 50, 20)
		left("frame90", "frame20", "frame25")
		use("small", 50, 10) // 55 in all: the one used longest ago goes
		left("frame90", "frame20", "frame10")
		use("small", 50, 90) // another's stays the other's
		left("frame90", "frame20", "frame10")
		use("small", 50, 60) // more than it may hold at all
		left("frame90", "frame20", "frame10")

		lease := ask("small", 50, 30)
		use("small", 50, 40) // what is in use stays as long as it is
		left("frame90", "frame30")
		use("small", 50, 20)
		left("frame90", "frame30", "frame20")
		use("small", 10, 5) // it may hold less from now on
		left("frame90", "frame30")
		lease.Release()
		synctest.Wait()
		left("frame90")
		use("small", 0, 70)
		use("small", 0, 80)
		left("frame90", "frame70", "frame80")
	})
}
