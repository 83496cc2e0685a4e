package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

func TestDropCheckpointRemovesSailsFilesAlone(t *testing.T) {
	run, err := rundir.New(t.Context(), t.TempDir(), "sail")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := run.Remove(); err != nil {
			t.Error(err)
		}
	}()
	for _, relation := range []string{"one", "two"} {
		dir := run.Join("checkpoints", "session", relation)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "part-0.parquet"), []byte("rows"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int {
		files, err := filepath.Glob(run.Join("checkpoints", "*", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	e := &Engine{kind: &sail{}, run: run}
	for _, c := range [][2]string{{"", "one"}, {"session", ""}, {"session", ".."}, {"..", "checkpoints"}, {"session/one", "part-0.parquet"}} {
		if err := e.DropCheckpoint(c[0], c[1]); err == nil {
			t.Errorf("DropCheckpoint(%q, %q) is no error", c[0], c[1])
		}
	}
	if err := e.DropCheckpoint("another", "one"); err != nil || left() != 2 {
		t.Errorf("of another session: %v, %d files left; want 2", err, left())
	}
	if err := e.DropCheckpoint("session", "one"); err != nil || left() != 1 {
		t.Errorf("DropCheckpoint = %v, %d files left; want 1", err, left())
	}
	if err := (&Engine{kind: &spark{}, run: run}).DropCheckpoint("session", "two"); err != nil || left() != 1 {
		t.Errorf("on Spark: %v, %d files left; want 1", err, left())
	}
}
