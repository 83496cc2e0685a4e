package engine_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestSettingsReachTheEngine(t *testing.T) {
	jar := filepath.Join(t.TempDir(), "extra.jar")
	writeJar(t, jar, "sparkstalk/extra.txt")
	for spec, cfg := range map[string]engine.Config{
		"sail": {MemoryMiB: 700, Conf: map[string]string{
			"spark.sql.session.timeZone": "Asia/Tokyo", "sail.execution.default_parallelism": "3",
		}},
		"local[1]": {MemoryMiB: 700, Jars: []string{filepath.Dir(jar)}, Conf: map[string]string{
			"spark.sql.session.timeZone": "Asia/Tokyo", "spark.sql.shuffle.partitions": "3",
		}},
	} {
		t.Run(spec, func(t *testing.T) {
			cfg.Spec, cfg.Warehouse = spec, filepath.Join(t.TempDir(), "tables")
			e := proctest.StartEngineWith(t, cfg)
			session, err := spark.Open(spark.Config{Remote: e.Remote(), Address: e.Address, Conf: e.SessionConf})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := session.Close(); err != nil {
					t.Error(err)
				}
			})
			ask := func(sql string) string {
				t.Helper()
				stream, err := session.Collect(t.Context(), spark.SQL(sql, nil, nil), spark.Options{})
				if err != nil {
					t.Fatal(err)
				}
				var out strings.Builder
				if err := spark.WriteJSON(&out, stream, spark.RowArrays, 1<<20); err != nil {
					t.Fatal(err)
				}
				return out.String()
			}
			if got := ask("SELECT current_timezone()"); got != `[["Asia/Tokyo"]]` {
				t.Errorf("time zone %s", got)
			}
			if err := session.Exec(t.Context(), "CREATE TABLE kept USING parquet AS SELECT 1 AS n", spark.Options{}); err != nil {
				t.Fatal(err)
			}
			if found, err := os.ReadDir(cfg.Warehouse); err != nil || len(found) != 1 {
				t.Errorf("the warehouse has %v, %v; want one table", found, err)
			}
			if spec != "sail" {
				if got := ask("SELECT java_method('java.lang.ClassLoader', 'getSystemResource', 'sparkstalk/extra.txt')"); !strings.Contains(got, "extra.jar!") {
					t.Errorf("a file of the jar is at %s", got)
				}
				if got := ask("SELECT java_method('java.lang.System', 'getProperty', 'spark.sql.shuffle.partitions')"); got != `[["3"]]` {
					t.Errorf("shuffle partitions are %s", got)
				}
				return
			}
			// What a query holds is bounded: it fails, and the engine lives.
			_, err = session.Collect(t.Context(), spark.SQL("SELECT count(DISTINCT concat(id, repeat('x', 500))) FROM range(5000000)", nil, nil), spark.Options{})
			if err == nil || !strings.Contains(err.Error(), "memory pool") {
				t.Errorf("got %v, want the end of the memory pool", err)
			}
			if e.Status().Running[0].Restarts != 0 {
				t.Error("the engine was started again")
			}
		})
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for want, cfg := range map[string]engine.Config{
		"engine setting spark.master":               {Spec: "local[1]", Conf: map[string]string{"spark.master": "x"}},
		"engine setting sail.a: it is Sail's":       {Spec: "local[1]", Conf: map[string]string{"sail.a": "x"}},
		"engine setting a: names begin with spark.": {Spec: "sail", Conf: map[string]string{"a": "x"}},
		"Sail runs no Java: use local[N]":           {Spec: "sail", Jars: []string{"x.jar"}},
		"put them on the server's class path":       {Spec: "sc://h", Jars: []string{"x.jar"}},
		"it is the server's to choose":              {Spec: "sc://h", Warehouse: "x"},
	} {
		if _, err := engine.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	e, err := engine.New(engine.Config{Spec: "local[1]", Jars: []string{"no-such.jar"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `engine jars "no-such.jar": there is no such file`) {
		t.Errorf("got %v, want the missing jar", err)
	}
}

func TestWhatAnEngineWritesIsKept(t *testing.T) {
	cfg := engine.Config{Spec: "sail"}
	e := proctest.StartEngineWith(t, cfg)
	path := e.Status().Running[0].Log
	var out strings.Builder
	if err := engine.WriteLastLines(&out, path, 1000); err != nil || !strings.Contains(out.String(), "Starting the Spark Connect server on "+e.Address()) {
		t.Errorf("%s has %s, %v", path, out.String(), err)
	}
	out.Reset()
	if err := engine.WriteLastLines(&out, path, 1); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("the last line is %q, %v", out.String(), err)
	}
	if paths, err := engine.LogPaths(cfg); err != nil || len(paths) == 0 {
		t.Errorf("logs are %v, %v", paths, err)
	}
	if _, err := engine.LogPaths(engine.Config{Spec: "sc://h"}); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("logs of another's server: %v", err)
	}
}

func writeJar(t *testing.T, path, name string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write([]byte("extra"))
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
