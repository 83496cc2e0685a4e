package spark

import (
	"errors"
	"fmt"
	"math"
)

// What a plan may be at most. The engines break on more: Sail ends as a process
// at some 300 nested steps, or 400 nested expressions in SQL text; Spark fails at
// a little more, with errors that say nothing. Both refuse messages over 128 MiB.
const (
	// MaxDepth is how many steps and nested expressions may be between a plan's
	// end and its source. A lambda function counts for 20.
	MaxDepth = 200
	// MaxMessage is how many bytes a request or one response may have.
	MaxMessage = 128 << 20
	// MaxNesting is how deeply the expressions of a SQL text may be nested:
	// parentheses, and operators in a row, since a + b + c is (a + b) + c.
	MaxNesting = 300
)

// ErrPlanLimit says that a plan is too large to be sent: see [MaxDepth],
// [MaxMessage] and [MaxNesting].
var ErrPlanLimit = errors.New("the plan is too large")

// nodeWeight is about what a step or expression takes beside its strings.
const nodeWeight = 16

// addWeight adds without overflow: a plan joined with itself doubles each time.
func addWeight(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func textWeight(texts ...string) int64 {
	var n int64
	for _, t := range texts {
		n += int64(len(t)) + 4
	}
	return n
}

func mapWeight(m map[string]string) int64 {
	var n int64
	for k, v := range m {
		n += textWeight(k, v)
	}
	return n
}

// checkPlan refuses what is sure to break the engine, as early as the plan is
// built, so that what follows can rely on a tree of bounded size.
func checkPlan(depth int, weight int64) error {
	switch {
	case depth > MaxDepth:
		return fmt.Errorf("%w: more than %d steps and expressions are nested in each other; "+
			"cache or write out a DataFrame in between, and add many columns or conditions in one step", ErrPlanLimit, MaxDepth)
	case weight > MaxMessage:
		return fmt.Errorf("%w: it takes more than %d MiB; put data into files or tables, and cache a DataFrame that is used many times",
			ErrPlanLimit, MaxMessage>>20)
	}
	return nil
}
