// Command cached is a module of the host's own tests that wants a DataFrame to
// be warm. The first letter of its version is part of the DataFrame's plan.
package main

import (
	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// version is changed by the tests that swap modules.
var version = "a1"

type none struct{}

type toArgs struct {
	To int64 `arg:"to"`
}

var numbers = sdk.Cached("numbers", func(ctx *sdk.Context, to int64) *spark.DataFrame {
	return ctx.Spark().Range(0, to).Select(F.Col("id"), F.Lit(version[:1]).As("letter"))
}, sdk.Warm(int64(1000)))

func init() {
	sdk.Task("cached.count", func(ctx *sdk.Context, _ none) (int64, error) { return numbers.Get(ctx, 1000).Count() })
	sdk.Task("cached.count_to", func(ctx *sdk.Context, a toArgs) (int64, error) { return numbers.Get(ctx, a.To).Count() })
	sdk.Task("cached.version", func(*sdk.Context, none) (string, error) { return version, nil })
}

func main() {}
