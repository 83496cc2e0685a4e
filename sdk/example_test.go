package sdk_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type topArgs struct {
	Path string `arg:"path" doc:"folder of parquet files"`
	N    int    `arg:"n,default=10" doc:"how many customers"`
}

// sales is read and kept by the host once, for all tasks that ask for the same path.
var sales = sdk.Cached("sales", func(ctx *sdk.Context, path string) *spark.DataFrame {
	return ctx.Spark().Read().Parquet(path).GroupBy("customer").Agg(F.Sum("amount").As("total"))
})

func top(ctx *sdk.Context, a topArgs) (*spark.DataFrame, error) {
	if a.N <= 0 {
		return nil, sdk.Errorf("ValueError", "n must be positive, not %d", a.N)
	}
	return sales.Get(ctx, a.Path).OrderBy(F.Desc("total")).Limit(a.N), nil
}

func init() { sdk.Task("sales.top", top, sdk.Doc("the customers who bought most")) }

func ExampleTask() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On(`read parquet "/data"`).Rows([]any{"Ada", 12.5})
	for _, kwargs := range []sdktest.Kwargs{{"path": "/data"}, {"path": "/data", "n": 0}, {"path": 7}, {"limit": 1}} {
		result, err := h.Call("sales.top", kwargs)
		fmt.Println(string(result), err)
	}
	// Output:
	// [["Ada",12.5]] <nil>
	//  ValueError: n must be positive, not 0
	//  TypeError: top() argument 'path' must be str, not int
	//  TypeError: top() got an unexpected keyword argument 'limit'
}

func ExampleCached() {
	var t testing.T
	h := sdktest.New(&t)
	h.On("")
	if _, err := h.Call("sales.top", "/data"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(h.Plan())
	// Output:
	// limit 10
	//   sort total DESC
	//     cache sales
	//       aggregate sum(amount) AS total by customer
	//         read parquet "/data"
}
