package languages

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
	"github.com/sparkstalk/sparkstalk/host/native"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/scaffold"
)

// needPlugins stops a test where there are no Go plugins, having looked at what
// a host says then.
func needPlugins(t *testing.T) {
	t.Helper()
	if err := native.Supported(); err != nil {
		if !strings.Contains(err.Error(), "cgo") {
			t.Errorf("got %v", err)
		}
		t.Skip(err)
	}
}

func buildTo(t *testing.T, dir, out string, plugin bool) []byte {
	t.Helper()
	if _, err := build.Build(t.Context(), dir, build.Options{Out: out, Native: plugin}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// openNative opens a runtime that loads plugins.
func openNative(t *testing.T, remote, modules string) *host.Runtime {
	t.Helper()
	runtime, err := host.OpenRuntime(t.Context(), host.Config{
		Plugins: modules, Spark: remote, Home: t.TempDir(), PluginsNative: true, ModuleTrial: new(int),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	return runtime
}

// TestAPluginAnswersAsTheModuleOfTheSameSource calls the same tasks of the same
// sources as WASM and as plugins.
func TestAPluginAnswersAsTheModuleOfTheSameSource(t *testing.T) {
	needPlugins(t)
	wasm, plugins, dir := t.TempDir(), t.TempDir(), texts(t)
	for name, source := range map[string]string{"demo": "../../plugins/demo", "tasks": "../testdata/tasks"} {
		buildTo(t, source, filepath.Join(wasm, name+".wasm"), false)
		buildTo(t, source, filepath.Join(plugins, name+".so"), true)
	}
	remote := proctest.Sail(t)
	one, other := open(t, remote, wasm), openNative(t, remote, plugins)
	if a, b := one.Tasks(), other.Tasks(); fmt.Sprint(a) != fmt.Sprint(b) || len(a) < 20 {
		t.Errorf("tasks %v and %v", a, b)
	}
	for _, m := range other.Modules() {
		if m.State != module.Serving || !m.Native || m.SDK == "" {
			t.Errorf("got %+v", m)
		}
	}
	for _, c := range []struct{ task, args string }{
		{"demo.WordCount", `[` + quoted(dir) + `,"a"]`},
		{"demo.WordCount", `["/nowhere","a"]`},
		{"demo.WordCount", `[1]`},
		{"demo.WordCount", `[1,"a"]`},
		{"demo.simple_sum", `[100000]`},
		{"demo.simple_sum", `[18446744073709551616]`},
		{"test.echo", `[{"a":[1.0,12345678901234567890,"ü"]}]`},
		{"test.fail", `["no"]`},
		{"test.panic", `[]`},
		{"test.panic", `[]`},
		{"test.progress", `[]`},
		{"test.count", `[100]`},
		{"test.add", `[1,2]`},
		{"test.reject", `[]`},
		{"test.ignore", `[]`},
		{"test.sql", `["SELECT nothing"]`},
		{"test.noop", `[]`},
	} {
		want := call(t, one, c.task, c.args, nil)
		if got := call(t, other, c.task, c.args, nil); got != want || got == "" {
			t.Errorf("%s%s: got %s\nwant %s", c.task, c.args, got, want)
		}
	}
	// What sparkstalk modules shows of them is the same.
	counts := func(r *host.Runtime) (list []string) {
		for _, m := range r.Modules() {
			list = append(list, fmt.Sprintf("%s: %s, %d calls, %d errors, %d traps", m.Name, m.State, m.Calls, m.Errors, m.Traps))
		}
		return list
	}
	if got, want := counts(other), counts(one); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	// The end of a call reaches it by what it asks of the host.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := other.Call(ctx, "test.slow_query", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("a call beyond its time: got %v", err)
	}
	if got := call(t, other, "test.add", `[1,2]`, nil); got != "3" {
		t.Errorf("got %s after that", got)
	}
}

// editedModule makes a module of its own, outside of this repository's, whose
// task answers with a text that can be changed.
func editedModule(t *testing.T) (dir string, edit func(answer string)) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "words")
	if _, err := scaffold.New(scaffold.Config{Dir: dir, Version: "0.1.0", SDK: "../.."}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "main_test.go")); err != nil {
		t.Fatal(err)
	}
	edit = func(answer string) {
		source := fmt.Sprintf(`package main

import (
	"runtime"

	"github.com/sparkstalk/sparkstalk/sdk"
)

type none struct{}

func init() {
	sdk.Task("words.answer", func(*sdk.Context, none) (string, error) { return answer(), nil })
	sdk.Task("words.leave", func(*sdk.Context, none) (string, error) { runtime.Goexit(); return "", nil })
}

func answer() string { return %q }

func main() {}
`, answer)
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, edit
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestAPluginIsReloadedAndOldVersionsAreShown(t *testing.T) {
	needPlugins(t)
	folder := t.TempDir()
	source, edit := editedModule(t)
	out := filepath.Join(folder, "words.so")
	edit("version 0")
	buildTo(t, source, out, true)
	r := openNative(t, proctest.Sail(t), folder)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for i := range 3 {
		want := fmt.Sprintf("%q", fmt.Sprintf("version %d", i))
		if i > 0 {
			edit(fmt.Sprintf("version %d", i))
			buildTo(t, source, out, true)
		}
		await(t, want, func() bool { return call(t, r, "words.answer", "[]", nil) == want })
	}
	// A task that ends its goroutine fails alone.
	if got := call(t, r, "words.leave", "[]", nil); !strings.Contains(got, "Goexit") {
		t.Errorf("got %s", got)
	}
	states := func() string {
		count := map[module.State]int{}
		for _, m := range r.Modules() {
			count[m.State]++
		}
		return fmt.Sprint(count)
	}
	await(t, "one serves and two are resident", func() bool { return states() == "map[resident:2 serving:1]" })
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	await(t, "all are resident", func() bool { return states() == "map[resident:3]" })
	if got := call(t, r, "words.answer", "[]", nil); !strings.Contains(got, "no module in") {
		t.Errorf("got %s once the file is gone", got)
	}
}

// refusal is why a file is refused.
func refusal(t *testing.T, cfg host.Config, name string, content []byte) string {
	t.Helper()
	cfg.Plugins, cfg.Home = t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.Plugins, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
	infos, err := host.InspectAll(t.Context(), cfg)
	if err != nil || len(infos) != 1 || infos[0].State != module.Refused {
		t.Fatalf("got %+v, %v", infos, err)
	}
	return infos[0].Reason
}

func TestPluginsThatAHostDoesNotTake(t *testing.T) {
	needPlugins(t)
	source, edit := editedModule(t)
	edit("never")
	good := buildTo(t, source, filepath.Join(t.TempDir(), "words.so"), true)
	on := host.Config{PluginsNative: true}

	if got := refusal(t, host.Config{}, "words.so", good); !strings.Contains(got, "plugins_native: true") {
		t.Errorf("without the setting: got %s", got)
	}
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := host.Config{PluginsNative: true, RequireSigned: true, ModuleKeys: []module.Key{{Name: "me", Key: seal.FormatKey(public), Tasks: []string{"*"}}}}
	if got := refusal(t, signed, "words.so", good); !strings.Contains(got, "cannot be signed") {
		t.Errorf("where signatures are required: got %s", got)
	}
	isolated := host.Config{PluginsNative: true, Modules: policy.Rules{"words": {Isolation: policy.InProcess}}}
	if got := refusal(t, isolated, "words.so", good); !strings.Contains(got, "isolation: process") {
		t.Errorf("where it is to be isolated: got %s", got)
	}
	for _, n := range []int{0, 1, 63, 64, 4096, len(good) / 2, len(good) - 1} {
		if got := refusal(t, on, "words.so", good[:n]); !strings.Contains(got, "whole") && !strings.Contains(got, "cut") {
			t.Errorf("%d bytes of it: got %s", n, got)
		}
	}
	if got := refusal(t, on, "words.so", []byte("\x00asm\x01\x00\x00\x00")); !strings.Contains(got, "not a plugin") {
		t.Errorf("WASM: got %s", got)
	}
	other := bytes.Replace(good, []byte("build\t-buildmode=plugin"), []byte("build\t-buildmode=plugim"), 1)
	if got := refusal(t, on, "words.so", other); !strings.Contains(got, "not a Go plugin but built with -buildmode=plugim") {
		t.Errorf("another build mode: got %s", got)
	}
	other = bytes.ReplaceAll(good, []byte("build\tGOAMD64=v1"), []byte("build\tGOAMD64=v3"))
	if !bytes.Equal(other, good) { // on amd64
		if got := refusal(t, on, "words.so", other); !strings.Contains(got, "GOAMD64=v3, and this host with GOAMD64=v1; build it again") {
			t.Errorf("other flags: got %s", got)
		}
	}

	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.c"), "int f(void) { return 1; }\n")
	library := filepath.Join(dir, "a.so")
	if out, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", library, filepath.Join(dir, "a.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, on, "words.so", content); !strings.Contains(got, "not a Go plugin; build it again for this host: sparkstalk build --native") {
		t.Errorf("a C library: got %s", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAPluginOfAnotherSDKIsExplained builds a plugin with an SDK that differs
// from the host's by one function.
func TestAPluginOfAnotherSDKIsExplained(t *testing.T) {
	needPlugins(t)
	source, edit := editedModule(t)
	edit("never")
	sdk := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "abi", "sdk"} {
		if out, err := exec.CommandContext(t.Context(), "cp", "-R", filepath.Join("../..", name), sdk).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	write(t, filepath.Join(sdk, "abi", "later.go"), "package abi\n\n// Later is new.\nfunc Later() int { return 1 }\n")
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(source, "go.mod"), strings.Replace(string(mod), "=> "+checkout, "=> "+sdk, 1))
	content := buildTo(t, source, filepath.Join(t.TempDir(), "words.so"), true)
	got := refusal(t, host.Config{PluginsNative: true}, "words.so", content)
	if !strings.Contains(got, "another version of github.com/sparkstalk/sparkstalk/") || !strings.Contains(got, "go build ./host/cmd/sparkstalk") {
		t.Errorf("got %s", got)
	}
}
