package spark_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A sale has the columns of a row, by their names.
type sale struct {
	Customer string
	Amount   float64
	Note     *string // nil is NULL
}

func init() {
	sdk.Task("sales.largest", func(ctx *sdk.Context, _ struct{}) (string, error) {
		sales, err := spark.CollectAs[sale](ctx.Spark().Table("sales"))
		if err != nil {
			return "", err
		}
		var largest sale
		for _, s := range sales {
			if s.Amount > largest.Amount {
				largest = s
			}
		}
		return largest.Customer, nil
	})
}

// CollectAs has all rows at once; Iterate goes through as many as there are.
func ExampleCollectAs() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("table sales").Columns("customer", "amount", "note").Rows([]any{"Ada", 12.5, nil}, []any{"Bob", 7.25, "late"})
	result, err := h.Call("sales.largest")
	fmt.Println(string(result), err)
	// Output:
	// "Ada" <nil>
}
