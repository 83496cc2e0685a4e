package rewrite

import "time"

// A shape is what decides how long wazero takes to compile a function: some of
// its passes are quadratic, and it cannot be stopped.
type shape struct {
	blocks   int // blocks, loops, ifs, and branches out of them
	branches int // of br_table
	depth    int // of loops in each other
	written  map[uint32]bool
}

// What wazero 1.12 takes to compile functions of the worst shapes, on one core
// of an AMD EPYC. The largest function of a Go guest counts as 0.1 s and a whole
// guest as 4 s, of which it takes a quarter.
const (
	perByte          = 10 * time.Nanosecond
	perFunction      = 10 * time.Microsecond
	perBlockSquared  = 40 * time.Nanosecond // which counts the blocks times the blocks
	perBranchSquared = 2 * time.Nanosecond
	perDepthSquared  = 800 * time.Nanosecond
	perValueOfBlock  = 3 * time.Microsecond // which counts the blocks times the locals that are written

	maxFunctionWork = 3 * time.Second
	maxModuleWork   = 2 * time.Minute
)

// estimate adds up how long the functions may take to compile.
func (e *emitter) estimate(index int) {
	s := e.shape
	square := func(n int) time.Duration { return time.Duration(min(n, 1<<20)) * time.Duration(min(n, 1<<20)) }
	work := perFunction + perByte*time.Duration(len(e.scratch)) + perBlockSquared*square(s.blocks) + perBranchSquared*square(s.branches) +
		perDepthSquared*square(s.depth) + perValueOfBlock*time.Duration(s.blocks*len(s.written))
	if work > maxFunctionWork {
		panic(tooMuch("function %d may take %v to compile, the limit is %v: it has %d blocks, %d branches of br_table, loops %d deep, and writes %d locals",
			e.importedFuncs+index, work.Round(time.Second/10), maxFunctionWork, s.blocks, s.branches, s.depth, len(s.written)))
	}
	if e.work += work; e.work > maxModuleWork {
		panic(tooMuch("its functions may take more than %v to compile", maxModuleWork))
	}
}
