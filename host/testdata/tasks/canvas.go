package main

import (
	"encoding/json"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
)

type addArgs struct {
	X int64 `arg:"x"`
	Y int64 `arg:"y"`
}

type sumArgs struct {
	Numbers []int64 `arg:"numbers"`
}

type oneArg struct {
	X int64 `arg:"x"`
}

type retryArgs struct {
	Times int  `arg:"times"`
	Cause bool `arg:"cause,default=true"`
}

type sendArgs struct {
	Signature json.RawMessage `arg:"signature"`
}

type rejectArgs struct {
	Requeue bool `arg:"requeue"`
}

type errbackArgs struct {
	Request   json.RawMessage `arg:"request"`
	Exception json.RawMessage `arg:"exc"`
	Traceback *string         `arg:"traceback"`
}

// canvasTasks are those that take part in canvases and end in Celery's ways.
func canvasTasks() {
	sdk.Task("test.add", func(_ *sdk.Context, a addArgs) (int64, error) { return a.X + a.Y, nil })
	sdk.Task("test.tsum", func(_ *sdk.Context, a sumArgs) (sum int64, _ error) {
		for _, n := range a.Numbers {
			sum += n
		}
		return sum, nil
	})
	sdk.Task("test.flaky", func(ctx *sdk.Context, a retryArgs) (int, error) {
		if ctx.Retries() >= a.Times {
			return ctx.Retries(), nil
		}
		r := sdk.Retry{Countdown: 100 * time.Millisecond}
		if a.Cause {
			r.Cause = sdk.Errorf("ValueError", "flaky")
		}
		return 0, ctx.Retry(r)
	}, sdk.MaxRetries(2))
	sdk.Task("test.autoretry", func(ctx *sdk.Context, a retryArgs) (int, error) {
		if ctx.Retries() >= a.Times {
			return ctx.Retries(), nil
		}
		return 0, sdk.Errorf("ConnectionError", "try %d", ctx.Retries())
	}, sdk.AutoRetry(3, sdk.RetryFor("ConnectionError")), sdk.DefaultRetryDelay(100*time.Millisecond))
	sdk.Task("test.reject", func(ctx *sdk.Context, a rejectArgs) (none, error) {
		if a.Requeue && ctx.Request().Redelivered {
			return none{}, nil
		}
		return none{}, sdk.Reject("no thanks", a.Requeue)
	}, sdk.AcksLate())
	sdk.Task("test.ignore", func(ctx *sdk.Context, _ none) (none, error) {
		if err := ctx.UpdateState("CUSTOM", 1); err != nil {
			return none{}, err
		}
		return none{}, sdk.Ignore("nothing to say")
	})
	sdk.Task("test.replace_me", func(ctx *sdk.Context, a oneArg) (none, error) {
		return none{}, ctx.Replace(sdk.Call("test.add", a.X, 1))
	})
	sdk.Task("test.replace_group", func(ctx *sdk.Context, a oneArg) (none, error) {
		return none{}, ctx.Replace(sdk.Group(sdk.Call("test.add", a.X, 1), sdk.Call("test.add", a.X, 2)))
	})
	sdk.Task("test.replace_chain", func(ctx *sdk.Context, a oneArg) (none, error) {
		return none{}, ctx.Replace(sdk.Chain(sdk.Call("test.add", a.X, 1), sdk.Call("test.add", 10)))
	})
	sdk.Task("test.add_to_chord", func(ctx *sdk.Context, a oneArg) (int64, error) {
		_, err := ctx.AddToChord(sdk.Call("test.add", a.X, 100))
		return a.X, err
	})
	sdk.Task("test.send", func(ctx *sdk.Context, a addArgs) (string, error) {
		return ctx.Send(sdk.Call("test.add", a.X, a.Y).TaskID(ctx.ID() + "-child"))
	})
	sdk.Task("test.slow_query_soft", func(ctx *sdk.Context, _ none) (string, error) {
		_, err := ctx.Spark().Range(0, 200_000_000_000).Where(hashed).Count()
		if err == nil {
			return "finished", nil
		}
		// Caught: what the task does then has until the hard limit.
		n, again := ctx.Spark().Range(0, 7).Count()
		if again != nil || n != 7 {
			return "", again
		}
		return err.Error(), nil
	}, sdk.SoftTimeLimit(time.Second))
	sdk.Task("test.slow_query_softer", func(ctx *sdk.Context, _ none) (int64, error) {
		return ctx.Spark().Range(0, 200_000_000_000).Where(hashed).Count()
	}, sdk.SoftTimeLimit(time.Second))
	sdk.Task("test.errback", func(ctx *sdk.Context, a errbackArgs) (none, error) {
		ctx.Log().Info("errback", "request", string(a.Request), "exc", string(a.Exception))
		return none{}, nil
	})
	sdk.Task("test.limited", func(*sdk.Context, none) (int64, error) { return time.Now().UnixMilli(), nil }, sdk.RateLimit("2/s"))
}
