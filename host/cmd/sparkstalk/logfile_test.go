package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogGoesToANewFileOnceTheOldIsMovedAway(t *testing.T) {
	dir := t.TempDir()
	log, err := openLogFile(filepath.Join(dir, "%n-%h%I.log"), "w1@box.example.org")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "w1-box.example.org.log")
	write := func(text string) {
		t.Helper()
		if _, err := log.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(file, want string) {
		t.Helper()
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v; want %q", file, got, err, want)
		}
	}
	write("one\n")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write("two\n")
	write("three\n")
	holds(name+".1", "one\n")
	holds(name, "two\nthree\n")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	write("four\n")
	holds(name, "four\n")
	if _, err := openLogFile(filepath.Join(dir, "no", "such"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestFlagsOfCelerysThatAreNotHereSayWhatIs(t *testing.T) {
	for _, c := range []struct{ flag, want string }{
		{"--pool=prefork", "unknown flag: --pool: tasks are instances of WASM modules"},
		{"-Pprefork", "--concurrency says how many"},
		{"-Aproj", "tasks come from the modules in the folder of --plugins"},
		{"-Ofair", "Celery's fair"},
		{"--detach", "let systemd"},
		{"--discard", "--purge"},
		{"--nonsense", "unknown flag: --nonsense"},
	} {
		cmd := root()
		cmd.SetArgs([]string{"worker", c.flag})
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.flag, err, c.want)
		}
	}
}
