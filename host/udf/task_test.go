package udf_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// openTasks returns how to call the tasks of modules of plugins, in a host on an
// engine.
func openTasks(t *testing.T, remote string, modules ...string) func(task string, args ...string) string {
	t.Helper()
	plugins := t.TempDir()
	for _, name := range modules {
		if _, err := build.Build(t.Context(), "../../plugins/"+name, build.Options{Out: filepath.Join(plugins, name+".wasm")}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := host.OpenRuntime(t.Context(), host.Config{Plugins: plugins, Spark: remote, AllowAll: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(task string, args ...string) string {
		t.Helper()
		var list []json.RawMessage
		for _, a := range args {
			list = append(list, json.RawMessage(a))
		}
		got, err := r.Call(t.Context(), task, list, nil)
		if err != nil {
			t.Fatalf("%s: %v", task, err)
		}
		return string(got)
	}
}

func TestTasksCallTheirModulesFunctions(t *testing.T) {
	call := openTasks(t, proctest.Spark(t), "text", "demo")
	const texts = `"/usr/share/common-licenses"`
	for _, letter := range []string{`"t"`, `"A"`} {
		if got, want := call("text.WordCount", texts, letter), call("demo.WordCount", texts, letter); got != want || len(got) < 20 {
			t.Errorf("text.WordCount %s gives %s; demo.WordCount %s", letter, got, want)
		}
	}
	if got := call("text.Slugs", `["Hello, World", "größe 4"]`); got != `[["hello-world"],["größe-4"]]` {
		t.Errorf("text.Slugs gives %s", got)
	}
	// Each of twenty cities is misspelt fifty times.
	if got := call("text.Matches", "1000", "0"); strings.Count(got, ",50]") != 20 {
		t.Errorf("text.Matches, however alike, gives %s", got)
	}
	// The same measure in Python has 11 misspelt Copenhagens as less alike than that, 7 of Florence and 17 of Oslo.
	got := call("text.Matches", "1000", "0.95")
	for _, want := range []string{`["Copenhagen",39]`, `["Florence",43]`, `["Oslo",33]`} {
		if !strings.Contains(got, want) {
			t.Errorf("text.Matches of very like names lacks %s: %s", want, got)
		}
	}
	if strings.Count(got, ",50]") != 17 {
		t.Errorf("text.Matches of very like names gives %s", got)
	}
}
