package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// retrying asks for a retry until it was tried so often.
func retrying(times int, r abi.Retry) body {
	return func(ctx context.Context, c Call) (json.RawMessage, error) {
		if c.Retries >= times {
			return fmt.Appendf(nil, "%d", c.Retries), nil
		}
		if err := c.Retry(ctx, r); err != nil {
			return nil, err
		}
		return nil, controlError("Retry")
	}
}

func soon() *float64 { return ptr(0.01) }

func flaky() *abi.Error { return abi.Errorf("ValueError", "flaky") }

func TestRetriesRunTheCallAgainUntilNoneAreLeft(t *testing.T) {
	three := abi.TaskOptions{MaxRetries: ptr(3)}
	b := start(t, Config{}, map[string]body{
		"twice":   retrying(2, abi.Retry{Countdown: soon(), Exception: flaky()}),
		"always":  retrying(99, abi.Retry{Countdown: soon(), Exception: flaky()}),
		"nothing": retrying(99, abi.Retry{Countdown: soon()}),
		"limited": retrying(99, abi.Retry{Countdown: soon(), MaxRetries: ptr(1)}),
		"claims":  func(context.Context, Call) (json.RawMessage, error) { return nil, controlError("Retry") },
	}, map[string]abi.TaskOptions{"twice": {MaxRetries: ptr(-1)}, "always": three})
	if r := b.ends(b.send("twice", nil), "RETRY", "RETRY", "SUCCESS"); string(r.Value) != "2" {
		t.Errorf("got %s", r.Value)
	}
	id := b.send("always", nil)
	if r := b.ends(id, "RETRY", "RETRY", "RETRY", "FAILURE"); r.Exception.Error() != "ValueError: flaky" {
		t.Errorf("got %+v", r.Exception)
	}
	for _, r := range b.store.results {
		if r.TaskID != id || r.State != celery.StateRetry {
			continue
		}
		if r.Exception.Error() != "ValueError: flaky" || !strings.HasSuffix(r.Exception.Traceback, "celery.exceptions.Retry: Retry in 0.01s: ValueError('flaky')\n") ||
			string(r.Children) != `[[["`+id+`", null], null]]` {
			t.Errorf("RETRY: %+v", r)
		}
	}
	id = b.send("nothing", nil)
	r := b.ends(id, "RETRY", "RETRY", "RETRY", "FAILURE") // Celery's default of three
	if want := "Can't retry nothing[" + id + "] args:() kwargs:{}"; r.Exception.Type != "MaxRetriesExceededError" || r.Exception.Error() != "MaxRetriesExceededError: "+want {
		t.Errorf("got %+v, want %s", r.Exception, want)
	}
	b.ends(b.send("limited", nil), "RETRY", "FAILURE")
	if r := b.ends(b.send("claims", nil), "FAILURE"); r.Exception.Type != "Retry" {
		t.Errorf("a retry that was not asked for: %+v", r.Exception)
	}
}

// TestRetryIsRepublishedAsPythonsWorkerDoes compares with a recorded retry.
func TestRetryIsRepublishedAsPythonsWorkerDoes(t *testing.T) {
	data, err := os.ReadFile("../celery/testdata/task-v2-retry-republished.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Headers    map[string]any `json:"headers"`
		Body       []byte         `json:"body_base64"`
		Properties struct {
			Priority *uint8 `json:"priority"`
			ReplyTo  string `json:"reply_to"`
			Mode     int    `json:"delivery_mode"`
		} `json:"properties"`
		RoutingKey string `json:"routing_key"`
		Exchange   string `json:"exchange"`
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	id := want.Headers["id"].(string)
	original := &celery.Task{
		Protocol: 2, ID: id, Name: "tasks.flaky", RootID: id, Args: []json.RawMessage{json.RawMessage("1")}, ReplyTo: want.Properties.ReplyTo,
		CorrelationID: id, Origin: want.Headers["origin"].(string), IgnoreResult: ptr(false), Headers: map[string]any{"x-death": []any{}},
		DeliveryInfo: celery.DeliveryInfo{RoutingKey: want.RoutingKey, Priority: want.Properties.Priority},
	}
	w := &Worker{Config: Config{}}
	c := &call{w: w, r: &request{task: original}, set: settings{}}
	m, err := c.retryOf(abi.Retry{Countdown: ptr(1.0)})
	if err != nil {
		t.Fatal(err)
	}
	if m.Queue != want.RoutingKey || m.Exchange != want.Exchange || m.Transient != nil {
		t.Errorf("goes to %+v", m)
	}
	if left := time.Until(*m.Task.ETA); left < 900*time.Millisecond || left > time.Second {
		t.Errorf("eta in %v", left)
	}
	recorded, err := celery.ParseTime(want.Headers["eta"].(string))
	if err != nil {
		t.Fatal(err)
	}
	m.Task.ETA = &recorded
	out := celery.EncodeTask(m.Task)
	encoded, err := json.Marshal(out.Headers)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want.Headers) {
		t.Errorf("headers\n got %v\nwant %v", got, want.Headers)
	}
	if string(out.Body) != string(want.Body) || out.ReplyTo != want.Properties.ReplyTo || *out.Priority != *want.Properties.Priority || !out.Persistent {
		t.Errorf("message %+v", out)
	}
}

func TestRetryMayChangeTheCall(t *testing.T) {
	b := start(t, Config{}, map[string]body{"again": func(ctx context.Context, c Call) (json.RawMessage, error) {
		if c.Retries > 0 {
			if c.Shadow != "other" || c.TimeLimit == nil || *c.TimeLimit != 30 {
				return nil, fmt.Errorf("options %q %v", c.Shadow, c.TimeLimit)
			}
			return c.Arguments(), nil
		}
		err := c.Retry(ctx, abi.Retry{
			Countdown: soon(), Args: []json.RawMessage{json.RawMessage("2")}, Kwargs: map[string]json.RawMessage{"k": json.RawMessage("3")},
			Options: map[string]json.RawMessage{"shadow": json.RawMessage(`"other"`), "time_limit": json.RawMessage("30")},
		})
		return nil, errors.Join(err, controlError("Retry"))
	}, "wrong": func(ctx context.Context, c Call) (json.RawMessage, error) {
		return nil, c.Retry(ctx, abi.Retry{Options: map[string]json.RawMessage{"chord": json.RawMessage("1")}})
	}}, nil)
	if r := b.ends(b.send("again", nil), "RETRY", "SUCCESS"); string(r.Value) != `{"args": [2], "kwargs": {"k": 3}}` {
		t.Errorf("got %s, %+v", r.Value, r.Exception)
	}
	if r := b.ends(b.send("wrong", nil), "FAILURE"); r.Exception.Type != "ValueError" || !strings.Contains(r.Exception.Error(), "chord") {
		t.Errorf("got %+v", r.Exception)
	}
}

func TestAutomaticRetriesHeedTheException(t *testing.T) {
	failing := func(e *abi.Error) body {
		return func(_ context.Context, c Call) (json.RawMessage, error) {
			if c.Retries >= 2 {
				return json.RawMessage("1"), nil
			}
			return nil, e
		}
	}
	auto := func(change func(*abi.TaskOptions)) abi.TaskOptions {
		o := abi.TaskOptions{AutoretryFor: []string{"ConnectionError", "pyspark.errors.AnalysisException"}, DefaultRetryDelay: soon()}
		change(&o)
		return o
	}
	analysis := abi.Errorf("pyspark.errors.AnalysisException", "no table")
	b := start(t, Config{}, map[string]body{
		"listed": failing(abi.Errorf("ConnectionError", "away")), "module": failing(analysis), "unlisted": failing(abi.Errorf("ValueError", "x")),
		"except": failing(analysis), "once": failing(analysis), "ignored": failing(abi.Errorf("celery.exceptions.Ignore", "x")),
	}, map[string]abi.TaskOptions{
		"listed": auto(func(*abi.TaskOptions) {}), "module": auto(func(*abi.TaskOptions) {}), "unlisted": auto(func(*abi.TaskOptions) {}),
		"except": auto(func(o *abi.TaskOptions) {
			o.AutoretryFor, o.DontAutoretryFor = []string{"Exception"}, []string{"pyspark.errors.AnalysisException"}
		}),
		"once":    auto(func(o *abi.TaskOptions) { o.MaxRetries = ptr(1) }),
		"ignored": auto(func(o *abi.TaskOptions) { o.AutoretryFor = []string{"Exception"} }),
	})
	b.ends(b.send("listed", nil), "RETRY", "RETRY", "SUCCESS")
	b.ends(b.send("module", nil), "RETRY", "RETRY", "SUCCESS")
	b.ends(b.send("unlisted", nil), "FAILURE")
	b.ends(b.send("except", nil), "FAILURE")
	if r := b.ends(b.send("once", nil), "RETRY", "FAILURE"); r.Exception.Error() != "AnalysisException: no table" {
		t.Errorf("got %+v", r.Exception)
	}
	before := b.Stats().Done
	ignored := b.send("ignored", nil)
	b.eventually("the ignored task", func() bool { return b.Stats().Done == before+1 })
	if states, _ := b.store.of(ignored); len(states) != 0 {
		t.Errorf("an ignored task has %v", states)
	}
}

func TestBackoffIsCelerys(t *testing.T) {
	for _, c := range []struct {
		factor  float64
		retries int
		most    float64
		want    float64
	}{{1, 0, 600, 1}, {1, 3, 600, 8}, {2, 3, 600, 16}, {5, 10, 600, 600}, {1.9, 1, 600, 2}, {0.5, 1, 600, 2}, {1, 2000, 600, 600}, {1, 5, 0, 0}} {
		if got := backoffSeconds(c.factor, c.retries, c.most, false); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
		for range 50 {
			if got := backoffSeconds(c.factor, c.retries, c.most, true); got < 0 || got > c.want {
				t.Errorf("%+v with jitter: got %v", c, got)
			}
		}
	}
}

// A slow backend must not have the state of a try behind that of the next.
func TestStatesOfTriesAreStoredInTheirOrder(t *testing.T) {
	b := start(t, Config{}, map[string]body{"again": func(ctx context.Context, c Call) (json.RawMessage, error) {
		if err := c.Retry(ctx, abi.Retry{Countdown: ptr(0.0)}); err != nil {
			return nil, err
		}
		return nil, controlError("Retry")
	}}, map[string]abi.TaskOptions{"again": {MaxRetries: ptr(2)}})
	b.store.mu.Lock()
	b.store.slow = func(r celery.Result) time.Duration {
		return map[string]time.Duration{celery.StateRetry: 50 * time.Millisecond}[r.State]
	}
	b.store.mu.Unlock()
	b.ends(b.send("again", nil), "RETRY", "RETRY", "FAILURE")
}

func TestRateLimitOfTasksWithoutOne(t *testing.T) {
	opts := map[string]abi.TaskOptions{"own": {RateLimit: ptr("1/s")}, "none": {RateLimit: ptr("")}}
	bodies := map[string]body{"own": returns("1"), "none": returns("1"), "default": returns("1")}
	b := start(t, Config{DefaultRateLimit: "120/m"}, bodies, opts)
	for name, want := range map[string]float64{"own": 1, "none": 0, "default": 2} {
		if got := b.rateOf(name); got != want {
			t.Errorf("%s: %v calls a second, want %v", name, got, want)
		}
	}
	b = start(t, Config{DefaultRateLimit: "120/m", NoRateLimits: true}, bodies, opts)
	for name := range bodies {
		if got := b.rateOf(name); got != 0 {
			t.Errorf("%s: %v calls a second without rate limits", name, got)
		}
	}
}

// TestArgumentsOfRetriesAreThoseOfPython compares what a retry with arguments sends,
// for calls that gave theirs in another way, and wrong ones too.
func TestArgumentsOfRetriesAreThoseOfPython(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "d"}
	list := func(mark string) []any {
		l := []any{}
		for n := range random.IntN(4) {
			l = append(l, fmt.Sprint(mark, n))
		}
		return l
	}
	object := func(mark string) map[string]any {
		o := map[string]any{}
		for range random.IntN(3) {
			name := names[random.IntN(len(names))]
			o[name] = mark + name
		}
		return o
	}
	var cases [][]any
	for range 400 {
		c := []any{names[:random.IntN(len(names)+1)], list("old"), object("old"), nil, nil}
		if random.IntN(3) > 0 {
			c[3] = list("new")
		}
		if random.IntN(3) > 0 {
			c[4] = object("new")
		}
		cases = append(cases, c)
	}
	decode := func(v, into any) {
		t.Helper()
		data, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range judge[[]any](t, "retries.py", cases) {
		in := cases[i]
		kwargs, err := json.Marshal(in[2])
		if err != nil {
			t.Fatal(err)
		}
		original := &celery.Task{ID: "x", Name: "t"}
		decode(in[1], &original.Args)
		if original.Kwargs, err = celery.Members(kwargs); err != nil {
			t.Fatal(err)
		}
		before := string(original.Kwargs.Append(celery.AppendArray(nil, original.Args)))
		again := abi.Retry{Countdown: ptr(0.0)}
		decode(in[3], &again.Args)
		decode(in[4], &again.Kwargs)
		c := &call{w: &Worker{}, r: &request{task: original}, task: &lease{params: in[0].([]string)}}
		m, err := c.retryOf(again)
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		decode([]json.RawMessage{celery.AppendArray(nil, m.Task.Args), m.Task.Kwargs.Append(nil)}, &got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: sent with %v, by Python with %v", in, got, want)
		}
		if after := string(original.Kwargs.Append(celery.AppendArray(nil, original.Args))); after != before {
			t.Errorf("%v: the call itself became %s", in, after)
		}
	}
}
