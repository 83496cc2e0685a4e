package database

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(s *Store) func(*testing.T, string) []byte {
	return func(t *testing.T, id string) []byte {
		r, found, err := s.Get(t.Context(), id)
		if err != nil || !found {
			t.Fatalf("Get: found %v, %v", found, err)
		}
		return r.Encode()
	}
}

func TestSQLite(t *testing.T) {
	resulttest.Run(t, func(t *testing.T) resulttest.Backend {
		s := open(t, Config{URL: "db+sqlite:///" + filepath.Join(t.TempDir(), "results ü.db")})
		return resulttest.Backend{Store: s, Read: read(s), Keeps: true, Ungrouped: true}
	})
	judge(t, true, func(name string) string { return "db+sqlite:///" + filepath.Join(t.TempDir(), name+".db") })
}

func TestPostgreSQL(t *testing.T) {
	address := startPostgres(t)
	resulttest.Run(t, func(t *testing.T) resulttest.Backend {
		relay, url := relayed(t, address)
		s := open(t, Config{URL: url})
		return resulttest.Backend{Store: s, Read: read(s), Keeps: true, Ungrouped: true, Away: func(*testing.T) func() {
			relay.Refuse(true)
			relay.Cut()
			return func() { relay.Refuse(false) }
		}}
	})
	s := open(t, Config{URL: "db+postgresql://sparkstalk@" + address + "/postgres"})
	defer func() { _ = s.Close() }()
	for _, oursFirst := range []bool{true, false} {
		judge(t, oursFirst, func(name string) string {
			if _, err := s.db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
				t.Fatal(err)
			}
			return "db+postgresql://sparkstalk@" + address + "/" + name
		})
	}
}

// judge has Celery make the tables or find ours, read what we store, and write
// what we read.
func judge(t *testing.T, oursFirst bool, fresh func(name string) string) {
	name := "their_tables"
	if oursFirst {
		name = "our_tables"
	}
	t.Run(name, func(t *testing.T) {
		url, table := fresh(name), name
		s := open(t, Config{URL: url, Table: table, GroupTable: table + " of groups", Extended: true, Expires: time.Hour})
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		if !oursFirst {
			python(t, url, table, "", "first")
		}
		task := &celery.Task{
			ID: "ours", Name: "demo.task", Args: []json.RawMessage{json.RawMessage(`"ü"`)}, Retries: 2,
			StampedHeaders: []string{"on"}, Stamps: map[string]any{"on": "m"},
		}
		success := celery.Success(task, json.RawMessage(`{"a": [1, 2.0, "\u00e9"], "n": null}`))
		success.Children = json.RawMessage(`[[["child", null], null]]`)
		success.Extra = celery.ExtendedMeta(task, "w@host")
		exception := celery.NewException("builtins", "KeyError", "boom")
		exception.Traceback = "line 1\nline 2"
		failed := celery.Failure(&celery.Task{ID: "failed", Name: "demo.task"}, exception)
		started := celery.Started(&celery.Task{ID: "started", Name: "demo.task"}, 7, "w@host")
		old := celery.Success(&celery.Task{ID: "old", Name: "demo.task"}, json.RawMessage("1"))
		old.DateDone = time.Now().Add(-2 * time.Hour)
		for _, r := range []celery.Result{success, failed, started, old, celery.Started(task, 1, "w")} {
			if err := s.Store(t.Context(), r, result.Reply{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Cleanup(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got map[string]map[string]any
		out := python(t, url, table, "ours failed started old", "theirs")
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		want := map[string]string{
			"ours": `{"args":["ü"],"children":["child"],"done":true,"kwargs":{},"name":"demo.task","queue":null,"result":{"a":[1,2,"é"],"n":null},"retries":2,` +
				`"stamps":"m","status":"SUCCESS","traceback":null,"worker":"w@host"}`,
			"failed": `{"args":null,"children":[],"done":true,"kwargs":null,"name":null,"queue":null,"result":"KeyError('boom')","retries":null,` +
				`"stamps":null,"status":"FAILURE","traceback":"line 1\nline 2","worker":null}`,
			"started": `{"args":null,"children":[],"done":false,"kwargs":null,"name":null,"queue":null,"result":{"hostname":"w@host","pid":7},"retries":null,` +
				`"stamps":null,"status":"STARTED","traceback":null,"worker":null}`,
			"old": `{"args":null,"children":[],"done":false,"kwargs":null,"name":null,"queue":null,"result":null,"retries":null,` +
				`"stamps":null,"status":"PENDING","traceback":null,"worker":null}`,
		}
		for id, text := range want {
			if line, _ := json.Marshal(got[id]); string(line) != text {
				t.Errorf("Celery reads %s as\n%s, want\n%s", id, line, text)
			}
		}
		r, found, err := s.Get(t.Context(), "theirs")
		if err != nil || !found || r.State != celery.StateSuccess || string(r.Value) != `{"a": [1, "\u00e9"]}` || time.Since(r.DateDone).Abs() > time.Minute {
			t.Errorf("theirs is %+v, %v, %v", r, found, err)
		}
		if r, _, err := s.Get(t.Context(), "theirs failed"); err != nil || r.State != celery.StateFailure || r.Exception == nil && r.Value == nil {
			t.Errorf("their failure is %+v, %v", r, err)
		}
		if _, found, err := s.Get(t.Context(), "nobody's"); found || err != nil {
			t.Errorf("nobody's: %v, %v", found, err)
		}
	})
}

func python(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), append([]string{"testdata/judge.py"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("judge.py %v: %v\n%s", args, err, stderr.String())
	}
	return out
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"db+postgresql://u:p%40@h:5433/d?sslmode=disable": "pgx postgres://u:p%40@h:5433/d?sslmode=disable",
		"db+postgresql+psycopg2://u@h/d":                  "pgx postgres://u@h/d",
		"postgresql://h/d":                                "pgx postgres://h/d",
		"db+sqlite:///a/b.db":                             "sqlite file:a/b.db?_pragma=busy_timeout(5000)&_txlock=immediate",
		"db+sqlite:////a/b.db":                            "sqlite file:/a/b.db?_pragma=busy_timeout(5000)&_txlock=immediate",
	} {
		d, err := parse(url)
		if err != nil || d.driver+" "+d.dsn != want {
			t.Errorf("%s: got %s %s, %v", url, d.driver, d.dsn, err)
		}
	}
	for url, text := range map[string]string{
		"db+sqlite://": "file", "db+sqlite:///:memory:": "file", "db+sqlite:///a?mode=ro": "mode=ro", "db+mysql://h/d": "mysql",
		"nothing": "db+postgresql://", "db+postgresql://u:hunter2/x@h/d": "", "db+postgresql://u:hunter2@h/d?sslmode=what": "sslmode",
	} {
		_, err := New(Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

// A server that refuses for good is not waited for.
func TestRefusalIsFinal(t *testing.T) {
	s := open(t, Config{URL: "db+sqlite:///" + filepath.Join(t.TempDir(), "no", "such", "folder.db")})
	defer func() { _ = s.Close() }()
	if err := s.Store(t.Context(), celery.Success(&celery.Task{ID: "x"}, nil), result.Reply{}); err == nil {
		t.Error("stored into a folder that is not there")
	}
}
