package redis_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/redis"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

func open(t *testing.T, cfg redis.Config) *redis.Store {
	t.Helper()
	s, err := redis.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, c *goredis.Client, key string) []byte {
	t.Helper()
	data, err := c.Get(t.Context(), key).Bytes()
	if err != nil {
		t.Fatalf("GET %s: %v", key, err)
	}
	return data
}

func TestContract(t *testing.T) {
	server := proctest.StartRedis(t, "--appendonly", "yes")
	relay := proctest.Proxy(t, server.Address())
	reader := proctest.RedisClient(t, server.URL())
	resulttest.Run(t, func(t *testing.T) resulttest.Backend {
		return resulttest.Backend{
			Store: open(t, redis.Config{URL: "redis://" + relay.Address() + "/0"}), Keeps: true,
			Read: func(t *testing.T, id string) []byte { return get(t, reader, "celery-task-meta-"+id) },
			Away: func(*testing.T) func() {
				relay.Refuse(true)
				relay.Cut()
				return func() { relay.Refuse(false) }
			},
		}
	})
}

// TestPythonWaitsForOurResults has Python wait on the channel, as AsyncResult.get does.
func TestPythonWaitsForOurResults(t *testing.T) {
	for _, prefix := range []string{"", proctest.Name(t), proctest.Name(t) + ":"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			url := proctest.Redis(t)
			s := open(t, redis.Config{URL: url, KeyPrefix: prefix})
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			tasks := make([]*celery.Task, 5)
			args := []string{"testdata/client.py", url, prefix}
			for i := range tasks {
				tasks[i] = &celery.Task{ID: uuid.NewString(), Name: "t"}
				args = append(args, tasks[i].ID)
			}
			cmd := exec.CommandContext(t.Context(), proctest.Python(t), args...)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if !lines.Scan() || lines.Text() != "waiting" {
				t.Fatalf("client.py says %q", lines.Text())
			}
			failure := celery.NewException("pyspark.errors", "AnalysisException", "[PATH_NOT_FOUND] /nowhere")
			failure.Traceback = "here"
			for _, r := range []celery.Result{
				celery.Started(tasks[0], 1, "w@host"), celery.Success(tasks[0], json.RawMessage(`[1, 2.0, "\u00e9"]`)),
				celery.Failure(tasks[1], celery.NewException("builtins", "TypeError", "it's")),
				celery.Failure(tasks[2], failure),
				celery.Failure(tasks[3], celery.Revoked("expired")),
				celery.Success(tasks[4], nil),
			} {
				if err := s.Store(t.Context(), r, result.Reply{}); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{
				`[1, 2.0, 'é']`, `FAILURE builtins.TypeError("it's",)`, `FAILURE celery.exceptions.AnalysisException('[PATH_NOT_FOUND] /nowhere',)`,
				`REVOKED celery.exceptions.TaskRevokedError('expired',)`, `None`,
			} {
				if !lines.Scan() || lines.Text() != want {
					t.Errorf("Python got %q, want %q", lines.Text(), want)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExpires(t *testing.T) {
	url := proctest.Redis(t)
	reader := proctest.RedisClient(t, url)
	for _, c := range []struct {
		cfg              redis.Config
		success, failure time.Duration // -1ns is Redis' answer for no expiry
	}{
		{redis.Config{}, 24 * time.Hour, 24 * time.Hour},
		{redis.Config{Expires: time.Hour}, time.Hour, time.Hour},
		{redis.Config{Expires: time.Hour, FailureExpires: time.Minute}, time.Hour, time.Minute},
		{redis.Config{Expires: -1}, -1, -1},
		{redis.Config{Expires: time.Millisecond}, time.Second, time.Second},
	} {
		c.cfg.URL = url
		s := open(t, c.cfg)
		for _, r := range []celery.Result{
			celery.Success(&celery.Task{ID: uuid.NewString()}, nil), celery.Failure(&celery.Task{ID: uuid.NewString()}, celery.InvalidTask("x")),
		} {
			if err := s.Store(t.Context(), r, result.Reply{}); err != nil {
				t.Fatal(err)
			}
			ttl, err := reader.TTL(t.Context(), "celery-task-meta-"+r.TaskID).Result()
			want := c.success
			if r.State == celery.StateFailure {
				want = c.failure
			}
			if err != nil || ttl > want || ttl < want-time.Minute {
				t.Errorf("%+v, %s: expires in %v (%v), want %v", c.cfg, r.State, ttl, err, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCommandsArePythons compares what Redis is asked with a capture of Python's worker.
func TestCommandsArePythons(t *testing.T) {
	data, err := os.ReadFile("../../celery/testdata/redis-result-started-success.json")
	if err != nil {
		t.Fatal(err)
	}
	var capture struct {
		Redis []struct{ Cmd []string }
	}
	if err := json.Unmarshal(data, &capture); err != nil {
		t.Fatal(err)
	}
	server := proctest.StartRedis(t)
	monitor := exec.CommandContext(t.Context(), "redis-cli", "-u", server.URL(), "MONITOR")
	out, err := monitor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = monitor.Process.Kill()
		_ = monitor.Wait() // it was killed
	}()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != "OK" {
		t.Fatalf("MONITOR says %q", lines.Text())
	}
	s := open(t, redis.Config{URL: server.URL()})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, call := range capture.Redis {
		if call.Cmd[0] != "SETEX" {
			continue
		}
		r, err := celery.DecodeResult([]byte(call.Cmd[3]))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Store(t.Context(), r, result.Reply{}); err != nil {
			t.Fatal(err)
		}
	}
	// A first state is stored by a script, in which the transaction is the script's own.
	inScript := func(word string) bool { return strings.EqualFold(word, "multi") || strings.EqualFold(word, "exec") }
	first := true
	for _, want := range capture.Redis {
		if first && inScript(want.Cmd[0]) {
			first = want.Cmd[0] != "EXEC"
			continue
		}
		words := nextCommand(t, lines)
		for slices.ContainsFunc([]string{"hello", "select", "client", "eval", "evalsha"}, func(skip string) bool { return strings.EqualFold(words[0], skip) }) {
			words = nextCommand(t, lines)
		}
		if strings.ToUpper(words[0]) != want.Cmd[0] || strings.Join(words[1:], "|") != strings.Join(want.Cmd[1:], "|") {
			t.Errorf("got %q\nwant %q", words, want.Cmd)
		}
	}
}

// nextCommand reads a line of MONITOR: 1700000000.1 [0 127.0.0.1:1] "get" "key".
func nextCommand(t *testing.T, lines *bufio.Scanner) []string {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("MONITOR ended: %v", lines.Err())
	}
	_, rest, _ := strings.Cut(lines.Text(), "] ")
	var words []string
	decoder := json.NewDecoder(strings.NewReader(rest))
	for decoder.More() {
		var w string
		if err := decoder.Decode(&w); err != nil {
			t.Fatalf("%s: %v", rest, err)
		}
		words = append(words, w)
	}
	return words
}

func TestRestartLosesNoResult(t *testing.T) {
	server := proctest.StartRedis(t)
	s := open(t, redis.Config{URL: server.URL()})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	task := &celery.Task{ID: uuid.NewString()}
	if err := s.Store(t.Context(), celery.Started(task, 1, "w@host"), result.Reply{}); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	stored := make(chan error, 1)
	go func() { stored <- s.Store(t.Context(), celery.Success(task, nil), result.Reply{}) }()
	time.Sleep(200 * time.Millisecond) // let it fail a few times
	server.Restart(t)
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	if r, err := celery.DecodeResult(get(t, proctest.RedisClient(t, server.URL()), "celery-task-meta-"+task.ID)); err != nil || r.State != celery.StateSuccess {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	server := proctest.StartRedis(t)
	if err := proctest.RedisClient(t, server.URL()).ConfigSet(t.Context(), "requirepass", "secret").Err(); err != nil {
		t.Fatal(err)
	}
	s := open(t, redis.Config{URL: strings.Replace(server.URL(), "redis://", "redis://:mistyped@", 1)})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := s.Store(ctx, celery.Success(&celery.Task{ID: "the-id"}, nil), result.Reply{})
	if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "the-id") || strings.Contains(err.Error(), "mistyped") {
		t.Errorf("got %v", err)
	}
	if _, ok := errors.AsType[goredis.Error](err); !ok {
		t.Errorf("got %v, want the server's words", err)
	}
}

func TestWaitReturnsTheFinalState(t *testing.T) {
	server := proctest.StartRedis(t, "--appendonly", "yes")
	s := open(t, redis.Config{URL: server.URL()})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	task := &celery.Task{ID: uuid.NewString()}
	waited := make(chan celery.Result, 2)
	for range cap(waited) {
		go func() {
			r, err := s.Wait(t.Context(), task.ID)
			if err != nil {
				t.Error(err)
			}
			waited <- r
		}()
	}
	if err := s.Store(t.Context(), celery.Started(task, 1, "w@host"), result.Reply{}); err != nil {
		t.Fatal(err)
	}
	server.Kill() // who waits outlives it
	server.Restart(t)
	if err := s.Store(t.Context(), celery.Failure(task, celery.InvalidTask("x")), result.Reply{}); err != nil {
		t.Fatal(err)
	}
	for range cap(waited) {
		if r := <-waited; r.State != celery.StateFailure || r.Exception.Type != "InvalidTaskError" {
			t.Errorf("%+v", r)
		}
	}
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	if _, err := s.Wait(ctx, "unknown"); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// TestUserWithoutScripts stores as Python's worker does, which runs none.
func TestUserWithoutScripts(t *testing.T) {
	server := proctest.StartRedis(t)
	if err := proctest.RedisClient(t, server.URL()).Do(t.Context(), "ACL", "SETUSER", "plain", "on", ">secret", "~*", "&*", "+@all", "-@scripting").Err(); err != nil {
		t.Fatal(err)
	}
	s := open(t, redis.Config{URL: strings.Replace(server.URL(), "redis://", "redis://plain:secret@", 1)})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	task := &celery.Task{ID: uuid.NewString()}
	for _, r := range []celery.Result{
		celery.Started(task, 1, "w@host"), celery.Success(task, json.RawMessage("1")), celery.Failure(task, celery.InvalidTask("x")),
	} {
		if err := s.Store(t.Context(), r, result.Reply{}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := celery.DecodeResult(get(t, proctest.RedisClient(t, server.URL()), "celery-task-meta-"+task.ID)); err != nil || r.State != celery.StateSuccess {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestURLs(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "ca.pem")
	for url, want := range map[string]string{
		"redis://localhost":                                        "",
		"redis://user:secret@localhost:6380/5":                     "",
		"rediss://localhost:6380/1?ssl_cert_reqs=CERT_NONE":        "",
		"rediss://localhost:6380/1?ssl_cert_reqs=required":         "",
		"redis+socket:///run/redis.sock?virtual_host=3":            "",
		"unix:///run/redis.sock?db=3":                              "",
		"http://user:secret@localhost":                             "scheme",
		"redis://user:secret@localhost:port":                       "bad URL",
		"redis://user:secret@localhost/x":                          "bad URL",
		"redis://user:secret@localhost/0?nonsense=1":               "bad URL",
		"rediss://localhost?ssl_cert_reqs=maybe":                   "ssl_cert_reqs",
		fmt.Sprintf("rediss://localhost?ssl_ca_certs=%s", missing): "ssl_ca_certs",
		"rediss://localhost?ssl_certfile=/none&ssl_keyfile=/none":  "ssl_certfile",
	} {
		s, err := redis.New(redis.Config{URL: url})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", url, err)
			} else if err := s.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want one about %s", url, err, want)
		}
	}
}
