package deathlog

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A worker of TestMain's dies while tasks run.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DEATHLOG_DIR"); dir != "" {
		die(dir)
	}
	os.Exit(m.Run())
}

// die is a worker that is killed by the last of three tasks, of which the first had
// ended before.
func die(dir string) {
	l, err := Open(dir)
	if err != nil {
		panic(err)
	}
	for i, id := range []string{"ended", "neighbour", "poison"} {
		end, err := l.Begin(id)
		if err != nil {
			panic(err)
		}
		if i == 0 {
			end()
		}
	}
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	panic(fmt.Sprint("still there: ", err))
}

func open(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func kill(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "DEATHLOG_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestDeathsAreCounted(t *testing.T) {
	dir := t.TempDir()
	beside := open(t, dir) // a worker that lives on
	running, err := beside.Begin("beside")
	if err != nil {
		t.Fatal(err)
	}
	defer running()
	for n := 1; n <= 3; n++ {
		kill(t, dir)
		after := open(t, dir)
		for id, want := range map[string]int{"poison": n, "neighbour": n, "ended": 0, "beside": 0} {
			if got := after.Deaths(id); got != want {
				t.Errorf("after %d deaths %s has %d", n, id, got)
			}
		}
		if err := beside.Look(); err != nil || beside.Deaths("poison") != n {
			t.Errorf("the other worker knows of %d of %d deaths: %v", beside.Deaths("poison"), n, err)
		}
	}
	if err := beside.Forget("neighbour"); err != nil || beside.Deaths("neighbour") != 0 {
		t.Errorf("%d, %v", beside.Deaths("neighbour"), err)
	}
	if n, err := beside.Add("poison"); err != nil || n != 4 {
		t.Errorf("%d, %v", n, err)
	}
	if l := open(t, dir); l.Deaths("poison") != 4 || l.Deaths("neighbour") != 0 {
		t.Errorf("%d, %d", l.Deaths("poison"), l.Deaths("neighbour"))
	}
}

func TestWhatEndsWellLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // one slot, used again
		end, err := l.Begin("a")
		if err != nil {
			t.Fatal(err)
		}
		end()
	}
	if l.slots != 1 {
		t.Errorf("%d slots", l.slots)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+running))
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	known := map[string]deaths{"old": {3, time.Now().Add(-keepFor - time.Hour)}}
	for i := range maxKept + 5 {
		known[fmt.Sprint(i)] = deaths{1, time.Now().Add(time.Duration(i) * time.Millisecond)}
	}
	if !forgetOld(known) || len(known) != maxKept {
		t.Errorf("%d are kept", len(known))
	}
	if _, kept := known["old"]; kept {
		t.Error("an old one is kept")
	}
	if _, kept := known["0"]; kept {
		t.Error("the oldest is kept, and newer ones are not")
	}
	// What a full disk has cut is begun anew.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, countFile), []byte(`{"a": {`), 0o600); err != nil {
		t.Fatal(err)
	}
	if l := open(t, dir); l.Deaths("a") != 0 {
		t.Error("counted")
	}
}

func TestNoLogRemembersNothing(t *testing.T) {
	var l *Log
	end, err := l.Begin("a")
	if err != nil {
		t.Fatal(err)
	}
	end()
	if n, err := l.Add("a"); n != 0 || err != nil || l.Deaths("a") != 0 || l.Look() != nil || l.Forget("a") != nil || l.Close() != nil {
		t.Error("a nil Log does something")
	}
}

func BenchmarkBegin(b *testing.B) {
	l, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		end, err := l.Begin("a-task-id-as-long-as-celery-makes-them")
		if err != nil {
			b.Fatal(err)
		}
		end()
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
