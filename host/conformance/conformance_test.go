// Package conformance holds sparkstalk's worker to Python's: see README.md.
package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// table is where the whole suite's verdicts are kept.
const table = "../COMPATIBILITY.md"

func TestWorkersBehaveTheSame(t *testing.T) {
	dir := t.TempDir()
	build := func(name string, env []string, args ...string) string {
		out := filepath.Join(dir, name)
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o", out}, args...)...)
		cmd.Env = append(os.Environ(), env...)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, text)
		}
		return out
	}
	binary := build("sparkstalk", nil, "../cmd/sparkstalk")
	modules := filepath.Dir(build("modules/tasks.wasm", []string{"GOOS=wasip1", "GOARCH=wasm"}, "-buildmode=c-shared", "./tasks"))
	database := func(n string) string { return strings.TrimSuffix(proctest.Redis(t), "/0") + "/" + n }

	args := []string{"-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "test_conformance.py"}
	switch some := os.Getenv("SPARKSTALK_CONFORMANCE_SCENARIOS"); {
	case some != "": // by a part of their names, for work on them
		args = append(args, "--durations=10", "-k", some)
	case os.Getenv("SPARKSTALK_CONFORMANCE") == "all":
		args = append(args, "--table=../"+table)
	default: // a short cut of it
		args = append(args, "--combinations=Redis+Redis", "--quick")
	}
	if some := os.Getenv("SPARKSTALK_CONFORMANCE_ONLY"); some != "" { // for work on it
		args = append(args, "--combinations="+some) // of a whole run, the other columns stay as they are
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), args...)
	cmd.Dir = "suite"
	cmd.Env = append(os.Environ(),
		"NODE_MODULES="+proctest.NodeModules(t), "AMQP="+proctest.RabbitMQ(t), "REDIS_BROKER="+database("7"), "REDIS_RESULTS="+database("8"),
		"SQLITE_RESULTS=db+sqlite:///"+filepath.Join(dir, "results.db"),
		"SPARKSTALK="+binary, "MODULES="+modules, "SPARK_REMOTE="+proctest.Sail(t), "LOGS="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Logf("%s", out)
		return
	}
	t.Errorf("%v\n%s", err, out)
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log")) // the pattern is good
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s:\n%s", filepath.Base(log), text[max(0, len(text)-4000):])
	}
}
