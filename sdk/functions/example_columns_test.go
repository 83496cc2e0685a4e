package functions_test

import (
	"fmt"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
)

// A name is a column and not a text: texts are literals, made by Lit.
func ExampleCol() {
	fmt.Println(F.Concat("first", F.Lit(" "), "last").As("name"))
	fmt.Println(F.When(F.Col("amount").Gt(100), "large").When(F.Col("amount").Gt(10), "medium").Otherwise("small"))
	fmt.Println(F.DateTrunc("month", "at"))
	fmt.Println(F.CountDistinct("customer").As("customers"))
	fmt.Println(F.Struct("street", F.Col("town")).As("address"))
	fmt.Println(F.Expr("amount * 2 > 10"))
	// Output:
	// concat(first, ' ', last) AS name
	// when((amount > 100), 'large', (amount > 10), 'medium', 'small')
	// date_trunc('month', at)
	// count(DISTINCT customer) AS customers
	// struct(street, town) AS address
	// sql(amount * 2 > 10)
}
