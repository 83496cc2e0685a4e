package spark_test

import (
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// best has the customers of a country who bought most, with their names.
func best(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
	s := ctx.Spark()
	customers := s.Table("customers").Where(F.Col("country").Eq("BE"))
	totals := s.Read().Parquet("/sales").GroupBy("customer_id").Agg(F.Sum("amount").As("total"), F.Count("*").As("sales"))
	return totals.Join(customers, []string{"customer_id"}, "inner").
		Select("name", "total", "sales").OrderBy(F.Desc("total")).Limit(10), nil
}

func init() { sdk.Task("customers.best", best) }

// A DataFrame is a plan: nothing runs before an action, or before it is the
// result of a task.
func ExampleDataFrame() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("join").Rows([]any{"Ada", 12.5, 3})
	result, err := h.Call("customers.best")
	fmt.Println(string(result), err)
	fmt.Println(h.Plan())
	// Output:
	// [["Ada",12.5,3]] <nil>
	// limit 10
	//   sort total DESC
	//     select name, total, sales
	//       join inner using customer_id
	//         aggregate sum(amount) AS total, count(1) AS sales by customer_id
	//           read parquet "/sales"
	//         filter (country == 'BE')
	//           table customers
}
