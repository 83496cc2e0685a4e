package proctest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/engine"
)

// Sail returns the connection string, sc://…, of a Sail engine that tests share.
// Sessions keep them apart.
func Sail(t testing.TB) string {
	t.Helper()
	return services["sail"].get(t)
}

// Spark returns the connection string, sc://…, of an Apache Spark with two
// threads that tests share. Its start takes 3 to 10 s, and its first queries a
// second or two more.
func Spark(t testing.TB) string {
	t.Helper()
	return services["spark"].get(t)
}

// EachEngine runs a test once on each local engine.
func EachEngine(t *testing.T, test func(t *testing.T, remote string)) {
	t.Helper()
	t.Run("sail", func(t *testing.T) { test(t, Sail(t)) })
	t.Run("spark", func(t *testing.T) { test(t, Spark(t)) })
}

// StartEngine starts an engine, such as "sail" or "local[2]", for this test
// alone. It is supervised: a test may kill the process that Status names and
// wait for the next.
func StartEngine(t testing.TB, spec string) *engine.Engine {
	t.Helper()
	return StartEngineWith(t, engine.Config{Spec: spec})
}

// StartEngineWith is [StartEngine] with settings.
func StartEngineWith(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, stop, err := startEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return e
}

func startEngine(cfg engine.Config) (*engine.Engine, func(), error) {
	cfg.Quick = true
	e, err := engine.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := e.Start(context.Background()); err != nil {
		return nil, nil, withSetup(err, setupTarget(cfg.Spec))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = e.Run(ctx) // it fails only before the start
	}()
	return e, func() { cancel(); <-ended }, nil
}

func setupTarget(spec string) string {
	if spec == "sail" {
		return "sail"
	}
	return "spark"
}

func startSharedEngine(spec string) func() (string, func(), error) {
	return func() (string, func(), error) {
		e, stop, err := startEngine(engine.Config{Spec: spec})
		if err != nil {
			return "", nil, err
		}
		return e.Remote(), stop, nil
	}
}

// Python returns the interpreter of an environment that holds Celery and nothing
// else that its clients need.
func Python(t testing.TB) string {
	t.Helper()
	return interpreter(t, "celery", "python")
}

// PySpark returns the interpreter of an environment with PySpark's own Spark
// Connect client, the judge of ours. Give it a script in a file: with -c it looks
// for a Spark of its own and fails.
func PySpark(t testing.TB) string {
	t.Helper()
	return interpreter(t, "pyspark-connect", "pyspark")
}

// Mypy returns the interpreter of an environment with mypy, which checks what
// `sparkstalk stubs` writes for Python.
func Mypy(t testing.TB) string {
	t.Helper()
	return interpreter(t, "stubs", "stubs")
}

// NodeModules returns a node_modules with TypeScript's compiler and celery-node,
// which check what `sparkstalk stubs` writes for TypeScript.
func NodeModules(t testing.TB) string {
	t.Helper()
	return installed(t, "stubs", "node", "stubs", "node_modules")
}

// interpreter finds the Python that scripts/setup installed.
func interpreter(t testing.TB, name, target string) string {
	t.Helper()
	return installed(t, target, "python", name, "bin", "python")
}

// installed finds a path in the home of what is installed, or fails with the
// target of scripts/setup that installs it.
func installed(t testing.TB, target string, parts ...string) string {
	t.Helper()
	home, err := engine.DefaultHome()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(append([]string{home}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(withSetup(err, target))
	}
	return path
}
