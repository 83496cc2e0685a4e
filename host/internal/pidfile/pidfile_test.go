package pidfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestCreate(t *testing.T) {
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	for name, c := range map[string]struct {
		held    string
		running int
	}{
		"none":            {},
		"of a dead one":   {held: fmt.Sprintf("%d\n", dead.Process.Pid)},
		"of this one":     {held: fmt.Sprintf("%d\n", os.Getpid())},
		"broken":          {held: "x"},
		"empty":           {held: " "},
		"of a living one": {held: fmt.Sprintf("%d\n", other.Process.Pid), running: other.Process.Pid},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "worker.pid")
			if c.held != "" {
				if err := os.WriteFile(path, []byte(c.held), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			remove, err := Create(path)
			if running, ok := errors.AsType[*RunningError](err); ok || c.running != 0 {
				if running == nil || running.PID != c.running {
					t.Fatalf("error %v, want that of %d", err, c.running)
				}
				if held, err := os.ReadFile(path); err != nil || string(held) != c.held {
					t.Errorf("the other's file holds %q, %v", held, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if held, err := os.ReadFile(path); err != nil || string(held) != fmt.Sprintf("%d\n", os.Getpid()) {
				t.Errorf("holds %q, %v", held, err)
			}
			if err := remove(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

func TestRemoveLeavesAnothersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	remove, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
