// Command tpch is a task module with the 22 queries of the TPC-H benchmark,
// written with the DataFrame API: tpch.q1 to tpch.q22.
//
// Each takes the folder of the tables and, after it, the parameters that the
// benchmark substitutes (clause 2.4 of the specification), with its validation
// values as their defaults. TPC-H is the Transaction Processing Performance
// Council's; figures made with this module are not comparable to TPC results.
package main

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// query registers the task of one query. Each file registers its own.
func query[A interface{ folder() string }](n int, doc string, build func(db tables, a A) *spark.DataFrame) {
	sdk.Task(fmt.Sprintf("tpch.q%d", n), func(ctx *sdk.Context, a A) (*spark.DataFrame, error) {
		return build(tables{ctx.Spark().Read(), a.folder()}, a), nil
	}, sdk.Doc(doc))
}

func main() {}
