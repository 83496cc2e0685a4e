package cache

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// define makes a global temporary view.
func define(t *testing.T, c *Cache, s *spark.Session, name string, df *spark.DataFrame) {
	t.Helper()
	err := c.DefineView(t.Context(), df, name, spark.Options{}, func(ctx context.Context, df *spark.DataFrame) error {
		return s.CreateGlobalTempView(ctx, df, name, true, spark.Options{})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGlobalViewsAreMadeAgainInANewSession(t *testing.T) {
	for _, spec := range []string{"sail", "local[1]"} {
		t.Run(spec, func(t *testing.T) {
			e := proctest.StartEngine(t, spec)
			s := connect(t, spark.Config{Remote: e.Remote(), Address: e.Address})
			c := New(Config{Session: s})
			text, path := lines(t, "one\ntwo\n")
			gone, goes := lines(t, "one\n")
			define(t, c, s, "plain", spark.Range(0, 7, 1, 1))
			define(t, c, s, "over_cached", text.Cached("text"))
			define(t, c, s, "over_file", gone)
			define(t, c, s, "dropped", spark.Range(0, 7, 1, 1))
			define(t, c, s, "dropped_in_sql", spark.Range(0, 7, 1, 1))
			if err := c.DropView(t.Context(), "dropped", func() error { return s.DropView(t.Context(), "dropped", true) }); err != nil {
				t.Fatal(err)
			}
			drop := spark.SQL("DROP VIEW global_temp.dropped_in_sql", nil, nil)
			err := c.Once(t.Context(), drop, spark.Options{}, func(ctx context.Context, df *spark.DataFrame) error {
				_, err := s.Command(ctx, df, spark.Options{})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			// What the views read changes while the engine is away.
			if err := errors.Join(os.WriteFile(path, []byte("one\ntwo\nthree\n"), 0o600), os.Remove(goes)); err != nil {
				t.Fatal(err)
			}
			running := e.Status().Running[0]
			if err := syscall.Kill(running.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a restart", func() bool {
				now := e.Status().Running
				return len(now) == 1 && now[0].Restarts > running.Restarts
			})
			for name, want := range map[string]int64{"plain": 7, "over_cached": 3} {
				if n, err := count(t.Context(), c, s, spark.Table("global_temp."+name, nil)); n != want || err != nil {
					t.Errorf("%s has %d rows, %v; want %d", name, n, err, want)
				}
				if n, err := count(t.Context(), c, s, spark.SQL("SELECT * FROM global_temp."+name, nil, nil)); n != want || err != nil {
					t.Errorf("%s has %d rows in SQL, %v; want %d", name, n, err, want)
				}
			}
			_, err = count(t.Context(), c, s, spark.Table("global_temp.over_file", nil))
			for _, word := range []string{"over_file was lost with the Spark session", goes, "createOrReplaceGlobalTempView"} {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("a view that cannot be made again: %v, which lacks %q", err, word)
				}
			}
			define(t, c, s, "over_file", text)
			if n, err := count(t.Context(), c, s, spark.Table("global_temp.over_file", nil)); n != 3 || err != nil {
				t.Errorf("made anew, it has %d rows, %v", n, err)
			}
			for _, name := range []string{"dropped", "dropped_in_sql"} {
				if n, err := count(t.Context(), c, s, spark.Table("global_temp."+name, nil)); err == nil {
					t.Errorf("%s has %d rows", name, n)
				}
			}
		})
	}
}

func TestViewsThatCommandsChange(t *testing.T) {
	for query, want := range map[string]string{
		"DROP VIEW global_temp.v":                                 "v",
		"drop /* it */ view if exists `global_temp`.`v`;":         "v",
		"CREATE OR REPLACE GLOBAL TEMPORARY VIEW v AS SELECT 1":   "v",
		"CREATE GLOBAL TEMP VIEW IF NOT EXISTS v (a) AS SELECT 1": "v",
		"ALTER VIEW global_temp.v AS SELECT 2":                    "v",
		"CREATE TABLE t AS SELECT * FROM global_temp.v":           "",
		"INSERT INTO view SELECT 1":                               "",
		"SELECT 'DROP VIEW v'":                                    "",
		"DROP VIEW":                                               "",
		"":                                                        "",
	} {
		if got := viewChanged(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestViewsAreLimited(t *testing.T) {
	v := newViews()
	for n := range maxViews {
		name := "v" + strings.Repeat("x", n)
		if err := v.room(name, spark.Range(0, 1, 1, 1)); err != nil {
			t.Fatal(err)
		}
		v.keep(&globalView{name: name, frame: spark.Range(0, 1, 1, 1)}, 1)
	}
	if err := v.room("more", spark.Range(0, 1, 1, 1)); !errors.Is(err, ErrTooManyViews) {
		t.Errorf("got %v", err)
	}
	if err := v.room("V", spark.Range(0, 1, 1, 1)); err != nil {
		t.Errorf("in place of another: %v", err)
	}
	v.forget("V")
	if err := v.room("more", spark.Range(0, 1, 1, 1)); err != nil {
		t.Errorf("after one was dropped: %v", err)
	}
}
