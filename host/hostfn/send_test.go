package hostfn

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestMessagesGoThroughTheTask(t *testing.T) {
	var retried abi.Retry
	var sent []string
	send := func(_ context.Context, signature json.RawMessage) (string, error) {
		sent = append(sent, string(signature))
		return "id-2", nil
	}
	i := openTask(t.Context(), &session{}, Config{}, Task{ID: "id-1", Name: "t", Messages: Messages{
		Retry: func(_ context.Context, r abi.Retry) error { retried = r; return nil },
		Send:  send, AddToChord: send,
		Replace: func(context.Context, json.RawMessage) error { return abi.Errorf("ValueError", "not this one") },
	}})
	defer i.Close()
	if err := i.TaskRetry([]byte(`{"countdown": 1.5, "exc": {"type": "ValueError", "args": ["x"]}}`)); err != nil || *retried.Countdown != 1.5 || retried.Exception.Type != "ValueError" {
		t.Errorf("%+v, %v", retried, err)
	}
	if err := i.TaskRetry(nil); err != nil || retried.Countdown != nil {
		t.Errorf("a retry without options: %+v, %v", retried, err)
	}
	for _, f := range []func([]byte) (string, error){i.TaskSend, i.TaskAddToChord} {
		if id, err := f([]byte(`{"task": "x"}`)); err != nil || id != "id-2" {
			t.Errorf("%q, %v", id, err)
		}
	}
	if len(sent) != 2 {
		t.Errorf("sent %q", sent)
	}
	wantError(t, i.TaskReplace([]byte(`{"task": "x"}`)), "ValueError", "not this one")
	wantError(t, i.TaskRetry([]byte(`[]`)), "ValueError", "TaskRetry")
	_, err := i.TaskSend([]byte(`{"task": `))
	wantError(t, err, "ValueError", "TaskSend", "JSON")
}

func TestWhatCannotBeSentSaysWhy(t *testing.T) {
	i := openTask(t.Context(), &session{}, Config{Limits: abi.Limits{ResultLimit: 100}}, Task{ID: "id-1", Name: "t"})
	wantError(t, i.TaskRetry(nil), "RuntimeError", "broker")
	wantError(t, i.TaskReplace([]byte(`{}`)), "RuntimeError", "TaskReplace")
	_, err := i.TaskSend([]byte(`"` + string(make([]byte, 0, 200)) + `"`))
	wantError(t, err, "RuntimeError")
	i.Close()

	i = openTask(t.Context(), &session{}, Config{Limits: abi.Limits{ResultLimit: 100}}, Task{ID: "id-1", Name: "t", Messages: Messages{
		Send: func(context.Context, json.RawMessage) (string, error) { return "", nil },
	}})
	defer i.Close()
	long, err := json.Marshal(map[string]string{"task": string(make([]byte, 200))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.TaskSend(long)
	wantError(t, err, "sparkstalk.ResultTooLarge", "what is sent")
	for range abi.DefaultLimits.Messages {
		if _, err := i.TaskSend([]byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = i.TaskSend([]byte(`{}`))
	wantError(t, err, "sparkstalk.LimitExceeded", "10000")
}

// TestSoftTimeLimitInterruptsOnce ends the action under way; the task may go on.
func TestSoftTimeLimitInterruptsOnce(t *testing.T) {
	slow := true
	s := &session{count: func(ctx context.Context, _ *spark.DataFrame, _ spark.Options) (int64, error) {
		if !slow {
			return 7, ctx.Err()
		}
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}}
	i := openTask(t.Context(), s, Config{}, Task{ID: "id-1", Name: "t", SoftLimit: 30 * time.Millisecond})
	defer i.Close()
	if err := i.TaskCheck(); err != nil {
		t.Errorf("in time: %v", err)
	}
	frame := i.FrameRange(0, 10, 1, 0)
	_, err := i.ActionCount(frame)
	wantError(t, err, "billiard.exceptions.SoftTimeLimitExceeded")
	wantError(t, i.TaskCheck(), "billiard.exceptions.SoftTimeLimitExceeded")
	slow = false
	if n, err := i.ActionCount(frame); err != nil || n != 7 {
		t.Errorf("after the limit: %d, %v", n, err)
	}
	// A task that passes the error on fails with it.
	if err := i.ResultError([]byte(`{"type": "SoftTimeLimitExceeded", "module": "billiard.exceptions", "args": []}`)); err != nil {
		t.Fatal(err)
	}
	_, err = i.Result(t.Context())
	wantError(t, err, "billiard.exceptions.SoftTimeLimitExceeded")

	// One whose next action comes after the limit learns of it then.
	late := openTask(t.Context(), s, Config{}, Task{ID: "id-2", Name: "t", SoftLimit: time.Millisecond})
	defer late.Close()
	time.Sleep(5 * time.Millisecond)
	_, err = late.ActionCount(late.FrameRange(0, 10, 1, 0))
	wantError(t, err, "billiard.exceptions.SoftTimeLimitExceeded")

	// The hard limit is the context's own end, and says so.
	hard := errors.New("time limit")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := openTask(ctx, s, Config{}, Task{ID: "id-3", Name: "t", SoftLimit: time.Hour})
	defer ended.Close()
	cancel(hard)
	if err := ended.TaskCheck(); !errors.Is(err, hard) {
		t.Errorf("got %v", err)
	}
}
