//go:build unix

package seal

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A named pipe may take a module's place after somebody looked what it is.
func TestANamedPipeHoldsNobodyUp(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.wasm")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	whole := make(chan bool, 1)
	go func() { whole <- Whole(pipe, 1<<20) }()
	select {
	case is := <-whole:
		if is {
			t.Error("a named pipe is whole")
		}
	case <-time.After(time.Minute):
		t.Fatal("Whole waits for the writer of a named pipe")
	}
}
