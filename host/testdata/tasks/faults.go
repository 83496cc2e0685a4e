package main

import (
	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type textArgs struct {
	Text string `arg:"text"`
}

func init() {
	// Its time grows with n.
	sdk.Task("test.hashes", func(ctx *sdk.Context, a rowsArgs) (int64, error) {
		return ctx.Spark().Range(0, a.N).Where(F.Expr("hash(id) % 1000003 = 7")).Count()
	})
	// It fails when the first rows have come and the others will not for long.
	sdk.Task("test.abort", func(ctx *sdk.Context, _ none) (none, error) {
		rows := ctx.Spark().Range(0, 3).Union(ctx.Spark().Range(0, 200_000_000_000).Where(hashed))
		for _, err := range rows.ToLocalIterator() {
			if err != nil {
				return none{}, err
			}
			return none{}, sdk.Errorf("ValueError", "a row that will not do")
		}
		return none{}, nil
	})
	sdk.Task("test.sql", func(ctx *sdk.Context, a textArgs) (*spark.DataFrame, error) {
		return ctx.Spark().SQL(a.Text), nil
	})
}
