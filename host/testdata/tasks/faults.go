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
	sdk.Task("test.sql", func(ctx *sdk.Context, a textArgs) (*spark.DataFrame, error) {
		return ctx.Spark().SQL(a.Text), nil
	})
}
