//go:build unix

package module

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A named pipe is no module, and opening it does not wait for its writer.
func TestNamedPipe(t *testing.T) {
	cfg := config(t)
	if err := os.Mkdir(cfg.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(cfg.Dir, "pipe.wasm")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Inspect(t.Context(), cfg, pipe)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Kind != Unreadable {
		t.Errorf("Inspect of a pipe: %v", err)
	}
}
