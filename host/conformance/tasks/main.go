// Command tasks is the module of the conformance suite: the tasks of
// ../suite/pytasks.py, for our worker.
package main

import (
	"encoding/json"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
)

type none struct{}

type (
	numbers struct {
		X int64 `arg:"x"`
		Y int64 `arg:"y,default=0"`
	}
	echoArgs struct {
		Value json.RawMessage `arg:"value"`
	}
	kwargsArgs struct {
		A json.RawMessage `arg:"a"`
		B json.RawMessage `arg:"b,default=2"`
		C json.RawMessage `arg:"c,default=\"three\""`
	}
	failArgs struct {
		Kind    string  `arg:"kind"`
		Message *string `arg:"message,default=null"`
	}
	customArgs struct {
		Message string `arg:"message"`
	}
	seconds struct {
		Seconds float64 `arg:"seconds"`
	}
	stateArgs struct {
		Name string          `arg:"name"`
		Meta json.RawMessage `arg:"meta"`
	}
	times struct {
		Times int `arg:"times"`
	}
	until struct {
		Until int `arg:"until"`
	}
	oneNumber struct {
		N int64 `arg:"n"`
	}
	softArgs struct {
		Catch bool `arg:"catch"`
	}
	sendArgs struct {
		Name string            `arg:"name"`
		Args []json.RawMessage `arg:"args"`
	}
	sumArgs struct {
		Numbers []int64 `arg:"numbers"`
	}
	collectArgs struct {
		Values json.RawMessage `arg:"values"`
	}
	pair struct {
		X int64 `arg:"x"`
		Y int64 `arg:"y"`
	}
	tellArgs struct {
		Label json.RawMessage `arg:"label"`
		To    string          `arg:"to"`
	}
	replaceWithArgs struct {
		With sdk.Signature `arg:"with_"`
	}
	addToChordArgs struct {
		More []sdk.Signature `arg:"more"`
	}
	fooBar struct {
		Foo   int64   `arg:"foo"`
		Bar   int64   `arg:"bar"`
		Label *string `arg:"label,default=null"`
	}
	errbackArgs struct {
		FailedID string `arg:"failed_id"`
	}
)

func init() {
	sdk.Task("conf.add", func(_ *sdk.Context, a numbers) (int64, error) { return a.X + a.Y, nil })
	sdk.Task("conf.echo", func(_ *sdk.Context, a echoArgs) (json.RawMessage, error) { return a.Value, nil })
	sdk.Task("conf.none", func(*sdk.Context, none) (any, error) { return nil, nil })
	sdk.Task("conf.kwargs", func(_ *sdk.Context, a kwargsArgs) ([]json.RawMessage, error) {
		return []json.RawMessage{a.A, a.B, a.C}, nil
	})
	sdk.Task("conf.fail", fail)
	sdk.Task("conf.custom", func(_ *sdk.Context, a customArgs) (any, error) {
		return nil, sdk.Errorf("pytasks.CustomError", "%s", a.Message)
	})

	sdk.Task("conf.sleep", sleep)
	sdk.Task("conf.sleep_late", sleep, sdk.AcksLate())
	sdk.Task("conf.tracked", sleep, sdk.TrackStarted())
	sdk.Task("conf.progress", func(ctx *sdk.Context, a seconds) (string, error) {
		if err := ctx.Progress(1, 2); err != nil {
			return "", err
		}
		return sleep(ctx, a)
	})
	sdk.Task("conf.state", func(ctx *sdk.Context, a stateArgs) (any, error) {
		if err := ctx.UpdateState(a.Name, a.Meta); err != nil {
			return nil, err
		}
		return nil, sdk.Ignore("")
	})
	sdk.Task("conf.ignored", func(*sdk.Context, none) (int, error) { return 1, nil }, sdk.IgnoreResult())

	now := sdk.DefaultRetryDelay(0)
	sdk.Task("conf.retry", retry, sdk.MaxRetries(3), now)
	sdk.Task("conf.retry_plain", func(ctx *sdk.Context, _ none) (any, error) {
		return nil, ctx.Retry(sdk.Retry{Countdown: -1})
	}, sdk.MaxRetries(1))
	sdk.Task("conf.retry_args", func(ctx *sdk.Context, a oneNumber) (int64, error) {
		if a.N < 5 {
			return 0, ctx.Retry(sdk.Retry{Args: []any{a.N + 4}, Countdown: -1})
		}
		return a.N, nil
	}, sdk.MaxRetries(2))
	sdk.Task("conf.autoretry", func(ctx *sdk.Context, a until) (int, error) {
		if ctx.Retries() < a.Until {
			return 0, sdk.Errorf("KeyError", "again")
		}
		return ctx.Retries(), nil
	}, sdk.AutoRetry(2, sdk.RetryFor("KeyError")), now)
	sdk.Task("conf.reject", func(*sdk.Context, none) (any, error) { return nil, sdk.Reject("unwanted", false) }, sdk.AcksLate())
	sdk.Task("conf.reject_once", func(ctx *sdk.Context, _ none) (string, error) {
		if !ctx.Request().Redelivered {
			return "", sdk.Reject("not yet", true)
		}
		return "again", nil
	}, sdk.AcksLate())
	sdk.Task("conf.ignore", func(*sdk.Context, none) (any, error) { return nil, sdk.Ignore("") })

	sdk.Task("conf.request", func(ctx *sdk.Context, _ none) (any, error) { return request(ctx), nil })
	sdk.Task("conf.where", func(ctx *sdk.Context, _ none) ([]any, error) { return where(ctx), nil })
	sdk.Task("conf.retry_later", func(ctx *sdk.Context, a times) ([]any, error) {
		if ctx.Retries() < a.Times {
			return nil, ctx.Retry(sdk.Retry{Countdown: 2 * time.Second})
		}
		return where(ctx), nil
	}, sdk.MaxRetries(3))
	sdk.Task("conf.soft", soft, sdk.SoftTimeLimit(500*time.Millisecond))
	sdk.Task("conf.hard", func(ctx *sdk.Context, _ none) (string, error) { return sleep(ctx, seconds{20}) }, sdk.TimeLimit(700*time.Millisecond))
	sdk.Task("conf.limited", func(_ *sdk.Context, a oneNumber) (int64, error) { return a.N, nil }, sdk.RateLimit("4/s"))

	sdk.Task("conf.send", func(ctx *sdk.Context, a sendArgs) (string, error) {
		call := sdk.Call(a.Name, raw(a.Args)...)
		return ctx.Send(call.Queue(ctx.Request().RoutingKey))
	})
	sdk.Task("conf.sum", func(_ *sdk.Context, a sumArgs) (sum int64, _ error) {
		for _, n := range a.Numbers {
			sum += n
		}
		return sum, nil
	})
	sdk.Task("conf.collect", func(_ *sdk.Context, a collectArgs) (map[string]json.RawMessage, error) {
		return map[string]json.RawMessage{"values": a.Values}, nil
	})
	sdk.Task("conf.replace", func(ctx *sdk.Context, a pair) (any, error) {
		return nil, ctx.Replace(sdk.Call("conf.add", a.X, a.Y).Queue(ctx.Request().RoutingKey))
	})
	sdk.Task("conf.replace_group", func(ctx *sdk.Context, a oneNumber) (any, error) {
		var calls []*sdk.Signature
		for i := range a.N {
			calls = append(calls, sdk.Call("conf.add", i, i).Queue(ctx.Request().RoutingKey))
		}
		return nil, ctx.Replace(sdk.Group(calls...))
	})
	sdk.Task("conf.replace_with", func(ctx *sdk.Context, a replaceWithArgs) (any, error) { return nil, ctx.Replace(&a.With) })
	sdk.Task("conf.add_to_chord", func(ctx *sdk.Context, a addToChordArgs) (int, error) {
		for i := range a.More {
			if _, err := ctx.AddToChord(&a.More[i]); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	sdk.Task("conf.tell", func(ctx *sdk.Context, a tellArgs) (json.RawMessage, error) {
		_, err := ctx.Send(sdk.Call("conf.note", a.Label).Queue(a.To))
		return a.Label, err
	})
	sdk.Task("conf.tell_group", func(ctx *sdk.Context, a tellArgs) (json.RawMessage, error) {
		_, err := ctx.Send(sdk.Call("conf.note", ctx.Request().Group).Queue(a.To))
		return a.Label, err
	})
	sdk.Task("conf.context", func(ctx *sdk.Context, _ none) (any, error) { return context(ctx), nil })
	sdk.Task("conf.limited_context", func(ctx *sdk.Context, _ none) (any, error) { return context(ctx), nil },
		sdk.TimeLimit(time.Minute), sdk.SoftTimeLimit(45*time.Second))
	sdk.Task("conf.retry_once", func(ctx *sdk.Context, _ none) (any, error) {
		if ctx.Retries() == 0 {
			return nil, ctx.Retry(sdk.Retry{Countdown: 50 * time.Millisecond})
		}
		return context(ctx), nil
	}, sdk.MaxRetries(1))
	sdk.Task("conf.retry_ignored", func(ctx *sdk.Context, _ none) (string, error) {
		if ctx.Retries() == 0 {
			return "", ctx.Retry(sdk.Retry{Countdown: 50 * time.Millisecond})
		}
		return "stored", nil
	}, sdk.MaxRetries(1), sdk.IgnoreResult())
	sdk.Task("conf.retry_other_args", func(ctx *sdk.Context, a fooBar) (any, error) {
		if ctx.Retries() == 0 {
			return nil, ctx.Retry(sdk.Retry{Args: []any{a.Foo + 1, a.Bar + 1}, Countdown: -1})
		}
		return []any{a.Foo, a.Bar, a.Label}, nil
	}, sdk.MaxRetries(1))
	sdk.Task("conf.retry_other_kwargs", func(ctx *sdk.Context, a fooBar) (any, error) {
		if ctx.Retries() == 0 {
			return nil, ctx.Retry(sdk.Retry{Kwargs: map[string]any{"foo": a.Foo + 1}, Countdown: -1})
		}
		return []any{a.Foo, a.Bar, a.Label}, nil
	}, sdk.MaxRetries(1))
	sdk.Task("conf.errback", func(_ *sdk.Context, a errbackArgs) (string, error) { return a.FailedID, nil })
}

// fail raises a class with a message or, without one, with no arguments at all.
func fail(_ *sdk.Context, a failArgs) (any, error) {
	if a.Message == nil {
		return nil, &sdk.Error{Type: a.Kind, Module: "builtins"}
	}
	return nil, sdk.Errorf(a.Kind, "%s", *a.Message)
}

// sleep keeps the guest busy, so that a limit has to end it.
func sleep(ctx *sdk.Context, a seconds) (string, error) {
	for end := time.Now().Add(time.Duration(a.Seconds * float64(time.Second))); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "slept", nil
}

func soft(ctx *sdk.Context, a softArgs) (string, error) {
	_, err := sleep(ctx, seconds{20})
	switch {
	case err == nil:
		return "not reached", nil
	case a.Catch:
		return "cleaned up", nil
	}
	return "", err
}

func retry(ctx *sdk.Context, a times) (int, error) {
	if ctx.Retries() < a.Times {
		return 0, ctx.Retry(sdk.Retry{Countdown: 50 * time.Millisecond, Cause: sdk.Errorf("ValueError", "not yet")})
	}
	return ctx.Retries(), nil
}

func where(ctx *sdk.Context) []any {
	r := ctx.Request()
	return []any{r.Exchange, r.RoutingKey, r.Retries}
}

func request(ctx *sdk.Context) any {
	r := ctx.Request()
	orNil := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return map[string]any{
		"id": r.ID, "task": r.Task, "root_id": orNil(r.RootID), "parent_id": orNil(r.ParentID), "group": orNil(r.Group),
		"retries": r.Retries, "hostname": r.Hostname, "redelivered": r.Redelivered,
	}
}

// context is what a task sees of its call beyond its arguments.
func context(ctx *sdk.Context) map[string]any {
	r := ctx.Request()
	orNil := func(seconds float64) any {
		if seconds == 0 {
			return nil
		}
		return seconds
	}
	stamps := r.Stamps
	if stamps == nil {
		stamps = map[string]json.RawMessage{}
	}
	return map[string]any{
		"eta": r.ETA != nil, "expires": r.Expires != nil, "group_index": r.GroupIndex, "priority": r.Priority, "retries": r.Retries,
		"replaced": r.ReplacedTaskNesting, "stamps": stamps, "x-mine": r.Headers["x-mine"],
		"time_limit": orNil(r.TimeLimit), "soft_time_limit": orNil(r.SoftTimeLimit),
	}
}

func raw(args []json.RawMessage) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
	}
	return out
}

func main() {}
