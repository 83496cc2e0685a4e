package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestPidfileIsThereWhileACommandRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.pid")
	command := func(run func() error) (string, error) {
		var out strings.Builder
		cmd := withPidfile(&cobra.Command{SilenceUsage: true, SilenceErrors: true, RunE: func(*cobra.Command, []string) error { return run() }})
		cmd.SetArgs([]string{"--pidfile", path})
		cmd.SetErr(&out)
		err := cmd.Execute()
		return out.String(), err
	}
	boom := errors.New("boom")
	if _, err := command(func() error {
		held, err := os.ReadFile(path)
		if err != nil || string(held) != strconv.Itoa(os.Getpid())+"\n" {
			t.Errorf("holds %q, %v", held, err)
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file outlives the command")
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	if err := os.WriteFile(path, []byte(strconv.Itoa(other.Process.Pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := command(func() error { t.Error("the command ran"); return nil })
	if !errors.Is(err, cannotCreate) || !strings.Contains(said, "Seems we're already running? (pid: "+strconv.Itoa(other.Process.Pid)+")") {
		t.Errorf("said %q, error %v", said, err)
	}
}
