// Package rewrite makes a WebAssembly module one that its host can stop.
//
// wazero can interrupt code only where it calls Go, and while code does not,
// the garbage collector of the whole process waits for it. So [Module] adds what
// counts: each function and each round of a loop takes from a budget what it
// may cost at most, in bytes of code, and when that is used up calls the host's
// [TickName], which looks whether the call is to go on and hands out the next
// budget. Between two ticks a module can do only so much, whatever its shape:
// loops, trees of calls, recursion. Large memory.fill and memory.copy are done in
// pieces; other bulk instructions are bounded by what they work on, and taken
// from the budget as well.
//
// It counts the stack in the same way: each function that calls others takes
// about what its frame needs and gives it back; if nothing is left, the host is
// called, which ends the call. Memory and tables get a maximum. What cannot be
// bounded, or takes too long to compile, is an error.
//
// All else is as it was: results, traps and memory, exports, custom sections.
// Functions move by one place, since there is one import more; names for
// messages move with them. Of DWARF the lines of the source are kept, and written
// anew for the code as it is then.
//
// A module need not be valid to be rewritten, but it is never made valid: what
// it refers to must be its own, not what is added here.
//
// [Direct] rewrites the copies of modules that executors run instead, so that a
// JVM runs them fast.
package rewrite

import "fmt"

// The function that a rewritten module imports, of type (i32) -> i32. It takes
// what is left of the stack, in bytes, negative if it is used up, and returns the
// next budget. It ends the call by a panic.
const (
	ImportModule = "sparkstalk_guard"
	TickName     = "tick"
)

// Limits say what a module may have. Zero fields mean their defaults.
type Limits struct {
	// StackBytes is how much stack its calls may need, as [Module] counts it: for
	// each call 64 bytes, and 8 for each parameter and local. Zero means 64 MiB.
	StackBytes int
	// MemoryPages is the most linear memory in pages of 64 KiB. Zero means 8192.
	MemoryPages uint32
	// TableEntries is how far each table may grow; a table that begins with more
	// never grows. Zero means 16384.
	TableEntries uint32
}

// What a module may have at most. Larger ones than compilers make take longer
// to compile than is proportional.
const (
	maxTables      = 16
	maxTableMin    = 1 << 20 // entries that a table begins with
	maxFunctions   = 100_000
	maxTypes       = 100_000
	maxGlobals     = 100_000
	maxSegments    = 100_000   // of data, of elements
	maxElements    = 1 << 21   // in all segments together
	maxExports     = 10_000    // and imports
	maxBody        = 512 << 10 // bytes of a function
	maxLocals      = 10_000    // of a function, with its parameters
	maxDepth       = 4096      // of blocks in each other
	maxLabels      = 1 << 16   // of a br_table
	maxStack       = 1 << 30
	defaultStack   = 64 << 20
	defaultPages   = 8192
	defaultEntries = 16384
	callCost       = 64   // of a call, beside what the function takes itself
	smallBody      = 64   // a function of so many bytes that calls nothing and loops never takes nothing
	frameBytes     = 64   // of stack, and
	valueBytes     = 8    // for each parameter and local
	firstBudget    = 1000 // until the first tick of an instance
	piece          = 64 << 10
	pieceShift     = 3 // what bulk instructions take: a unit for 8 bytes
	maxCost        = 1 << 27
)

// A LimitError says of what a well-formed module has too much.
type LimitError struct{ text string }

// Error names what there is too much of, and the limit.
func (e *LimitError) Error() string { return e.text }

// A malformed error says what is wrong with the file.
type malformed string

func (m malformed) Error() string { return string(m) }

func tooMuch(format string, args ...any) error { return &LimitError{fmt.Sprintf(format, args...)} }

// Module rewrites a module. The result shares no memory with file. Its errors
// are a [*LimitError], or say what is malformed.
func Module(file []byte, limits Limits) (_ []byte, err error) {
	defer func() { err = recovered(recover(), err) }()
	if limits.StackBytes == 0 {
		limits.StackBytes = defaultStack
	}
	limits.StackBytes = min(limits.StackBytes, maxStack)
	if limits.MemoryPages == 0 {
		limits.MemoryPages = defaultPages
	}
	if limits.TableEntries == 0 {
		limits.TableEntries = defaultEntries
	}
	m := parse(file)
	return m.emit(limits), nil
}

// recovered makes an error of what stopped the reading of a module.
func recovered(r any, err error) error {
	switch e := r.(type) {
	case nil:
		return err
	case malformed:
		return e
	case *LimitError:
		return e
	}
	panic(r)
}
