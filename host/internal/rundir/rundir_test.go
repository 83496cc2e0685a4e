package rundir_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// parentEnv makes the test binary take a folder and be killed in it.
const parentEnv = "SPARKSTALK_RUNDIR_TEST_PARENT"

func TestMain(m *testing.M) {
	if parent := os.Getenv(parentEnv); parent != "" {
		d, err := rundir.New(context.Background(), parent, "victim")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(d.Path())
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
		select {}
	}
	os.Exit(m.Run())
}

func TestRemove(t *testing.T) {
	parent := t.TempDir()
	d, err := rundir.New(t.Context(), parent, "a")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.Path()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v, %v, want drwx------", info, err)
	}
	if got := rundir.List(parent); len(got) != 1 || got[0] != d.Path() {
		t.Errorf("in use: %q, want %q alone", got, d.Path())
	}
	for range 2 {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(d.Path()); !os.IsNotExist(err) {
		t.Errorf("stat after remove: %v, want not exist", err)
	}
}

func TestAKilledProcessIsSweptUpAfter(t *testing.T) {
	parent := t.TempDir()
	live, err := rundir.New(t.Context(), parent, "live")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(parent, "nodash")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"="+parent)
	out, err := cmd.Output()
	if err == nil || len(out) == 0 {
		t.Fatalf("helper ended with %v and said %q", err, out)
	}
	if dirs, _ := filepath.Glob(filepath.Join(parent, "victim-*")); len(dirs) != 1 {
		t.Fatalf("the killed process left %q", dirs)
	}
	next, err := rundir.New(t.Context(), parent, "next")
	if err != nil {
		t.Fatal(err)
	}
	if dirs, _ := filepath.Glob(filepath.Join(parent, "victim-*")); len(dirs) != 0 {
		t.Errorf("still there: %q", dirs)
	}
	for _, path := range []string{live.Path(), other, next.Path()} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	_, _ = live.Remove(), next.Remove()
}
