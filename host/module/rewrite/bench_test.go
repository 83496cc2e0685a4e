package rewrite

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// BenchmarkGuest is the work of a Go guest and of two functions written by hand,
// as they are, with wazero's own checks, and rewritten.
func BenchmarkGuest(b *testing.B) {
	guest := filepath.Join(b.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", guest, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	goGuest, err := os.ReadFile(guest)
	if err != nil {
		b.Fatal(err)
	}
	for _, work := range []struct {
		name, function string
		file           []byte
		args           []uint64
	}{
		{"go/json", "json", goGuest, nil}, {"go/sha256", "sha", goGuest, nil}, {"go/sort", "sort", goGuest, nil},
		{"fib(25)", "f", fib(), []uint64{25}}, {"loop of 1e6 rounds", "f", loop(), []uint64{1e6}},
	} {
		rewritten, err := Module(work.file, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		for _, as := range []struct {
			name  string
			file  []byte
			close bool
		}{{"plain", work.file, false}, {"wazero", work.file, true}, {"rewritten", rewritten, false}} {
			b.Run(work.name+"/"+as.name, func(b *testing.B) {
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				f := instantiate(b, as.file, as.close).ExportedFunction(work.function)
				for b.Loop() {
					if _, err := f.Call(ctx, work.args...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("rewrite", func(b *testing.B) {
		b.SetBytes(int64(len(goGuest)))
		var out []byte
		for b.Loop() {
			if out, err = Module(goGuest, Limits{}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(out))/float64(len(goGuest)), "size")
	})
	for _, as := range []string{"plain", "rewritten"} {
		file := goGuest
		if as == "rewritten" {
			if file, err = Module(goGuest, Limits{}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("compile/"+as, func(b *testing.B) {
			for b.Loop() {
				r := wazero.NewRuntime(b.Context())
				if _, err := r.CompileModule(b.Context(), file); err != nil {
					b.Fatal(err)
				}
				_ = r.Close(b.Context())
			}
		})
	}
}

func instantiate(b *testing.B, file []byte, closeOnDone bool) api.Module {
	ctx := b.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(closeOnDone))
	b.Cleanup(func() { _ = r.Close(context.Background()) })
	_, err := r.NewHostModuleBuilder(ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			if ctx.Err() != nil {
				panic(ctx.Err())
			}
			stack[0] = 1 << 19
		}), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).Export(TickName).Instantiate(ctx)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		b.Fatal(err)
	}
	m, err := r.InstantiateWithConfig(ctx, file, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// fib is f(n) = n < 2 ? n : f(n-1) + f(n-2).
func fib() []byte {
	return slices.Concat([]byte(magic), []byte{1, 6, 1, 0x60, 1, valI32, 1, valI32, 3, 2, 1, 0, 7, 5, 1, 1, 'f', 0, 0, 10, 30, 1, 28, 0,
		opLocalGet, 0, opI32Const, 2, opI32LtS, opIf, valI32, opLocalGet, 0, opElse,
		opLocalGet, 0, opI32Const, 1, opI32Sub, opCall, 0, opLocalGet, 0, opI32Const, 2, opI32Sub, opCall, 0, opI32Add, opEnd, opEnd})
}

// loop counts n down.
func loop() []byte {
	return slices.Concat([]byte(magic), []byte{1, 6, 1, 0x60, 1, valI32, 1, valI32, 3, 2, 1, 0, 7, 5, 1, 1, 'f', 0, 0, 10, 18, 1, 16, 0,
		opLoop, blockVoid, opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalTee, 0, opBrIf, 0, opEnd, opLocalGet, 0, opEnd})
}
