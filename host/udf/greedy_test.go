package udf_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// greedy wants more memory than an executor has.
const greedy = `(module
	(import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
	(memory (export "memory") 1)
	(func (export "random") (param $n i64) (result i64)
		(i64.extend_i32_u (call $random_get (i32.const 0) (i32.wrap_i64 (local.get $n)))))
	;; The pages that there are once no more are given.
	(func $swell (export "swell") (result i64)
		(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 1024)) (i32.const 0))))
		(i64.extend_i32_u (memory.size)))
	;; All of them as a text.
	(func (export "burst") (result i64) (i64.shl (i64.mul (call $swell) (i64.const 65536)) (i64.const 32))))`

// vast begins with more.
const vast = `(module (memory (export "memory") 20000) (func (export "start") (result i64) (i64.const 1)))`

// plain has what modules in C and Rust have: exports that take plain values, and a
// place for texts.
const plain = `(module
	(memory (export "memory") 2)
	(func (export "sparkstalk_udf_buffer") (param $n i32) (result i32) (i32.const 1024))
	(func (export "echo") (param $at i32) (param $n i32) (result i64)
		(i64.or (i64.extend_i32_u (local.get $at)) (i64.shl (i64.extend_i32_u (local.get $n)) (i64.const 32))))
	(func (export "spin") (param $n i64) (result i64)
		(loop $more (br $more)) (unreachable))
	(func (export "swell") (result i64)
		(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
		(i64.extend_i32_u (memory.size))))`

// TestPlainExports has texts go through them, and holds them to time and memory.
func TestPlainExports(t *testing.T) {
	s := open(t, proctest.Spark(t))
	l := textModule(t, plain, "a7", 16,
		abi.FunctionSpec{Name: "echo", Params: []abi.FunctionParam{{Type: "string"}}, Returns: "string", Export: "echo"},
		abi.FunctionSpec{Name: "spin", Params: []abi.FunctionParam{{Type: "bigint"}}, Returns: "bigint", Export: "spin"},
		abi.FunctionSpec{Name: "swell", Returns: "bigint", Export: "swell"})
	for query, want := range map[string]string{
		"SELECT echo('größe 😀'), echo(''), echo(CAST(NULL AS STRING))": `[["größe 😀","",null]]`,
		"SELECT swell() FROM range(1)":                                 `[[256]]`, // 16 MiB
	} {
		if got, err := rows(t, s, l, query); err != nil || got != want {
			t.Errorf("%s gives %s, %v; want %s", query, got, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	text, functions := l.SQL("SELECT spin(id) FROM range(4)")
	if _, err := collect(ctx, s, spark.SQL(text, nil, nil).Using(functions)); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, spark.ErrInterrupted) {
		t.Errorf("spin ends with %v", err)
	}
	// The cores are free again.
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	text, functions = l.SQL("SELECT count(DISTINCT echo(CAST(id AS STRING))) FROM range(0, 8, 1, 8)")
	if got, err := collect(ctx, s, spark.SQL(text, nil, nil).Using(functions)); err != nil || got != "[[8]]" {
		t.Errorf("after a loop without end: %s, %v", got, err)
	}
}

func textModule(t *testing.T, source, begins string, memoryMiB int, specs ...abi.FunctionSpec) *udf.Library {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "module.wasm")
	if err := os.WriteFile(filepath.Join(dir, "module.wat"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := build.Build(t.Context(), dir, build.Options{Out: out}); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return udf.New(file, begins+hash[len(begins):], specs, memoryMiB)
}

// outlivesWhatIsTooMuch has functions want more than there is, on executors that
// are there afterwards.
func (c clusterTest) outlivesWhatIsTooMuch(t *testing.T) {
	t.Helper()
	executors := c.ready(t)
	one := textModule(t, greedy, "f1", 2047,
		abi.FunctionSpec{Name: "random", Params: []abi.FunctionParam{{Type: "bigint"}}, Returns: "bigint", Export: "random"},
		abi.FunctionSpec{Name: "swell", Returns: "bigint", Export: "swell"},
		abi.FunctionSpec{Name: "burst", Returns: "string", Export: "burst"})
	two := textModule(t, vast, "f2", 2047, abi.FunctionSpec{Name: "start", Returns: "bigint", Export: "start"})
	for _, q := range []struct {
		of    *udf.Library
		query string
		words []string
	}{
		{one, "SELECT random(65536) FROM range(1)", []string{"[[0]]"}},
		{one, "SELECT random(65537) FROM range(1)", []string{"random(65537): ", "out of bounds"}},
		{one, "SELECT random(2147483647) FROM range(1)", []string{"random(2147483647): ", "out of bounds"}},
		{one, "SELECT random(4294967295) FROM range(1)", []string{"random(4294967295): ", "out of bounds"}},
		{one, "SELECT burst() FROM range(1)", []string{"burst(): ", "its result has", "an executor with this heap takes"}},
		{two, "SELECT start() FROM range(1)", []string{"start", "OutOfMemoryError"}},
	} {
		got, err := rows(t, c.session, q.of, q.query)
		if err != nil {
			got = err.Error()
		}
		for _, word := range q.words {
			if !strings.Contains(got, word) {
				t.Errorf("%s gives %.1500s; want %q in it", q.query, got, word)
			}
		}
	}
	got, err := rows(t, c.session, one, "SELECT swell() FROM range(1)")
	if pages, bad := strconv.Atoi(strings.Trim(got, "[]")); err != nil || bad != nil || pages < 1024 || pages > 20000 {
		t.Errorf("memory grows to %s pages of 64 KiB, %v; an executor has 700 MiB", got, err)
	}
	// Lets go of what has swollen.
	if got, err := rows(t, c.session, one, "SELECT burst() FROM range(1)"); err == nil {
		t.Errorf("burst() gives %.100s", got)
	}
	if now := c.ready(t); !slices.Equal(now, executors) {
		t.Errorf("executors were %v and are %v", executors, now)
	}
}
