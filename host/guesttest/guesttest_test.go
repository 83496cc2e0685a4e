package guesttest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/guesttest"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// compiled is the only file with tests of a folder.
func compiled(t *testing.T, dir string) []byte {
	t.Helper()
	files, ok, err := build.GuestTests(t.Context(), dir, t.TempDir(), build.Options{})
	if err != nil || !ok || len(files) != 1 {
		t.Fatalf("%v, %v, %v\nscripts/setup modules installs what builds it", files, ok, err)
	}
	file, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// options have a source's file with tests answer as was recorded.
func options(dir, name string) guesttest.Options {
	return guesttest.Options{Name: name, Recording: sdktest.Recording{Folder: filepath.Join(dir, "testdata", "recorded")}}
}

func TestExamplesPassTheirTests(t *testing.T) {
	for language, name := range map[string]string{"c": "wordcount_test.c", "assemblyscript": "tokens.test.ts"} {
		dir := "../../examples/wordcount-" + language
		r, err := guesttest.Run(t.Context(), compiled(t, dir), options(dir, name), t.Output())
		if err != nil || r != (guesttest.Result{Passed: 3}) {
			t.Errorf("%s: %+v, %v", language, r, err)
		}
	}
}

const failing = `
#include <assert.h>
#include "sparkstalk_test.h"

static int calls;

static int task(const ss_context *context) {
  int64_t n = ss_arg_int(context, 0);
  if (n < 0) ss_panic("it is negative");
  if (n == 7) __builtin_trap();
  if (n == 8) return 1;
  if (n == 9) return ss_return_frame(ss_table("t"));
  ss_log("called", "{}");
  return calls++ ? ss_raise("RuntimeError", "called before") : ss_return_int(n);
}

static const ss_task tasks[] = {{"a.b", task, .params = {{"n", "int64"}}}};
SS_MODULE(tasks)

SS_TEST(asserts) { assert(1 == 2); }
SS_TEST(panics) { ss_panic("oh no"); }
SS_TEST(asks) { ss_col("x"); }
SS_TEST(prints) { fputs("hello\n", stderr); }
SS_TEST(is_alone) { assert(calls++ == 0); }
SS_TEST(is_not_with_others) { assert(calls++ == 0); }
SS_TEST(calls_a_task) {
  calls = 5;
  assert(!strcmp(ss_test_call("a.b", "[3]"), "3"));
  assert(!strcmp(ss_test_call("a.b", "[4]"), "4"));
  assert(!strcmp(ss_test_call("a.b", "[\"x\"]"), "TypeError: b() argument 'n' must be int, not str"));
  assert(!strcmp(ss_test_call("a.b", "[-1]"), "Panic: it is negative"));
  assert(!strncmp(ss_test_call("a.b", "[7]"), "WasmTrap: wasm error: unreachable", 33));
  assert(calls == 5);
}
SS_TEST(calls_nothing) { ss_test_call("a.c", "[]"); }
SS_TEST(calls_with_nothing) { ss_test_call("a.b", "[1"); }
SS_TEST(calls_what_gives_nothing) { ss_test_call("a.b", "[8]"); }
SS_TEST(calls_what_is_not_recorded) { ss_test_call("a.b", "[9]"); }
SS_TEST(gives_nothing) { ss_test_given("t", "n int", "[1]"); }
SS_TEST(reaches_beyond) { ss_test_import_call("a.b", 3, "[]", 0xffffff); }
SS_TEST(loops) { for (volatile int i = 0;; i++); }
`

func TestFailuresTellWhatFailed(t *testing.T) {
	sdk, err := filepath.Abs("../../sdk/lang/c")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"main_test.c": failing, "compile_flags.txt": "-I" + sdk} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := compiled(t, dir)
	var out strings.Builder
	r, err := guesttest.Run(t.Context(), file, guesttest.Options{Match: regexp.MustCompile("asserts|panics|asks|prints|is_|calls|gives|reaches")}, &out)
	if err != nil || r != (guesttest.Result{Passed: 4, Failed: 9}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, want := range []string{
		"Assertion failed: 1 == 2 (main_test.c: test_asserts: 20)\nFAIL test_asserts: wasm error: unreachable",
		"FAIL test_panics: Panic: oh no (main_test.c:21)\n",
		"FAIL test_asks: it calls the host's expr_column, which is there in tasks only",
		"hello\nok   test_prints\n",
		"ok   test_calls_a_task\n",
		`FAIL test_calls_nothing: sdktest: there is no task "a.c"; there are a.b` + "\n",
		"FAIL test_calls_with_nothing: the arguments of a.b are no JSON array: [1\n",
		"FAIL test_calls_what_gives_nothing: sdktest: the task returned 1 without giving a result or an error\n",
		"_test_calls_what_is_not_recorded.json has no answer to Collect 0 of this plan; record it with `sparkstalk test --spark sail --record`:\n     table t\n",
		"FAIL test_gives_nothing: the rows of t are no JSON array of arrays",
		"FAIL test_reaches_beyond: it hands over what is not in its memory\n",
		"ok   test_is_alone\n", "ok   test_is_not_with_others\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}

	// One that never ends ends with its context.
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	reached := make(chan struct{})
	go func() {
		<-reached
		cancel(stopped)
	}()
	_, err = guesttest.Run(ctx, file, guesttest.Options{Match: regexp.MustCompile("is_alone|loops")}, writer(func() { close(reached) }))
	if !errors.Is(err, stopped) {
		t.Errorf("a loop ends with %v", err)
	}

	if _, _, err := build.GuestTests(t.Context(), "../../examples/wordcount-wat", dir, build.Options{}); err != nil {
		t.Error(err)
	}
	if err := os.Rename(filepath.Join(dir, "main_test.c"), filepath.Join(dir, "main.c")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := build.GuestTests(t.Context(), dir, dir, build.Options{}); err == nil || !strings.Contains(err.Error(), "such as main_test.c") {
		t.Errorf("without tests: %v", err)
	}
}

// writer calls a function at the first write.
func writer(f func()) *once { return &once{f} }

type once struct{ f func() }

func (o *once) Write(p []byte) (int, error) {
	if o.f != nil {
		o.f()
		o.f = nil
	}
	return len(p), nil
}
