package sdk_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// sum adds numbers up, and tells how far it is: clients see the state PROGRESS
// with {"current": …, "total": …}.
func sum(ctx *sdk.Context, _ struct{}) (sum float64, err error) {
	total, err := ctx.Spark().Table("sales").Count()
	if err != nil {
		return 0, err
	}
	var n int64
	for amount, err := range spark.Iterate[float64](ctx.Spark().Table("sales").Select("amount")) {
		if err != nil {
			return 0, err
		}
		sum += amount
		if n++; n%2 == 0 {
			if err := ctx.Progress(n, total); err != nil {
				return 0, err
			}
		}
	}
	ctx.Log().Info("added up", "rows", n)
	return sum, ctx.Err() // which is set if the soft time limit is over
}

func init() { sdk.Task("sales.sum", sum) }

func ExampleContext() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("table sales").Columns("amount").Types("double").Rows(1.5, 2.5, 4.0)
	result, err := h.Call("sales.sum")
	fmt.Println(string(result), err)
	for _, s := range h.States() {
		fmt.Println(s.State, string(s.Meta))
	}
	for _, l := range h.Logs() {
		fmt.Println(l.Level, l.Message, l.Attrs)
	}
	// Output:
	// 8 <nil>
	// PROGRESS {"current":2,"total":3}
	// INFO added up map[rows:3]
}
