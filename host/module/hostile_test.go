package module

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

// hostileTimes is how often each hostile module runs: a few times, or as often
// as SPARKSTALK_HOSTILE says, which "make hostile" sets to 1,000. Then figures
// are printed and held to what is promised.
func hostileTimes(t *testing.T) (times int, measured bool) {
	if text := os.Getenv("SPARKSTALK_HOSTILE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SPARKSTALK_HOSTILE: %v", err)
		}
		return n, true
	}
	return 10, false
}

// processTimes is how often each runs in a process: a fifth of times, since many
// cost one process a call, or as often as SPARKSTALK_HOSTILE_PROCESSES says.
func processTimes(t *testing.T, times int) int {
	if text := os.Getenv("SPARKSTALK_HOSTILE_PROCESSES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SPARKSTALK_HOSTILE_PROCESSES: %v", err)
		}
		return n
	}
	return max(times/5, 1)
}

// harmed fails a measured run in which another module's calls took more than twice
// as long as in quiet, but for the turns of other threads that the system's scheduler
// may put in between.
func harmed(t *testing.T, others, quiet []time.Duration, turns time.Duration) {
	t.Helper()
	if limit := max(2*p99(quiet), turns); p99(others) > limit {
		t.Errorf("another module's calls took %v (p99), more than %v; without they took %v", p99(others), limit, p99(quiet))
	}
}

// A hostile module does what nobody should. Its call ends in its own way, or by
// the end of its context.
type hostile struct {
	name string
	asm  asm
	// end is in the error of a call that ends by itself; without one, the call
	// is interrupted.
	end string
}

// at loads the number at an address, and store stores one that is behind address
// and number.
func at(address int) []byte { return append(i32(address), 0x28, 2, 0) }

var store = []byte{0x36, 2, 0}

// forever runs code in a loop that does not end.
func forever(code ...[]byte) []byte {
	return slices.Concat([]byte{0x03, 0x40}, slices.Concat(code...), []byte{0x0c, 0, end, 0x00, end})
}

func hostiles() []hostile {
	const mib64 = 64 << 20
	done := slices.Concat(i32(0), []byte{end})
	memory := func(pages int) []byte { return append([]byte{0}, leb(pages)...) }

	// Each function of the tree calls the next twice: 2^60 calls.
	tree := make([][]byte, 60)
	for i := range tree {
		next := append([]byte{0x10}, leb(5+i)...)
		tree[i] = slices.Concat(next, next, []byte{end})
	}
	tree[59] = []byte{end}
	// Two functions call each other twice, as deep as the number at 0 says.
	twin := func(other int) []byte {
		call := append([]byte{0x10}, leb(other)...)
		return slices.Concat(i32(0), at(0), i32(1), []byte{0x6b}, store,
			at(0), []byte{0x04, 0x40}, call, call, []byte{end},
			i32(0), at(0), i32(1), []byte{0x6a}, store, []byte{end})
	}
	fill := slices.Concat(i32(0), i32(7), i32(mib64), []byte{0xfc, 11, 0})
	move := slices.Concat(i32(1), i32(0), i32(mib64-1), []byte{0xfc, 10, 0, 0})
	many := func(code []byte) []byte { return slices.Concat(slices.Repeat(code, 2000), done) }
	grow := func(n int) []byte { return slices.Concat([]byte{0xd0, 0x70}, i32(n), []byte{0xfc, 15, 0, 0x1a}) }
	million := append([]byte{1, 0x70, 0}, leb(1<<20)...)
	tableFill := slices.Concat(i32(0), []byte{0xd0, 0x70}, i32(1<<20), []byte{0xfc, 17, 0})
	call4 := slices.Concat([]byte{0x10, 4}, done)
	wasi := func(name string, of byte) [][]byte {
		return [][]byte{slices.Concat(str("wasi_snapshot_preview1"), str(name), []byte{0, of})}
	}
	// A line of 32 KiB without an end, on standard error, as often as it goes.
	print := slices.Concat(i32(0), i32(64), store, i32(4), i32(32<<10), store,
		forever(i32(2), i32(0), i32(1), i32(8), []byte{0x10, 2, 0x1a}))

	return []hostile{
		{name: "loop", asm: asm{run: bodyLoop}},
		{name: "tree of calls", asm: asm{run: call4, more: tree}},
		{name: "mutual recursion", asm: asm{run: slices.Concat(i32(0), i32(60), store, call4), more: [][]byte{twin(5), twin(4)}}},
		{name: "memory.grow", asm: asm{run: forever(i32(1), []byte{0x40, 0, 0x1a})}},
		{name: "memory.grow and use", asm: asm{run: forever(i32(16), []byte{0x40, 0, 0x1a},
			[]byte{0x3f, 0}, i32(16), []byte{0x74}, i32(1), []byte{0x6b}, i32(1), []byte{0x3a, 0, 0})}},
		{name: "memory.fill", asm: asm{memory: memory(mib64 / pageSize), run: many(fill)}},
		{name: "memory.copy", asm: asm{memory: memory(mib64 / pageSize), run: many(move)}},
		{name: "table.grow", asm: asm{table: []byte{1, 0x70, 0, 1}, run: forever(grow(1000))}},
		{name: "table.fill", asm: asm{table: million, run: many(tableFill)}},
		{name: "stack overflow", asm: asm{run: []byte{0x20, 0, 0x10, 3, end}}, end: "stack overflow"},
		{name: "trap", asm: asm{run: bodyTrap}, end: "unreachable"},
		{name: "exit", asm: asm{imports: wasi("proc_exit", 5), run: slices.Concat(i32(7), []byte{0x10, 2, 0x00, end})}, end: "exited with code 7"},
		{name: "print", asm: asm{imports: wasi("fd_write", 6), run: print}},
		{name: "host calls", asm: asm{run: forever(i32(1), []byte{0x10, 1, 0x1a})}},
		{name: "pointer", asm: asm{run: slices.Concat(i32(-1), i32(-1), []byte{0x10, 0, 0x1a}, done)}, end: "result_json: argument value: too long"},
		{name: "results", asm: asm{memory: memory(mib64 / pageSize), run: forever(i32(0), i32(mib64-1), []byte{0x10, 0, 0x1a})}},
	}
}

// TestHostileModules runs each of them again and again while another module
// answers. The host goes on, other calls do not fail, each call ends, and its
// instance is not used again.
func TestHostileModules(t *testing.T) {
	times, measured := hostileTimes(t)
	t.Run("in the host", func(t *testing.T) { runHostiles(t, bound(config(t)), times, measured) })
	t.Run("in processes", func(t *testing.T) {
		cfg := bound(isolated(config(t)))
		cfg.Isolated = func(name string) bool { return name != "good" }
		runHostiles(t, cfg, processTimes(t, times), measured)
	})
	t.Run("in processes, as is the other", func(t *testing.T) {
		runHostiles(t, bound(isolated(config(t))), processTimes(t, times), measured)
	})
}

func runHostiles(t *testing.T, cfg Config, times int, measured bool) {
	const limit = 20 * time.Millisecond
	cfg.Limits = limited(abi.Limits{MemoryMiB: 128})
	modules := hostiles()
	for i, m := range modules {
		m.asm.manifest = manifest("t." + m.name)
		put(t, cfg, fmt.Sprintf("m%02d.wasm", i), m.asm.bytes())
	}
	put(t, cfg, "good.wasm", small("t.good", 1))
	r := open(t, cfg)
	for _, m := range modules {
		if !slices.Contains(r.Tasks(), "t."+m.name) {
			t.Fatalf("%s is not served: %+v", m.name, r.Modules())
		}
	}
	alone := limit * 10
	if measured {
		alone *= 10
	}
	watchOther(t, r, func() { time.Sleep(limit) }) // what comes first is slow
	quiet := watchOther(t, r, func() { time.Sleep(alone) })
	inside := len(cfg.Process) > 0
	if measured {
		head := "| module | calls | end | overrun p99, ms | most, ms | of it without a CPU, ms | others p99, ms | without, ms | resident, MiB |"
		if inside {
			head += " processes | of its own, MiB |"
		}
		fmt.Printf("%s\n%s|\n", head, strings.Repeat("| --- ", strings.Count(head, "|")-1))
	}
	for _, m := range modules {
		t.Run(m.name, func(t *testing.T) {
			var over []time.Duration
			var most, waited time.Duration
			processes, last := make(map[int]bool), 0
			runtime.LockOSThread() // so that it is known how long it waited for a CPU
			defer runtime.UnlockOSThread()
			others := watchOther(t, r, func() {
				for range times {
					ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("over the limit"))
					begin, before := time.Now(), runDelay()
					err := run(ctx, r, "t."+m.name, &call{count: func(context.Context) (int64, error) { return 0, nil }})
					over = append(over, time.Since(begin)-limit)
					if last := over[len(over)-1]; last > most {
						most, waited = last, runDelay()-before
					}
					cancel()
					if last = idlePID(r, "t."+m.name); last != 0 {
						processes[last] = true
					}
					if want := cmp.Or(m.end, "over the limit"); err == nil || !strings.Contains(err.Error(), want) &&
						// A busy machine may not get so far.
						!strings.Contains(err.Error(), "over the limit") {
						t.Fatalf("got %v, want …%s…", err, want)
					}
				}
			})
			for _, info := range r.Modules() {
				if info.Tasks[0].Name == "t."+m.name && (info.Traps != uint64(times) || info.Instances > 1) {
					t.Errorf("%d traps of %d calls, %d instances", info.Traps, times, info.Instances)
				}
			}
			if measured {
				fmt.Printf("| %s | %d | %s | %.1f | %.1f | %.1f | %.2f | %.2f | %d |", m.name, times, cmp.Or(m.end, "interrupted"),
					ms(max(p99(over), 0)), ms(most), ms(waited), ms(p99(others)), ms(p99(quiet)), resident("self"))
				if inside {
					fmt.Printf(" %d | %d |", len(processes), resident(strconv.Itoa(last)))
				}
				fmt.Println()
				if most > 250*time.Millisecond {
					t.Errorf("one call ended %v after its limit", most)
				}
				turns := time.Millisecond
				if inside && cfg.Isolated("good") { // three processes have two CPUs, and a tick is 4 ms
					turns *= 4
				}
				harmed(t, others, quiet, turns)
			}
		})
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func p99(list []time.Duration) time.Duration { return percentile(list, 99) }

func percentile(list []time.Duration, p int) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)*p/100]
}

// runDelay is how long the system let this thread wait for a processor.
func runDelay() time.Duration {
	text, err := os.ReadFile("/proc/thread-self/schedstat")
	if err != nil {
		return 0
	}
	var ran, waited int64
	if _, err := fmt.Sscan(string(text), &ran, &waited); err != nil {
		return 0
	}
	return time.Duration(waited)
}

// idlePID is the process that the instance of a task's module lives in which was
// used last, or zero.
func idlePID(r *Registry, task string) int {
	lease, ok := r.Acquire(task)
	if !ok {
		return 0
	}
	defer lease.Release()
	v := lease.version
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.idle); n > 0 && v.idle[n-1].process != nil {
		return v.idle[n-1].process.cmd.Process.Pid
	}
	return 0
}

// resident is how much memory a process has, in MiB.
func resident(pid string) int {
	text, err := os.ReadFile("/proc/" + pid + "/statm")
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize() >> 20
}

// watchOther calls another module's task, now and then, while f runs, and
// returns how long its calls took. None of them may fail.
func watchOther(t *testing.T, r *Registry, f func()) (took []time.Duration) {
	t.Helper()
	stop := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(stop)
	all.Go(func() {
		for {
			begin := time.Now()
			if err := run(context.Background(), r, "t.good", &call{}); err != nil {
				t.Errorf("another module's call: %v", err)
				return
			}
			took = append(took, time.Since(begin))
			if len(took)%50 == 0 {
				runtime.GC() // which waits for all code that runs
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	f()
	return took
}
