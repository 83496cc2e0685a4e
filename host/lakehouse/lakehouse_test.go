//go:build lakehouse

package lakehouse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// fetched is where scripts/lakehouse puts what it fetches.
func fetched(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.Getenv("SPARKSTALK_LAKEHOUSE"), pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %d files, %v; run make lakehouse", pattern, len(found), err)
	}
	return found[0]
}

// A side answers the tasks of the module on one server, as PySpark does.
type side struct {
	runtime *host.Runtime
	remote  string
	python  string
}

// open starts a host over a server.
func open(t *testing.T, remote string) *side {
	t.Helper()
	plugins := t.TempDir()
	for name, dir := range map[string]string{"lake": "testdata/lake", "demo": "../../plugins/demo"} {
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(plugins, name+".wasm"), "./"+dir)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", dir, err, out)
		}
	}
	r, err := host.OpenRuntime(t.Context(), host.Config{Plugins: plugins, Spark: remote, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Serve(t, r)
	return &side{r, remote, proctest.PySpark(t)}
}

type step struct {
	Name string
	Rows []any
}

// judge runs a task, has PySpark do the same to a table of its own, and
// compares what the tables held after each step. ours and theirs are the tables.
func (s *side) judge(t *testing.T, task, ours, theirs string, more ...string) {
	t.Helper()
	var args []json.RawMessage
	for _, arg := range append([]string{ours}, more...) {
		args = append(args, json.RawMessage(fmt.Sprintf("%q", arg)))
	}
	answer, err := s.runtime.Call(t.Context(), "lake."+task, args, nil)
	if err != nil {
		t.Fatalf("the task: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), s.python, append([]string{"testdata/lake.py", s.remote, task, theirs}, more...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	judged, err := cmd.Output()
	if err != nil {
		t.Fatalf("PySpark: %v\n%s", err, stderr.String())
	}
	var got, want []step
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(judged, &want); err != nil {
		t.Fatalf("%v in %s", err, judged)
	}
	for i, w := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], w) {
			t.Errorf("after %s: got %v, PySpark has %v", w.Name, got[min(i, len(got)-1)], w)
		}
		if len(w.Rows) == 0 {
			t.Errorf("after %s there are no rows, which shows nothing", w.Name)
		}
	}
	t.Logf("%s: %d steps are as PySpark's", task, len(want))
}

// TestJDBCOnALocalSparkWithAJar starts an engine with a jar of a database, as
// its users do.
func TestJDBCOnALocalSparkWithAJar(t *testing.T) {
	database := "jdbc:h2:mem:lake;DB_CLOSE_DELAY=-1"
	cmd := exec.CommandContext(t.Context(), "../../bin/sparkstalk", "engine", "start", "local[2]", "--jars", fetched(t, "jars/h2-*.jar"),
		"--conf", "spark.sql.catalog.h2=org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
		"--conf", "spark.sql.catalog.h2.url="+database, "--conf", "spark.sql.catalog.h2.driver=org.h2.Driver")
	remote := started(t, cmd)
	s := open(t, remote)
	t.Run("write and read", func(t *testing.T) { s.judge(t, "database", database, database) })
	t.Run("catalog", func(t *testing.T) { s.judge(t, "catalog", "h2.lake.go", "h2.lake.py") })
}

// started starts a command that prints the address of a Connect server, and
// interrupts it when the test ends.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // its exit does not matter here
	})
	buffer := make([]byte, 4096)
	n, err := out.Read(buffer)
	remote := regexp.MustCompile(`sc://\S+`).FindString(string(buffer[:n]))
	if remote == "" {
		t.Fatalf("%s printed no address: %q, %v\n%s", cmd, buffer[:n], err, stderr.String())
	}
	return remote
}

// TestTablesOnSpark41 has all else: Spark 4.1.4 is a server that the host did
// not start, and older than the one that it knows.
func TestTablesOnSpark41(t *testing.T) {
	warehouse := t.TempDir()
	s := open(t, start(t, fetched(t, "spark-4.1.*"), map[string]string{
		"spark.sql.extensions":                      "io.delta.sql.DeltaSparkSessionExtension,org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
		"spark.sql.catalog.spark_catalog":           "org.apache.spark.sql.delta.catalog.DeltaCatalog",
		"spark.sql.catalog.ice":                     "org.apache.iceberg.spark.SparkCatalog",
		"spark.sql.catalog.ice.type":                "hadoop",
		"spark.sql.catalog.ice.warehouse":           filepath.Join(warehouse, "ice"),
		"spark.sql.warehouse.dir":                   filepath.Join(warehouse, "tables"),
		"spark.databricks.delta.snapshotPartitions": "1",
	}))
	t.Run("demo", func(t *testing.T) {
		const texts = "/usr/share/common-licenses"
		for _, task := range []string{"demo.WordCount", "demo.DataFrameWordCount"} {
			rows, err := s.runtime.Call(t.Context(), task, []json.RawMessage{json.RawMessage(fmt.Sprintf("%q", texts)), json.RawMessage(`"t"`)}, nil)
			if err != nil || !strings.Contains(string(rows), `"the"`) {
				t.Errorf("%s: %s, %v", task, rows, err)
			}
		}
	})
	t.Run("delta write to", func(t *testing.T) { s.judge(t, "write_to", "go_v2", "py_v2", "delta") })
	t.Run("delta merge", func(t *testing.T) { s.judge(t, "merge", "go_merge", "py_merge", "delta") })
	t.Run("delta changes", func(t *testing.T) { s.judge(t, "changes", "go_changes", "py_changes", "delta") })
	t.Run("iceberg write to", func(t *testing.T) { s.judge(t, "write_to", "ice.db.go_v2", "ice.db.py_v2", "iceberg") })
	t.Run("iceberg merge", func(t *testing.T) { s.judge(t, "merge", "ice.db.go_merge", "ice.db.py_merge", "iceberg") })
}

// start starts a Connect server of the Spark whose jars are in a folder.
func start(t *testing.T, spark string, conf map[string]string) string {
	t.Helper()
	dir, err := rundir.New(t.Context(), t.TempDir(), "server")
	if err != nil {
		t.Fatal(err)
	}
	listens := regexp.MustCompile(`Spark Connect server started at: \S*:(\d+)`)
	address := make(chan string, 1)
	server, err := engine.SparkProgram{
		Main: "org.apache.spark.sql.connect.service.SparkConnectServer", Dir: spark, Conf: conf, MemoryMiB: 1536,
		Line: func(line string) {
			if m := listens.FindStringSubmatch(line); m != nil {
				address <- "sc://127.0.0.1:" + m[1]
			}
		},
	}.Start(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's last lines:\n%s", strings.Join(server.Tail(), "\n"))
		}
		server.Kill()
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	})
	select {
	case remote := <-address:
		return remote
	case <-server.Done():
		t.Fatalf("Spark ended during its start: %v\n%s", server.Err(), strings.Join(server.Tail(), "\n"))
	case <-time.After(3 * time.Minute):
		t.Fatal("Spark was not ready within 3 minutes")
	}
	return ""
}
