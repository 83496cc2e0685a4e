package sdk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A summary reaches Python as a dict.
type summary struct {
	Rows int64     `json:"rows"`
	Mean float64   `json:"mean"`
	At   time.Time `json:"at"`
}

func init() {
	// The rows of a DataFrame go to the client without passing through the task.
	sdk.Task("results.rows", func(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
		return ctx.Spark().Table("sales").Select("customer", "amount"), nil
	})
	// As a list of dicts instead of lists.
	sdk.Task("results.objects", func(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
		return ctx.Spark().Table("sales").Select("customer", "amount"), nil
	}, sdk.RowsAsObjects())
	// Any value that has a form as JSON.
	sdk.Task("results.summary", func(ctx *sdk.Context, _ struct{}) (summary, error) {
		n, err := ctx.Spark().Table("sales").Count()
		return summary{Rows: n, Mean: 9.875, At: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}, err
	})
	// An error is the exception that result.get() raises.
	sdk.Task("results.error", func(*sdk.Context, struct{}) (struct{}, error) {
		return struct{}{}, sdk.Errorf("ValueError", "there are no sales")
	})
}

func ExampleTask_results() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("table sales").Columns("customer", "amount").Rows([]any{"Ada", 12.5}, []any{"Bob", 7.25})
	for _, task := range []string{"results.rows", "results.objects", "results.summary", "results.error"} {
		result, err := h.Call(task)
		fmt.Println(string(result), err)
	}
	// Output:
	// [["Ada",12.5],["Bob",7.25]] <nil>
	// [{"customer":"Ada","amount":12.5},{"customer":"Bob","amount":7.25}] <nil>
	// {"rows":2,"mean":9.875,"at":"2026-03-01T08:00:00Z"} <nil>
	//  ValueError: there are no sales
}
