package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/hostfn/wasm"
)

// A guest is testdata/guest as a WASM module.
type guest struct {
	module   api.Module
	manifest abi.Manifest
}

func newGuest(t *testing.T) *guest {
	t.Helper()
	path := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "./testdata/guest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the guest: %v\n%s", err, out)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the module has %d bytes", len(code))
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	if err := wasm.Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	module, err := r.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().WithStartFunctions("_initialize").WithStderr(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{module: module}
	h := &call{host: New(t)}
	if code := g.export(t, h, abi.ExportDescribe); code != 0 {
		t.Fatalf("describe returned %d: %v", code, h.failure)
	}
	if g.manifest, err = abi.ParseManifest(h.value); err != nil {
		t.Fatal(err)
	}
	return g
}

// export calls a function of the module for a host.
func (g *guest) export(t *testing.T, h abi.Host, name string, args ...uint64) int32 {
	t.Helper()
	results, err := g.module.ExportedFunction(name).Call(wasm.WithHost(t.Context(), h), args...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return api.DecodeI32(results[0])
}

// call is Host.Call for a task of the module.
func (g *guest) call(t *testing.T, h *Host, task string, args ...any) (json.RawMessage, error) {
	t.Helper()
	index := slices.IndexFunc(g.manifest.Tasks, func(s abi.TaskSpec) bool { return s.Name == task })
	arguments, err := encodeArguments(args)
	if index < 0 || err != nil {
		t.Fatalf("task %d, %v", index, err)
	}
	c := &call{host: h, arguments: arguments, request: abi.Request{ID: "42", Task: task}}
	return c.result(g.export(t, c, abi.ExportRun, uint64(index)))
}

// TestAModuleAnswersAsTheSameSourceDoesHere runs the SDK as it is meant to run,
// as WASM, against this package's Host.
func TestAModuleAnswersAsTheSameSourceDoesHere(t *testing.T) {
	g := newGuest(t)
	if !reflect.DeepEqual(g.manifest.Caches, []string{"numbers"}) || g.manifest.Tasks[0].Params[1].Type != "int" {
		t.Errorf("got %+v", g.manifest)
	}

	raw := json.RawMessage(`{"a": [2.0, 123456789012345678901234567890, NaN, "\u00e9<"]}`)
	if got, err := g.call(t, New(t), "guest.echo", raw); err != nil || string(got) != string(raw) {
		t.Errorf("got %s, %v", got, err)
	}
	large := `"` + strings.Repeat("x", 3<<20) + `"`
	if got, err := g.call(t, New(t), "guest.echo", json.RawMessage(large)); err != nil || string(got) != large {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if _, err := g.call(t, New(t), "guest.echo"); err == nil || err.Error() != "TypeError: echo() missing 1 required positional argument: 'value'" {
		t.Errorf("got %v", err)
	}
	// A 32 bit machine has ints of 32 bits, but WASM's Go has 64.
	if _, err := g.call(t, New(t), "guest.echo", 1, int64(1)<<40); err != nil {
		t.Errorf("got %v", err)
	}

	h := New(t)
	h.On("").Rows([]any{8, true}, []any{6, true})
	got, err := g.call(t, h, "guest.rows")
	want := `limit 2
  sort id DESC
    filter even
      cache numbers
        with even = ((id % 2) == 0)
          range 0 to 10`
	if err != nil || string(got) != "[[8,true],[6,true]]" || h.Plan() != want {
		t.Errorf("got %s, %v and\n%s", got, err, h.Plan())
	}

	h = New(t)
	h.Once(`read text "/a", "/b" (wholetext=true)`).Rows("one", "zwei ✓")
	if got, err := g.call(t, h, "guest.collect"); err != nil || string(got) != `["one","zwei ✓"]` {
		t.Errorf("got %s, %v", got, err)
	}
	h.On("").Err(abi.Errorf("pyspark.errors.AnalysisException", "no such path"))
	var e *abi.Error
	if _, err := g.call(t, h, "guest.collect"); !errors.As(err, &e) || e.Module != "pyspark.errors" || e.Message() != "no such path" {
		t.Errorf("got %v", err)
	}

	_, err = g.call(t, New(t), "guest.panic")
	if !errors.As(err, &e) || e.Type != "Panic" || e.Message() != "assignment to entry in nil map" || !strings.Contains(e.Traceback, "guest/main.go:") {
		t.Errorf("got %+v", err)
	}

	h = New(t)
	got, err = g.call(t, h, "guest.report")
	if err != nil || string(got) != `"42"` || len(h.Logs()) != 1 || h.Logs()[0].Attrs["id"] != "42" || string(h.States()[0].Meta) != `{"current":1,"total":2}` {
		t.Errorf("got %s, %v, %v, %s", got, err, h.Logs(), h.States())
	}
}
