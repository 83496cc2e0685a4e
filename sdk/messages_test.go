package sdk_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

type messageArgs struct {
	What string `arg:"what"`
}

func init() {
	sdk.Task("messages.all", func(ctx *sdk.Context, a messageArgs) (any, error) {
		switch a.What {
		case "retry":
			return nil, ctx.Retry(sdk.Retry{Countdown: time.Minute, Cause: sdk.Errorf("ValueError", "flaky"), Args: []any{1}, Options: map[string]any{"queue": "q"}})
		case "now":
			return nil, ctx.Retry(sdk.Retry{Countdown: -1, MaxRetries: -1})
		case "send":
			return ctx.Send(sdk.Chain(sdk.Call("a", 1, "x").Queue("q").Priority(3), sdk.Group(sdk.Call("b").Immutable(), sdk.Call("c").Kwarg("k", 2.5))))
		case "chord":
			return ctx.Send(sdk.Chord([]*sdk.Signature{sdk.Call("a")}, sdk.Call("b")).Link(sdk.Call("l")))
		case "bad":
			return ctx.Send(sdk.Call("a", func() {}))
		case "replace":
			return nil, ctx.Replace(sdk.Call("a", 1))
		case "add":
			return ctx.AddToChord(sdk.Call("a"))
		case "reject":
			return nil, sdk.Reject("no thanks", true)
		case "check":
			return nil, ctx.Err()
		}
		return nil, nil
	}, sdk.AutoRetry(2, sdk.Backoff(2*time.Second), sdk.BackoffMax(time.Minute), sdk.NoJitter(), sdk.RetryFor("ConnectionError"), sdk.DontRetryFor("ValueError")),
		sdk.SoftTimeLimit(time.Second), sdk.RateLimit("10/m"), sdk.DefaultRetryDelay(5*time.Second), sdk.AcksOnFailure(false), sdk.AcksOnTimeout(true),
		sdk.RejectOnWorkerLost(), sdk.Idempotent(), sdk.StoreErrorsEvenIfIgnored())
}

func TestMessagesHaveCelerysForm(t *testing.T) {
	for _, c := range []struct{ what, kind, body, result, failure string }{
		{what: "retry", kind: "retry", failure: "Retry: Task can be retried",
			body: `{"countdown":60,"exc":{"type":"ValueError","module":"builtins","args":["flaky"]},"args":[1],"options":{"queue":"q"}}`},
		{what: "now", kind: "retry", failure: "Retry: Task can be retried", body: `{"countdown":0,"max_retries":-1}`},
		{what: "send", kind: "send", result: `"sent-1"`, body: `{"task":"celery.chain","args":[],"kwargs":{"tasks":[` +
			`{"task":"a","args":[1,"x"],"kwargs":{},"options":{"priority":3,"queue":"q"},"subtask_type":null,"immutable":false},` +
			`{"task":"celery.group","args":[],"kwargs":{"tasks":[{"task":"b","args":[],"kwargs":{},"options":{},"subtask_type":null,"immutable":true},` +
			`{"task":"c","args":[],"kwargs":{"k":2.5},"options":{},"subtask_type":null,"immutable":false}]},"options":{},"subtask_type":"group","immutable":false}]},` +
			`"options":{},"subtask_type":"chain","immutable":false}`},
		{what: "chord", kind: "send", result: `"sent-1"`, body: `{"task":"celery.chord","args":[],"kwargs":{` +
			`"body":{"task":"b","args":[],"kwargs":{},"options":{},"subtask_type":null,"immutable":false},` +
			`"header":[{"task":"a","args":[],"kwargs":{},"options":{},"subtask_type":null,"immutable":false}],"kwargs":{}},` +
			`"options":{"link":{"task":"l","args":[],"kwargs":{},"options":{},"subtask_type":null,"immutable":false}},"subtask_type":"chord","immutable":false}`},
		{what: "replace", kind: "replace", failure: "Ignore: Replaced by new task",
			body: `{"task":"a","args":[1],"kwargs":{},"options":{},"subtask_type":null,"immutable":false}`},
	} {
		h := sdktest.New(t)
		result, err := h.Call("messages.all", c.what)
		if (err != nil) != (c.failure != "") || err != nil && err.Error() != c.failure || err == nil && string(result) != c.result {
			t.Errorf("%s: got %s, %v", c.what, result, err)
		}
		if m := h.Messages(); len(m) != 1 || m[0].Kind != c.kind || string(m[0].Body) != c.body {
			t.Errorf("%s: sent %q\nwant %s", c.what, m, c.body)
		}
	}
}

// A signature that a task gets as an argument is sent on as it came.
func TestASignatureReadIsTheOneWritten(t *testing.T) {
	for _, s := range []*sdk.Signature{
		sdk.Call("a", 1, "x").Kwarg("k", 2.5).Queue("q").Link(sdk.Call("l")).Immutable(),
		sdk.Chain(sdk.Call("a"), sdk.Group(sdk.Call("b"), sdk.Call("c"))),
		sdk.Chord([]*sdk.Signature{sdk.Call("a")}, sdk.Call("b")),
	} {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var read sdk.Signature
		if err := json.Unmarshal(want, &read); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(&read); err != nil || string(got) != string(want) {
			t.Errorf("got %s, %v\nwant %s", got, err, want)
		}
	}
	for _, text := range []string{`{}`, `5`, `{"task": 1}`, `{"task": "a", "args": {}}`} {
		if err := json.Unmarshal([]byte(text), new(sdk.Signature)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	h := sdktest.New(t)
	h.SetRequest(sdk.Request{ID: "x", Retries: 2})
	_, err := h.Call("messages.all", "retry")
	if e, ok := errors.AsType[*sdk.Error](err); !ok || e.Type != "ValueError" {
		t.Errorf("a retry too many: %v", err)
	}
	if _, err := h.Call("messages.all", "bad"); err == nil {
		t.Error("a function was encoded")
	}
	if _, err := h.Call("messages.all", "add"); err == nil {
		t.Error("added to a chord that there is not")
	}
	h.SetRequest(sdk.Request{InChord: true})
	if id, err := h.Call("messages.all", "add"); err != nil || string(id) != `"sent-1"` {
		t.Errorf("add to chord: %s, %v", id, err)
	}
	_, err = h.Call("messages.all", "reject")
	if e, ok := errors.AsType[*sdk.Error](err); !ok || e.Type != "Reject" || e.Module != "celery.exceptions" || string(e.Args[1]) != "true" {
		t.Errorf("reject: %v", err)
	}
	if _, err := h.Call("messages.all", "check"); err != nil {
		t.Errorf("in time: %v", err)
	}
	h.SetSoftTimeLimitExceeded(true)
	if _, err := h.Call("messages.all", "check"); err == nil || err.Error() != "SoftTimeLimitExceeded" {
		t.Errorf("over time: %v", err)
	}
}

func TestOptionsGoIntoTheManifest(t *testing.T) {
	for _, task := range sdk.Manifest().Tasks {
		if task.Name != "messages.all" {
			continue
		}
		got, err := json.Marshal(task.TaskOptions)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"soft_time_limit":1,"rate_limit":"10/m","acks_on_failure":false,"acks_on_timeout":true,"reject_on_worker_lost":true,"idempotent":true,` +
			`"store_errors_even_if_ignored":true,"max_retries":2,"default_retry_delay":5,"autoretry_for":["ConnectionError"],"dont_autoretry_for":["ValueError"],` +
			`"retry_backoff":2,"retry_backoff_max":60,"retry_jitter":false}`
		if string(got) != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
