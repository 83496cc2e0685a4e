package wiretest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestApplyAsyncTakesCelerysOptions by their names, with results by rpc and from Redis.
func TestApplyAsyncTakesCelerysOptions(t *testing.T) {
	for _, backend := range []string{"rpc://", proctest.Redis(t)} {
		t.Run(strings.Split(backend, ":")[0], func(t *testing.T) {
			t.Parallel()
			broker, queue := proctest.RabbitMQ(t), proctest.Name(t)
			serve(t, broker, backend, queue, settings{})
			cfg := host.Config{Broker: broker, ResultBackend: backend, Queues: []string{"nowhere." + queue}, Log: slog.New(slog.DiscardHandler)}
			call := func(task string, kwargs, options map[string]any) (json.RawMessage, error) {
				ctx, cancel := context.WithTimeout(t.Context(), hosttest.Patience)
				defer cancel()
				options["queue"] = queue
				return host.ApplyAsync(ctx, cfg, task, nil, members(t, kwargs), members(t, options))
			}
			id := uuid.NewString()
			began := time.Now()
			value, err := call("conf.request", nil, map[string]any{"task_id": id, "countdown": 0.5, "priority": 3})
			var request struct{ ID, Task string }
			if err := errors.Join(err, json.Unmarshal(value, &request)); err != nil || request.ID != id || time.Since(began) < 500*time.Millisecond {
				t.Errorf("%s, %v after %v", value, err, time.Since(began))
			}
			if value, err := call("conf.add", map[string]any{"x": 1, "y": 2}, map[string]any{"ignore_result": true}); err != nil || string(value) != "null" {
				t.Errorf("ignored: %s, %v", value, err)
			}
			var revoked *celery.Exception
			if value, err := call("conf.add", map[string]any{"x": 1, "y": 2}, map[string]any{"expires": "2020-01-01T00:00:00Z"}); !errors.As(err, &revoked) || revoked.Type != "TaskRevokedError" {
				t.Errorf("expired: %s, %v", value, err)
			}
			if _, err := call("conf.add", nil, map[string]any{"countdown": "soon"}); err == nil || !strings.Contains(err.Error(), "countdown") {
				t.Errorf("no number: %v", err)
			}
		})
	}
}

func members(t *testing.T, of map[string]any) map[string]json.RawMessage {
	t.Helper()
	out := map[string]json.RawMessage{}
	for name, value := range of {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = data
	}
	return out
}
