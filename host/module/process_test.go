//go:build linux

package module

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sparkstalk/sparkstalk/abi"
)

// wallsArgument makes the test binary look what a module's process can reach.
const wallsArgument = "module-walls"

func lookAtWalls() {
	if _, err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "not confined:", err)
		os.Exit(1)
	}
	try := func(what string, err error) { fmt.Fprintf(os.Stderr, "%s: %v\n", what, err == nil) }
	_, err := os.ReadFile("/etc/hostname")
	try("read", err)
	try("write", os.WriteFile("/tmp/sparkstalk-walls", nil, 0o600))
	try("execute", exec.Command("/bin/true").Run())
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+os.Args[2], time.Second)
	if err == nil {
		_ = conn.Close()
	}
	try("connect", err)
	try("signal", syscall.Kill(os.Getppid(), 0))
	var caps [2]unix.CapUserData
	_ = unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &caps[0])
	fmt.Fprintln(os.Stderr, "capabilities:", caps[0].Permitted|caps[0].Effective|caps[1].Permitted|caps[1].Effective)
	fmt.Fprintln(os.Stderr, "environment:", len(os.Environ()))
	var files syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	fmt.Fprintln(os.Stderr, "files:", files.Max)
	os.Exit(0)
}

// TestWallsOfAProcess looks from inside. Landlock is not on every kernel, and no
// test of it is possible where it is not.
func TestWallsOfAProcess(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_, socket, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	var out strings.Builder
	cmd, lacks, err := startConfined([]string{"/proc/self/exe", wallsArgument, port}, NoCache, []*os.File{socket, socket}, &out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	t.Log(out.String(), lacks)
	// Two variables of its own are all that it has.
	want := []string{"environment: 2", "files: 64", "connect: false", "capabilities: 0"}
	if landlock := landlocked(); landlock > 0 {
		want = append(want, "read: false", "write: false", "execute: false")
		if landlock >= 6 {
			want = append(want, "signal: false")
		}
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			t.Errorf("there is no %q", w)
		}
	}
}

// landlocked is the version of the kernel's Landlock, zero without it.
func landlocked() int {
	version, _, errno := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

func TestAModuleInAProcessAnswersAsInTheHost(t *testing.T) {
	cfg := isolated(goConfig(t))
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.loop"), run: bodyLoop}.bytes())
	put(t, cfg, "trap.wasm", asm{manifest: manifest("t.trap"), run: bodyTrap}.bytes())
	r := open(t, cfg)
	for task, want := range map[string]string{"guest.version": `"1"`, "guest.host": "42", "guest.sandbox": `"env":0`} {
		if got := result(t, r, task); !strings.Contains(got, want) {
			t.Errorf("%s gave %s", task, got)
		}
	}
	if trapped := trap(t, r, "guest.exit", &call{}); !trapped.Exited || trapped.ExitCode != 7 || trapped.Stderr != "on my way out\n" {
		t.Errorf("TrapError = %#v", *trapped)
	}
	if trapped := trap(t, r, "guest.panic", &call{}); !strings.Contains(trapped.Message, "a typed error") || !strings.Contains(trapped.Traceback, "main.deeper") {
		t.Errorf("TrapError = %#v", *trapped)
	}
	if trapped := trap(t, r, "t.trap", &call{}); trapped.Message != "unreachable" {
		t.Errorf("TrapError = %#v", *trapped)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("over the limit"))
	defer cancel()
	if err := run(ctx, r, "t.loop", &call{}); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("got %v", err)
	}
	var c call
	if err := run(t.Context(), r, "guest.fail", &c); err != nil || !strings.Contains(string(c.failure), "ValueError") {
		t.Errorf("guest.fail: %v, failure %s", err, c.failure)
	}
}

// TestAProcessThatDiesFailsItsCallOnly kills a process under its call.
func TestAProcessThatDiesFailsItsCallOnly(t *testing.T) {
	cfg := isolated(config(t))
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
	r := open(t, cfg)
	lease, _ := r.Acquire("t.count")
	defer lease.Release()
	pid := lease.version.idle[0].process.cmd.Process.Pid
	trapped := trap(t, r, "t.count", &call{count: func(context.Context) (int64, error) {
		return 1, syscall.Kill(pid, syscall.SIGKILL)
	}})
	if !errors.Is(trapped, ErrProcess) || !strings.Contains(trapped.Message, "killed") {
		t.Errorf("TrapError = %#v", *trapped)
	}
	if err := run(t.Context(), r, "t.count", &call{}); err != nil {
		t.Error(err)
	}
}

// TestCPULimit has a loop that takes more of a processor than it may, in the
// host and in a process.
func TestCPULimit(t *testing.T) {
	for name, cfg := range map[string]Config{"in the host": config(t), "in a process": isolated(config(t))} {
		t.Run(name, func(t *testing.T) {
			cfg.Limits = limited(abi.Limits{CPULimit: 0.02})
			put(t, cfg, "m.wasm", asm{manifest: manifest("t.loop"), run: bodyLoop}.bytes())
			put(t, cfg, "count.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
			r := open(t, cfg)
			trapped := trap(t, r, "t.loop", &call{})
			if !errors.Is(trapped, ErrCPU) || !strings.Contains(trapped.Message, "more than 20ms (setting modules, cpu_limit)") {
				t.Errorf("TrapError = %#v", *trapped)
			}
			// Waiting for the host takes none.
			if err := run(t.Context(), r, "t.count", &call{count: func(context.Context) (int64, error) {
				time.Sleep(60 * time.Millisecond)
				return 1, nil
			}}); err != nil {
				t.Error(err)
			}
		})
	}
}

// BenchmarkRunInAProcess is BenchmarkRun in a process.
func BenchmarkRunInAProcess(b *testing.B) {
	cfg := isolated(config(b))
	put(b, cfg, "m.wasm", small("t.x", 1))
	r := open(b, cfg)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for b.Loop() {
		if err := run(ctx, r, "t.x", &call{}); err != nil {
			b.Fatal(err)
		}
	}
}

// What a module's process has to compile counts as the host's own compilations do.
func TestProcessesCompileAFewAtATime(t *testing.T) {
	cfg := isolated(config(t))
	cfg.CacheDir = t.TempDir()
	cfg.CompileWorkers = 1
	path := put(t, cfg, "m.wasm", small("t.x", 1))
	if err := os.Rename(path, path+".later"); err != nil {
		t.Fatal(err)
	}
	r := open(t, cfg)
	if err := os.Rename(path+".later", path); err != nil {
		t.Fatal(err)
	}
	r.engine.slots <- struct{}{} // something is compiled
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if a := r.attempt(ctx, path); !errors.Is(a.err, context.DeadlineExceeded) {
		a.drop()
		t.Errorf("a process compiles beside the one compilation that may be: %v", a.err)
	}
	<-r.engine.slots
	if a := r.attempt(t.Context(), path); a.err != nil {
		t.Error(a.err)
	} else {
		a.drop()
	}
	r.engine.slots <- struct{}{} // what is compiled waits for nobody
	a := r.attempt(t.Context(), path)
	if a.err != nil {
		t.Error(a.err)
	}
	a.drop()
	<-r.engine.slots
}
