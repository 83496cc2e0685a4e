package functions_test

import (
	"fmt"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
)

// Functions of arrays and maps take Go functions, which describe what Spark does
// with each element.
func ExampleTransform() {
	fmt.Println(F.Transform("prices", func(p F.Column) F.Column { return p.Times(1.21) }))
	fmt.Println(F.Filter("prices", func(p F.Column) F.Column { return p.Gt(10) }))
	fmt.Println(F.Aggregate("prices", F.Lit(0.0), func(sum, p F.Column) F.Column { return sum.Plus(p) }))
	// Output:
	// transform(prices, x_1 -> (x_1 * 1.21))
	// filter(prices, x_1 -> (x_1 > 10))
	// aggregate(prices, 0.0, (x_1, y_1) -> (x_1 + y_1))
}
