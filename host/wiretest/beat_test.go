package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// entries are a schedule's, by the queue that each sends to.
var entries = map[string]settings{
	"plain":   {"args": []any{1, "é"}, "options": settings{}},
	"options": {"kwargs": settings{"a": 1}, "options": settings{"expires": 15.0, "priority": 4, "headers": settings{"tenant": "x"}, "shadow": "shown"}},
	"later":   {"options": settings{"countdown": 3600, "time_limit": 30, "soft_time_limit": 20.5, "ignore_result": true}},
	"written": {"args": []any{[]any{1, 2}}, "options": settings{"serializer": "msgpack", "compression": "gzip", "delivery_mode": 1}},
	"routed":  {"options": settings{"expires": 3600}},
}

var names = []string{"plain", "options", "later", "written", "routed"}

// schedule is beat_schedule for one of the two beats, whose queues begin with mark.
func schedule(mark string) settings {
	out := settings{}
	for name, e := range entries {
		queue := mark + "." + name
		options := settings{"queue": queue}
		for k, v := range e["options"].(settings) {
			options[k] = v
		}
		entry := settings{"task": "tasks." + name, "schedule": 1.0, "options": options}
		for _, k := range []string{"args", "kwargs"} {
			if e[k] != nil {
				entry[k] = e[k]
			}
		}
		if name == "routed" { // by the task's name instead
			delete(options, "queue")
		}
		out[name] = entry
	}
	return settings{
		"beat_schedule": out, "beat_max_loop_interval": 0.5, "task_routes": settings{"tasks.routed": settings{"queue": mark + ".routed"}},
		"timezone": "Europe/Berlin", "task_default_priority": 2,
	}
}

// TestBeatsSendTheSame has Celery's beat and ours send the same schedule, with the
// options that users give.
func TestBeatsSendTheSame(t *testing.T) {
	for name, broker := range map[string]func(testing.TB) string{"RabbitMQ": proctest.RabbitMQ, "Redis": proctest.Redis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mark := proctest.Name(t)
			ours, theirs := mark+".ours", mark+".theirs"
			conf := func(side string) []byte {
				data, err := json.Marshal(schedule(side))
				if err != nil {
					t.Fatal(err)
				}
				return data
			}
			cfg := host.Config{Broker: broker(t), Plugins: t.TempDir(), BeatGroup: mark, BeatScheduleFilename: filepath.Join(t.TempDir(), "beat.json"), Log: slog.New(slog.DiscardHandler)}
			if err := json.Unmarshal(conf(ours), &cfg); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- host.Beat(ctx, cfg) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			env := append(os.Environ(), "CELERY_BROKER_URL="+cfg.Broker, "CONF="+string(conf(theirs)))
			beat := exec.Command(proctest.Python(t), "-m", "celery", "-A", "beatapp", "beat", "-s", filepath.Join(t.TempDir(), "schedule"), "--pidfile=")
			log := &proctest.Output{}
			beat.Dir, beat.Env, beat.Stdout, beat.Stderr = "testdata", env, log, log
			if err := beat.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = beat.Process.Signal(syscall.SIGTERM) // it may have ended
				_ = beat.Wait()                          // its log says how
			}()
			read := func(side string) []any {
				args := []string{"testdata/beatapp.py"}
				for _, n := range names {
					args = append(args, side+"."+n)
				}
				cmd := exec.CommandContext(t.Context(), proctest.Python(t), args...)
				var stderr bytes.Buffer
				cmd.Env, cmd.Stderr = env, &stderr
				out, err := cmd.Output()
				var list []any
				if err != nil || json.Unmarshal(out, &list) != nil || len(list) != len(names) {
					t.Fatalf("%v\n%s%s\n%s", err, out, stderr.String(), hosttest.Tail(log.String(), 2000))
				}
				return list
			}
			declare(t, env, ours, theirs)
			got, want := read(ours), read(theirs)
			for i, n := range names {
				a, errA := json.Marshal(got[i])
				b, errB := json.Marshal(want[i])
				if errA != nil || errB != nil || string(a) != string(b) {
					t.Errorf("%s\n got %s\nwant %s", n, a, b)
				}
			}
		})
	}
}

// declare makes the queues, so that they can be asked for messages before there are
// any.
func declare(t *testing.T, env []string, sides ...string) {
	t.Helper()
	args := []string{"-c", `
import sys
sys.path.insert(0, "testdata")
from beatapp import app, Queue, Exchange
with app.connection_for_write() as conn:
    for name in sys.argv[1:]:
        Queue(name, Exchange(name), routing_key=name)(conn.default_channel).declare()`}
	for _, side := range sides {
		for _, n := range names {
			args = append(args, side+"."+n)
		}
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
