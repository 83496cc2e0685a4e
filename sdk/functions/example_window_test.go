package functions_test

import (
	"fmt"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// The best of each shop, and how far each sale is from the one before.
func ExampleRowNumber() {
	byShop := spark.Window.PartitionBy("shop")
	fmt.Println(F.RowNumber().Over(byShop.OrderBy(F.Desc("amount"))).As("place"))
	fmt.Println(F.Col("amount").Minus(F.Lag("amount").Over(byShop.OrderBy("day"))).As("more"))
	fmt.Println(F.Sum("amount").Over(byShop.OrderBy("day").RowsBetween(spark.UnboundedPreceding, spark.CurrentRow)))
	// Output:
	// row_number() OVER (PARTITION BY shop ORDER BY amount DESC) AS place
	// (amount - lag(amount, 1) OVER (PARTITION BY shop ORDER BY day ASC)) AS more
	// sum(amount) OVER (PARTITION BY shop ORDER BY day ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
}
