package udf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// swapModule is a module whose function multiplies by a number, with tasks that
// run an SQL text each.
func swapModule(t *testing.T, factor int, texts map[string]string) string {
	t.Helper()
	var data, runs, tasks []string
	at := 4096
	place := func(text string) string {
		defer func() { at += len(text) }()
		quoted := strings.NewReplacer(`\`, `\5c`, `"`, `\22`).Replace(text)
		data = append(data, fmt.Sprintf(`(data (i32.const %d) "%s")`, at, quoted))
		return fmt.Sprintf("(i32.const %d) (i32.const %d)", at, len(text))
	}
	for name, text := range texts {
		runs = append(runs, fmt.Sprintf(`(if (i32.eq (local.get $task) (i32.const %d)) (then (return (i32.wrap_i64 (call $result_frame
			(call $frame_sql %s (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0))))))`, len(tasks), place(text)))
		tasks = append(tasks, fmt.Sprintf(`{"name":%q,"returns":"DataFrame"}`, name))
	}
	manifest := place(`{"abi":1,"sdk":"wat","tasks":[` + strings.Join(tasks, ",") + `],"capabilities":["sql"],` +
		`"functions":[{"name":"times","params":[{"name":"n","type":"bigint"}],"returns":"bigint","export":"times"}]}`)
	dir := t.TempDir()
	source := fmt.Sprintf(`(module
		(import "sparkstalk_v1" "result_json" (func $result_json (param i32 i32) (result i64)))
		(import "sparkstalk_v1" "result_frame" (func $result_frame (param i32 i32) (result i64)))
		(import "sparkstalk_v1" "frame_sql" (func $frame_sql (param i32 i32 i32 i32 i32 i32) (result i32)))
		(memory (export "memory") 1)
		%s
		(func (export "sparkstalk_describe") (result i32) (i32.wrap_i64 (call $result_json %s)))
		(func (export "sparkstalk_run") (param $task i32) (result i32) %s (i32.const 1))
		(func (export "times") (param $n i64) (result i64) (i64.mul (local.get $n) (i64.const %d))))`,
		strings.Join(data, "\n"), manifest, strings.Join(runs, "\n"), factor)
	if err := os.WriteFile(filepath.Join(dir, "swap.wat"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "swap.wasm")
	if _, err := build.Build(t.Context(), dir, build.Options{Out: out}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAReplacedModulesFunctionsServeWhatRunsAndAreForgotten replaces a module in
// a host's folder while a query calls the function of the version that is there,
// until the query is long enough for that.
func TestAReplacedModulesFunctionsServeWhatRunsAndAreForgotten(t *testing.T) {
	plugins, none := t.TempDir(), 0
	r, err := host.OpenRuntime(t.Context(), host.Config{Plugins: plugins, Spark: proctest.Spark(t), AllowAll: true, ModuleTrial: &none})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	try := func(task string) string {
		got, err := r.Call(t.Context(), task, nil, nil)
		if err != nil {
			return err.Error()
		}
		return string(got)
	}
	functions := func() (names []string) {
		t.Helper()
		var rows [][]string
		if text := try("swap.functions"); json.Unmarshal([]byte(text), &rows) != nil {
			t.Fatal(text)
		}
		for _, row := range rows {
			names = append(names, row[0])
		}
		return names
	}
	factor := 2
	replace := func(rows int64) {
		t.Helper()
		factor++
		hosttest.Drop(t, swapModule(t, factor, map[string]string{
			"swap.slow":      fmt.Sprintf("SELECT sum(times(id)) FROM range(0, %d, 1, 1)", rows),
			"swap.quick":     "SELECT times(1)",
			"swap.functions": "SHOW USER FUNCTIONS LIKE '*times_*'",
		}), plugins, "swap.wasm")
	}
	serves := func() {
		t.Helper()
		want := fmt.Sprintf("[[%d]]", factor)
		hosttest.Eventually(t, func() bool { return try("swap.quick") == want })
	}
	for rows := int64(60_000_000); ; rows *= 4 {
		replace(rows)
		serves()
		hosttest.Eventually(t, func() bool { return len(functions()) == 1 })
		old := functions()[0]
		want := fmt.Sprintf("[[%d]]", int64(factor)*(rows*(rows-1)/2))
		slow, running := make(chan string, 1), make(chan struct{}, 2)
		go func() {
			got, err := r.CallTelling(t.Context(), "swap.slow", nil, nil, func(string, json.RawMessage) {
				select {
				case running <- struct{}{}: // Spark has told how far it is
				default:
				}
			})
			if err != nil {
				got.Value = json.RawMessage(err.Error())
			}
			slow <- string(got.Value)
			running <- struct{}{}
		}()
		<-running
		replace(rows)
		serves()
		overlapped := len(slow) == 0
		if got := <-slow; got != want {
			t.Fatalf("the query that the old version began gives %s, want %s", got, want)
		}
		// The new version's alone is there.
		hosttest.Eventually(t, func() bool { names := functions(); return len(names) == 1 && names[0] != old })
		if overlapped {
			return
		}
		t.Logf("a query over %d rows ended before the module was replaced", rows)
	}
}
