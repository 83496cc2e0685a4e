// Command tasks is the module that the host's own tests call: small tasks that
// answer, fail, wait and misbehave on request.
package main

import (
	"encoding/json"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// version is changed by the tests that swap modules.
var version = "1"

type none struct{}

type echoArgs struct {
	Value json.RawMessage `arg:"value"`
}

type failArgs struct {
	Class   string `arg:"class"`
	Message string `arg:"message"`
}

type spinArgs struct {
	Seconds float64 `arg:"seconds"`
}

type rowsArgs struct {
	N int64 `arg:"n"`
}

// persisted has rows that Spark can compute again, unlike a checkpoint's.
var persisted = sdk.Cached("test.persisted", func(ctx *sdk.Context, rows int64) *spark.DataFrame {
	return ctx.Spark().Range(0, rows).GroupBy(F.Expr("id % 10").As("digit")).Count()
}, sdk.StorageLevel("MEMORY_AND_DISK"))

func init() {
	sdk.Task("test.noop", func(*sdk.Context, none) (none, error) { return none{}, nil })
	sdk.Task("test.version", func(*sdk.Context, none) (string, error) { return version, nil })
	sdk.Task("test.echo", func(_ *sdk.Context, a echoArgs) (json.RawMessage, error) { return a.Value, nil })
	sdk.Task("test.fail", func(_ *sdk.Context, a failArgs) (none, error) {
		return none{}, sdk.Errorf(a.Class, "%s", a.Message)
	})
	sdk.Task("test.panic", func(*sdk.Context, none) (none, error) { panic("on request") })
	sdk.Task("test.spin", spin)
	sdk.Task("test.spin_late", spin, sdk.AcksLate())
	sdk.Task("test.count_late", count, sdk.AcksLate())
	sdk.Task("test.spin_limited", spin, sdk.TimeLimit(time.Second))
	sdk.Task("test.progress", func(ctx *sdk.Context, _ none) (string, error) {
		return "done", ctx.UpdateState("PROGRESS", map[string]int{"current": 1, "total": 2})
	}, sdk.TrackStarted())
	sdk.Task("test.request", func(ctx *sdk.Context, _ none) (any, error) { return ctx.Request(), nil })
	sdk.Task("test.count", count)
	sdk.Task("test.persisted", func(ctx *sdk.Context, a rowsArgs) (int64, error) {
		return spark.Scalar[int64](persisted.Get(ctx, a.N).Agg(F.Sum("count")))
	})
	canvasTasks()
	sdk.Task("test.slow_query", func(ctx *sdk.Context, _ none) (int64, error) {
		return ctx.Spark().Range(0, 200_000_000_000).Where(hashed).Count()
	})
}

// hashed makes a query over many numbers slow.
var hashed = F.Expr("hash(id) % 1000003 = 7")

// spin keeps the guest busy, so that only the host can end it.
func spin(_ *sdk.Context, a spinArgs) (string, error) {
	end := time.Now().Add(time.Duration(a.Seconds * float64(time.Second)))
	for time.Now().Before(end) {
	}
	return "spun", nil
}

func count(ctx *sdk.Context, a rowsArgs) (int64, error) {
	return ctx.Spark().Range(0, a.N).Count()
}

func main() {}
