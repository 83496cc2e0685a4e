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

func TestExamplesPassTheirTests(t *testing.T) {
	for _, language := range []string{"c", "assemblyscript"} {
		r, err := guesttest.Run(t.Context(), compiled(t, "../../examples/wordcount-"+language), nil, t.Output())
		if err != nil || r != (guesttest.Result{Passed: 2}) {
			t.Errorf("%s: %+v, %v", language, r, err)
		}
	}
}

const failing = `
#include <assert.h>
#include "sparkstalk.h"

static int calls;

static int task(const ss_context *context) { return ss_return_int(ss_arg_int(context, 0)); }

static const ss_task tasks[] = {{"a.b", task, .params = {{"n", "int64"}}}};
SS_MODULE(tasks)

SS_TEST(asserts) { assert(1 == 2); }
SS_TEST(panics) { ss_panic("oh no"); }
SS_TEST(asks) { ss_col("x"); }
SS_TEST(prints) { fputs("hello\n", stderr); }
SS_TEST(is_alone) { assert(calls++ == 0); }
SS_TEST(is_not_with_others) { assert(calls++ == 0); }
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
	r, err := guesttest.Run(t.Context(), file, regexp.MustCompile("asserts|panics|asks|prints|is_"), &out)
	if err != nil || r != (guesttest.Result{Passed: 3, Failed: 3}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, want := range []string{
		"Assertion failed: 1 == 2 (main_test.c: test_asserts: 12)\nFAIL test_asserts: wasm error: unreachable",
		"FAIL test_panics: Panic: oh no (main_test.c:13)\n",
		"FAIL test_asks: it calls the host's expr_column, which is there in tasks only",
		"hello\nok   test_prints\n",
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
	_, err = guesttest.Run(ctx, file, regexp.MustCompile("is_alone|loops"), writer(func() { close(reached) }))
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
