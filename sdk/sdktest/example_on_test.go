package sdktest_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

func init() {
	sdk.Task("on.both", func(ctx *sdk.Context, _ struct{}) ([]int64, error) {
		old, err := ctx.Spark().Table("old").Count()
		if err != nil {
			return nil, err
		}
		sales, err := ctx.Spark().Table("sales").Count()
		return []int64{old, sales}, err
	})
}

// Answers are for actions whose plan has a text in it, or for all.
func ExampleHost_On() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("table old").Count(3)
	h.Once("").Count(7)
	h.On("").Err(sdk.Errorf("pyspark.errors.AnalysisException", "[TABLE_OR_VIEW_NOT_FOUND] sales"))
	for range 2 {
		result, err := h.Call("on.both")
		fmt.Println(string(result), err)
	}
	fmt.Println(len(h.Plans()), "actions")
	// Output:
	// [3,7] <nil>
	//  AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] sales
	// 4 actions
}
