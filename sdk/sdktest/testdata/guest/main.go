// Command guest is a task module for tests: it uses what crosses the boundary
// between a module and its host.
package main

import (
	"encoding/json"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type none struct{}

type echoArgs struct {
	Value json.RawMessage `arg:"value"`
	Times int             `arg:"times,default=1"`
}

var numbers = sdk.Cached("numbers", func(ctx *sdk.Context, n int64) *spark.DataFrame {
	return ctx.Spark().Range(0, n).WithColumn("even", F.Col("id").Mod(2).EqualTo(0))
})

func init() {
	sdk.Task("guest.echo", func(_ *sdk.Context, a echoArgs) (json.RawMessage, error) { return a.Value, nil })
	sdk.Task("guest.rows", func(ctx *sdk.Context, _ none) (*spark.DataFrame, error) {
		return numbers.Get(ctx, 10).Where(F.Col("even")).OrderBy(F.Desc("id")).Limit(2), nil
	})
	sdk.Task("guest.collect", func(ctx *sdk.Context, _ none) ([]string, error) {
		return spark.CollectAs[string](ctx.Spark().Read().Option("wholetext", true).Text("/a", "/b"))
	})
	sdk.Task("guest.panic", func(*sdk.Context, none) (none, error) {
		var missing map[string]int
		missing["x"] = 1
		return none{}, nil
	})
	sdk.Task("guest.report", func(ctx *sdk.Context, _ none) (string, error) {
		ctx.Log().Info("begun", "id", ctx.ID())
		return ctx.ID(), ctx.Progress(1, 2)
	})
}

func main() {}
