package wasm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/abitest"
)

// A guest is a module built from Go source, in a runtime.
type guest struct {
	compiled wazero.CompiledModule
	module   api.Module
	stdout   *bytes.Buffer
}

// callsAll is the source of the guest that calls every method.
const callsAll = "github.com/sparkstalk/sparkstalk/sdk/internal/hostcall/testdata/guest"

// buildGuest compiles the package pkg, as seen from the directory dir, and
// instantiates it.
func buildGuest(t *testing.T, config wazero.RuntimeConfig, dir, pkg string) guest {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", path, pkg)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the guest: %v\n%s", err, out)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	r := newRuntime(t, config)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	g := guest{stdout: new(bytes.Buffer)}
	if g.compiled, err = r.CompileModule(ctx, code); err != nil {
		t.Fatal(err)
	}
	module := wazero.NewModuleConfig().WithStartFunctions("_initialize").WithStdout(g.stdout).WithStderr(os.Stderr)
	if g.module, err = r.InstantiateModule(ctx, g.compiled, module); err != nil {
		t.Fatal(err)
	}
	return g
}

// readSources reads the Go files of directories that a guest is built from. The
// go command caches a test's result by the files that the test itself has
// opened, and so would not run it again after a change to the guest.
func readSources(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d Go files, %v", dir, len(paths), err)
		}
		for _, path := range paths {
			if _, err := os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// newRuntime returns a runtime that has sparkstalk_v1.
func newRuntime(t testing.TB, config wazero.RuntimeConfig) wazero.Runtime {
	t.Helper()
	ctx := context.Background() // the test's own has ended when its cleanup runs
	r := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() {
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGuestReachesEveryMethodWithItsValues(t *testing.T) {
	const hostcall = "../../../sdk/internal/hostcall"
	readSources(t, hostcall, hostcall+"/testdata/guest")
	g := buildGuest(t, engines["compiler"], ".", callsAll)
	t.Run("its imports are all served", func(t *testing.T) {
		imported := map[string]bool{}
		for _, f := range g.compiled.ImportedFunctions() {
			module, name, _ := f.Import()
			if module != abi.ImportModule {
				continue
			}
			imported[name] = true
			if !Serves(name) {
				t.Errorf("the guest imports %s, which Serves denies", name)
			}
		}
		for _, f := range functions() {
			if !imported[f.name] {
				t.Errorf("the guest does not import %s: it cannot have called it", f.name)
			}
		}
	})
	for round := range abitest.Rounds {
		want := &abitest.Recorder{Round: round}
		wantResults := abitest.CallAll(want, round)

		got := &abitest.Recorder{Round: round}
		g.stdout.Reset()
		results, err := g.module.ExportedFunction(abi.ExportRun).Call(WithHost(t.Context(), got), uint64(round))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if results[0] != 0 {
			t.Errorf("round %d: the guest returned %d, want 0", round, results[0])
		}
		same(t, round, "received", got.Calls, want.Calls)
		same(t, round, "got back", strings.Split(strings.TrimSuffix(g.stdout.String(), "\n"), "\n"), wantResults)
	}
	t.Run("its calls do not allocate", func(t *testing.T) {
		ctx := WithHost(t.Context(), &abitest.Recorder{})
		if got := invoke(t, ctx, g.module, "allocations"); got != 0 {
			t.Errorf("got %d allocations a round, want 0", got)
		}
	})
}

// same compares what a round led to, line by line.
func same(t *testing.T, round abitest.Round, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("round %d: %s %.300s\nwant %.300s", round, what, g, w)
		}
	}
}
