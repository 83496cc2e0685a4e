package sdktest_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func init() {
	sdk.Task("given.totals", func(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
		return ctx.Spark().Table("sales").GroupBy("customer").Agg(F.Sum("amount")), nil
	})
}

// With Recorded in place of New, an engine computes the result from these rows,
// and what it said is kept for plain "go test".
func ExampleHost_Given() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.Given("sales", "customer string, amount double", []any{"Ada", 2.5}, []any{"Ada", 10.0})
	h.On("aggregate").Rows([]any{"Ada", 12.5})
	result, err := h.Call("given.totals")
	fmt.Println(string(result), err)
	fmt.Println(h.Plan())
	// Output:
	// [["Ada",12.5]] <nil>
	// aggregate sum(amount) by customer
	//   local "customer string, amount double" [["Ada",2.5],["Ada",10]]
}
