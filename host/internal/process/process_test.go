package process_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
)

// parentEnv makes the test binary the parent of TestDiesWithParent.
const parentEnv = "SPARKSTALK_PROCESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		p, err := process.Start(process.Config{Path: "sleep", Args: []string{"300"}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		select {}
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, cfg process.Config) *process.Process {
	t.Helper()
	p, err := process.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestLinesAndExit(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	p := start(t, process.Config{
		Path: "sh", Args: []string{"-c", "echo one; echo two >&2; echo $WORD; printf last; exit 3"},
		Env: []string{"WORD=three", "PATH=" + os.Getenv("PATH")},
		Line: func(s string) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, s)
		},
	})
	<-p.Done()
	want := "one two three last"
	if got := strings.Join(lines, " "); got != want {
		t.Errorf("lines = %q, want %q", got, want)
	}
	if got := strings.Join(p.Tail(), " "); got != want {
		t.Errorf("tail = %q, want %q", got, want)
	}
	exit, ok := errors.AsType[*exec.ExitError](p.Err())
	if !ok || exit.ExitCode() != 3 {
		t.Errorf("err = %v, want exit status 3", p.Err())
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	p := start(t, process.Config{Path: "sh", Args: []string{"-c", "seq 1000; head -c 200000 /dev/zero | tr '\\0' x; echo; echo end"}})
	<-p.Done()
	tail := p.Tail()
	if len(tail) != 30 || tail[len(tail)-1] != "end" || tail[0] != "973" {
		t.Errorf("%d lines from %.20q to %.20q, want 30 from 973 to end", len(tail), tail[0], tail[len(tail)-1])
	}
	if n := len(tail[28]); n != 64<<10 {
		t.Errorf("the overlong line has %d bytes, want it cut at %d", n, 64<<10)
	}
}

func TestMissingProgram(t *testing.T) {
	if _, err := process.Start(process.Config{Path: "/does/not/exist"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v, want not exist", err)
	}
}

func TestStopKillsWhoIgnoresSIGTERM(t *testing.T) {
	ready := make(chan struct{})
	p := start(t, process.Config{
		Path: "sh", Args: []string{"-c", "trap '' TERM; echo ready; while :; do sleep 1; done"},
		Line: func(string) { close(ready) },
	})
	<-ready
	begin := time.Now()
	p.Stop(200 * time.Millisecond)
	if d := time.Since(begin); d < 200*time.Millisecond || d > time.Minute {
		t.Errorf("stopped after %v, want the grace of 200ms and little more", d)
	}
	if p.Err() == nil {
		t.Error("a killed child has no error")
	}
	p.Stop(time.Hour) // gone already: returns at once
}

// A descendant that keeps the output open must not keep the end from being seen.
func TestEndIsSeenDespiteDescendants(t *testing.T) {
	begin := time.Now()
	p := start(t, process.Config{Path: "sh", Args: []string{"-c", "setsid sleep 100 & sleep 300 & exit 0"}})
	<-p.Done()
	if d := time.Since(begin); d > time.Minute {
		t.Errorf("the end was seen after %v", d)
	}
}

func TestDiesWithParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a child's life to its parent's")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("parent said %q", line)
	}
	if !process.Alive(pid) {
		t.Fatalf("process %d does not run", pid)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(time.Minute); process.Alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its parent", pid)
		}
	}
}
