package sdk_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// A spread is what an aggregate keeps of the rows that it has seen.
type spread struct {
	Low, High float64
	Any       bool
}

var _ = sdk.UDAF("spread",
	func(s spread, x float64) spread { return join(s, spread{x, x, true}) },
	join,
	func(s spread) float64 { return s.High - s.Low },
)

// join is of two parts of the rows, which different executors have seen.
func join(a, b spread) spread {
	switch {
	case !a.Any:
		return b
	case !b.Any:
		return a
	}
	return spread{min(a.Low, b.Low), max(a.High, b.High), true}
}

func ExampleUDAF() {
	var t testing.T // in a test, the one that it was given
	fmt.Println(sdktest.New(&t).Aggregate("spread", 3.0, 1.5, 4.0))
	// Output:
	// 2.5 <nil>
}
