package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// hostEnv makes the test binary a host that runs the engine named by it.
const hostEnv = "SPARKSTALK_ENGINE_TEST_HOST"

func TestMain(m *testing.M) {
	if spec := os.Getenv(hostEnv); spec != "" {
		runHost(spec)
	}
	proctest.Main(m)
}

func runHost(spec string) {
	e, err := engine.New(engine.Config{Spec: spec, Quick: true})
	if err == nil {
		err = e.Start(context.Background())
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(e.Status().Running[0].PID, e.Address())
	_ = e.Run(context.Background())
}

// eventually waits until ok, for as long as a loaded machine may need.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestKilledEngineIsStartedAgain(t *testing.T) {
	for _, spec := range []string{"sail", "local[1]"} {
		t.Run(spec, func(t *testing.T) {
			e := proctest.StartEngine(t, spec)
			address := e.Address()
			if e.Remote() != "sc://"+address {
				t.Errorf("remote is %s, address %s", e.Remote(), address)
			}
			for n := 1; n <= 2; n++ {
				before := e.Status().Running[0]
				kill(t, before.PID)
				var after engine.Running
				eventually(t, "a restart", func() bool {
					if s := e.Status(); len(s.Running) == 1 {
						after = s.Running[0]
					}
					return after.Restarts == n
				})
				if after.PID == before.PID || !listens(e.Address()) {
					t.Errorf("process %d after %d, listening at %s: %v", after.PID, before.PID, e.Address(), listens(e.Address()))
				}
				if e.Address() != address {
					t.Logf("the port moved from %s to %s", address, e.Address())
				}
			}
		})
	}
}

func TestEngineDiesWithItsHost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a child's life to its parent's")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hostEnv+"=sail")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	first, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	pid, err := strconv.Atoi(first)
	if err != nil || !listens(address) {
		t.Fatalf("the host said %q", line)
	}
	lookup := func() []engine.Running {
		t.Helper()
		s, err := engine.Lookup(engine.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var mine []engine.Running
		for _, r := range s.Running {
			if r.Host == cmd.Process.Pid {
				mine = append(mine, r)
			}
		}
		return mine
	}
	if got := lookup(); len(got) != 1 || got[0].PID != pid || got[0].Address != address {
		t.Errorf("looked up from outside: %+v, want process %d at %s", got, pid, address)
	}
	kill(t, cmd.Process.Pid)
	_ = cmd.Wait()
	eventually(t, "the engine's end", func() bool { return !process.Alive(pid) })
	if got := lookup(); len(got) != 0 {
		t.Errorf("looked up after the kill: %+v", got)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	home := homeWithSail(t)
	e, err := engine.New(engine.Config{Home: home})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Address(); got != "127.0.0.1:0" {
		t.Errorf("address before the start is %s", got)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := e.Status()
	if !s.Installed || len(s.Running) != 1 || s.Running[0].MemoryBytes < 10<<20 {
		t.Errorf("status is %+v", s)
	}
	if !strings.Contains(s.String(), "running Sail 0.7.2 at sc://"+e.Address()) {
		t.Errorf("status says %s", s)
	}
	for range 2 {
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if process.Alive(s.Running[0].PID) || listens(e.Address()) {
		t.Error("the engine still runs")
	}
	left, _ := filepath.Glob(filepath.Join(home, "run", "sail-*"))
	if len(left) != 0 {
		t.Errorf("files are left: %q", left)
	}
	if err := e.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "it was stopped") {
		t.Errorf("start after stop: %v", err)
	}
	if err := e.Run(t.Context()); err == nil {
		t.Error("run after stop has no error")
	}
}

// homeWithSail is a home of its own with the installed Sail in it.
func homeWithSail(t *testing.T) string {
	t.Helper()
	s, err := engine.Lookup(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Installed {
		t.Fatal("Sail is not installed; run scripts/setup sail")
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "engines"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.Dir, filepath.Join(home, "engines", filepath.Base(s.Dir))); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestRunStartsAndStops(t *testing.T) {
	e, err := engine.New(engine.Config{Home: homeWithSail(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	eventually(t, "the engine", func() bool { return listens(e.Address()) })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run ended with %v", err)
	}
	if listens(e.Address()) {
		t.Error("the engine outlived Run")
	}
}

func TestRunOfAServerElsewhere(t *testing.T) {
	e, err := engine.New(engine.Config{Spec: "sc://spark.example/;token=secret"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.Address() != "spark.example:15002" || e.Remote() != "sc://spark.example/;token=secret" {
		t.Errorf("address %s, remote %s", e.Address(), e.Remote())
	}
	if e.Name() != "sc://spark.example:15002" {
		t.Errorf("name is %s: it must not hold the token", e.Name())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := e.Run(ctx); err != nil || ctx.Err() == nil {
		t.Errorf("run returned %v before its context ended", err)
	}
	if s := e.Status(); !s.Installed || s.String() != "sc://spark.example:15002: run by somebody else" {
		t.Errorf("status says %s", s)
	}
	var said strings.Builder
	if err := engine.Install(t.Context(), engine.Config{Spec: "sc://spark.example"}, &said); err != nil ||
		said.String() != "sc://spark.example:15002 is run by somebody else: nothing to install\n" {
		t.Errorf("install says %q, %v", said.String(), err)
	}
}

func TestMissingInstall(t *testing.T) {
	for spec, want := range map[string]string{
		"sail":     "run `sparkstalk engine install sail`",
		"local[2]": "run `sparkstalk engine install local`",
	} {
		e, err := engine.New(engine.Config{Spec: spec, Home: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		err = e.Start(t.Context())
		missing, ok := errors.AsType[*engine.NotInstalledError](err)
		if !ok || !strings.Contains(err.Error(), want) || missing.Engine != e.Name() {
			t.Errorf("%s: %v, want a NotInstalledError with %q", spec, err, want)
		}
		if runErr := e.Run(t.Context()); !errors.As(runErr, &missing) {
			t.Errorf("run of %s: %v", spec, runErr)
		}
		if s := e.Status(); s.Installed || !strings.HasSuffix(s.String(), ": not installed") {
			t.Errorf("status says %s", s)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	for spec, want := range map[string]string{
		"flink":                  `engine "flink" is not known: use sail, local[N], local[*] or sc://host:port`,
		"local[0]":               `engine "local[0]": the number of threads must be from 1 to 1024, or *`,
		"local[99999]":           `engine "local[99999]": the number of threads must be from 1 to 1024, or *`,
		"local[2":                `engine "local[2" is not known`,
		"local[-1]":              `engine "local[-1]" is not known`,
		"sc://":                  `engine "sc://": no host`,
		"sc://:15002":            `engine "sc://:15002": no host`,
		"sc://h:0":               `engine "sc://h:0": 0 is not a port`,
		"sc://h:99999":           `engine "sc://h:99999": 99999 is not a port`,
		"sc://h:x/;token=secret": `engine sc://…: not a connection string`,
		"sc://me@h":              `a user is given as ;user_id=…`,
	} {
		_, err := engine.New(engine.Config{Spec: spec})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the token: %v", spec, err)
		}
	}
	_, err := engine.New(engine.Config{Spec: "sail", MemoryMiB: 100, StartLimit: -1})
	if err == nil || !strings.Contains(err.Error(), "100 MiB") || !strings.Contains(err.Error(), "negative") {
		t.Errorf("two bad fields: %v, want both named", err)
	}
}

func TestNames(t *testing.T) {
	for spec, want := range map[string]string{
		"":                  "Sail 0.7.2",
		"sail":              "Sail 0.7.2",
		"local":             "Spark 4.3.0 local[1]",
		"local[3]":          "Spark 4.3.0 local[3]",
		"local[*]":          fmt.Sprintf("Spark 4.3.0 local[%d]", runtime.NumCPU()),
		"sc://h":            "sc://h:15002",
		"sc://h:7/":         "sc://h:7",
		"sc://[::1]:7/;a=b": "sc://[::1]:7",
	} {
		e, err := engine.New(engine.Config{Spec: spec})
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		} else if e.Name() != want {
			t.Errorf("%s is called %s, want %s", spec, e.Name(), want)
		}
	}
}
