package module

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	// refuse has n files refused that take so long each, and returns the share of
	// the time that they took.
	refuse := func(p *pace, n int, took time.Duration) float64 {
		begin := time.Now()
		for range n {
			time.Sleep(p.rest())
			time.Sleep(took)
			p.spend(took)
		}
		return float64(took) * float64(n) / float64(time.Since(begin))
	}
	synctest.Test(t, func(t *testing.T) {
		var p pace
		if share := refuse(&p, 3, time.Second); share != 1 {
			t.Errorf("the first files had to wait: they took %.2f of the time", share)
		}
		if rest := p.rest(); rest != 0 {
			t.Errorf("then a rest of %v", rest)
		}
		time.Sleep(time.Hour)
		for _, took := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
			refuse(&p, int(paceCredit/took), took)
			if share := refuse(&p, 1000, took); share < 0.01 || share > 0.025 {
				t.Errorf("files of %v took %.3f of the time", took, share)
			}
		}
		for _, took := range []time.Duration{time.Second, time.Minute} {
			refuse(&p, 10, took)
			begin := time.Now()
			if share := refuse(&p, 10, took); share > 0.55 {
				t.Errorf("files of %v took %.2f of the time", took, share)
			}
			if each := time.Since(begin) / 10; each > took+max(paceRest, took) {
				t.Errorf("files of %v were looked at every %v", took, each)
			}
		}
		time.Sleep(time.Hour)
		if rest := p.rest(); rest != 0 {
			t.Errorf("after an hour of peace a rest of %v", rest)
		}
	})
}
