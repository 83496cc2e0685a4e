// Package faults breaks what a worker depends on, and the worker itself, while it
// works, and counts what came of the tasks. The tests are a short cut; make
// faults-broker makes each fault 20 times among 10,000 tasks and prints a table.
package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(cleaned{m}) }

// cleaned removes what was built once the tests have run.
type cleaned struct{ *testing.M }

func (c cleaned) Run() int {
	code := c.M.Run()
	if made, err := built(); err == nil {
		if err := os.RemoveAll(filepath.Dir(made.binary)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// A fault is one way to break something, and what may come of it.
type fault struct {
	name    string
	through string // broker and results, for people
	long    bool   // for the table alone: it takes minutes
	bed     func(t *testing.T) *bed
	// inject breaks something and returns once that is over. The time it returns
	// is from when on the worker could go on; zero if it never had to stop.
	inject func(b *bed) time.Time
	after  func(b *bed)              // before the tasks are counted
	judge  func(t *testing.T, r row) // beyond what all are held to
	note   string
	early  bool // acknowledged before they run: what ran at a kill may be lost
	copies int
}

// run makes a fault again and again among tasks, and counts.
func (f fault) run(t *testing.T) {
	tasks, times := 150, 2
	if whole != "" {
		tasks, times = 500, 20
	}
	b := f.bed(t)
	b.worker()
	b.publish(10, 1) // the worker is there, and so is all that it needs
	b.drained()
	r := row{fault: f.name, through: f.through, times: times, note: f.note}
	for range times {
		before, _ := b.effects.ran()
		b.publish(tasks, max(f.copies, 1))
		after := before + int(float64(tasks)*(0.1+0.6*rand.Float64()))
		b.eventually("some tasks to have run", func() bool { n, _ := b.effects.ran(); return n >= after || n == b.sent })
		began := time.Now()
		back := f.inject(b)
		b.drained()
		if back.IsZero() {
			r.recovery = append(r.recovery, b.effects.pause(began))
		} else if d, ok := b.effects.since(back); ok {
			r.recovery = append(r.recovery, d)
		}
	}
	if f.after != nil {
		f.after(b)
	}
	b.finish()
	b.count(&r)
	r.write(t)
	if f.early {
		if r.lost > slots*times {
			t.Errorf("%d tasks never ran or ended, %d kills lost at most %d that ran", r.lost, times, slots*times)
		}
	} else if r.lost > 0 || r.unanswered > 0 {
		t.Errorf("%d tasks never ran, %d have no result", r.lost, r.unanswered)
	}
	if f.judge != nil {
		f.judge(t, r)
	}
}

func TestFaults(t *testing.T) {
	for _, f := range all {
		if f.long && whole == "" {
			continue
		}
		t.Run(f.name+", "+f.through, f.run)
	}
}
