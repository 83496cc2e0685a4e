package faults

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// built are the binary and the folder with the module, made once.
var built = sync.OnceValues(func() (b struct{ binary, modules string }, err error) {
	dir, err := os.MkdirTemp("", "sparkstalk-faults")
	if err != nil {
		return b, err
	}
	b.binary, b.modules = filepath.Join(dir, "sparkstalk"), filepath.Join(dir, "modules")
	module := exec.Command("go", "build", "-buildmode=c-shared", "-o", filepath.Join(b.modules, "tasks.wasm"), "./tasks")
	module.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	for _, cmd := range []*exec.Cmd{exec.Command("go", "build", "-o", b.binary, "../cmd/sparkstalk"), module} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, errors.Join(err, errors.New(string(out)))
		}
	}
	return b, nil
})

// effects are the marks of all the workers of one fault: how often each task ran.
type effects struct {
	mu     sync.Mutex
	runs   map[int]int
	at     []time.Time // of each run, as far as it was looked for
	poison map[int]int // how often each task ran during which the worker is killed
}

func (e *effects) add(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.runs[n]++
	e.at = append(e.at, time.Now())
}

func (e *effects) addPoison(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.poison[n]++
}

// poisoned is how often a task ran during which the worker is killed.
func (e *effects) poisoned(n int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.poison[n]
}

// ran is how many tasks have run, and how many runs there were.
func (e *effects) ran() (tasks, runs int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runs), len(e.at)
}

// since is the time from t to the first run after it; false if there is none yet.
func (e *effects) since(t time.Time) (time.Duration, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, at := range e.at {
		if at.After(t) {
			return at.Sub(t), true
		}
	}
	return 0, false
}

// pause is the longest time without a run after t.
func (e *effects) pause(t time.Time) (longest time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := t
	for _, at := range e.at {
		if at.After(t) {
			longest, last = max(longest, at.Sub(last)), at
		}
	}
	return longest
}

// A process is a worker, and what reads its marks.
type process struct {
	*exec.Cmd
	log    string
	ended  chan struct{} // closed once it has
	follow sync.WaitGroup
}

var mark = regexp.MustCompile(`(effect|poison) (\d+)`)

// start runs a command in a process group of its own, whose standard error is
// kept and read for marks.
func start(t *testing.T, e *effects, env []string, name string, args ...string) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(name, args...), log: log.Name(), ended: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = log, log
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(p.Start(), log.Close()); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Cmd.Wait() // how it ends is the fault's business
		close(p.ended)
	}()
	p.follow.Go(func() { p.read(t, e) })
	return p
}

// read passes the marks on until the process has ended and all is read.
func (p *process) read(t *testing.T, e *effects) {
	file, err := os.Open(p.log)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = file.Close() }()
	var rest []byte
	buf := make([]byte, 64<<10)
	for last := false; ; {
		n, _ := file.Read(buf)
		rest = append(rest, buf[:n]...)
		for {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			if m := mark.FindSubmatch(line); m != nil {
				number, _ := strconv.Atoi(string(m[2]))
				if string(m[1]) == "poison" {
					e.addPoison(number)
				} else {
					e.add(number)
				}
			}
			rest = after
		}
		switch {
		case n > 0:
		case last:
			return
		default:
			select {
			case <-p.ended:
				last = true
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
}

// kill ends the whole group at once, as the loss of its machine would.
func (p *process) kill() {
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
	<-p.ended
	p.follow.Wait()
}

// term asks it to stop, and returns how long that took.
func (p *process) term(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Errorf("not ended a minute after SIGTERM; its last lines:\n%s", p.tail(3000))
		p.kill()
		return time.Minute
	}
	took := time.Since(began)
	_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) // children that hang on
	p.follow.Wait()
	return took
}

func (p *process) tail(n int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-n):])
}

const slots = 2

// worker starts the fault's kind of worker over its broker and backend.
func (b *bed) worker() {
	b.t.Helper()
	if b.python {
		env := []string{"CELERY_BROKER_URL=" + b.workerBroker, "CELERY_RESULT_BACKEND=" + b.workerBackend, "QUEUE=" + b.queue}
		if b.late {
			env = append(env, "LATE=1")
		}
		b.process = start(b.t, b.effects, env, proctest.Python(b.t), "-m", "celery", "--workdir", "testdata", "-A", "app", "worker",
			"-Q", b.queue, "-n", b.queue+"@faults", "-c", strconv.Itoa(slots), "-l", "warning", "--without-gossip", "--without-mingle")
		return
	}
	made, err := built()
	if err != nil {
		b.t.Fatal(err)
	}
	args := []string{"worker", "--allow-all", "-Q", b.queue, "-n", b.queue + "@faults", "-c", strconv.Itoa(slots), "-l", "info", "--prefetch-multiplier", "16",
		"--broker", b.workerBroker, "--result-backend", b.workerBackend, "--plugins", made.modules, "--spark", proctest.Sail(b.t),
		"--without-gossip", "--without-mingle"}
	if b.late {
		args = append(args, "--acks-late")
		b.env = append(b.env, "SPARKSTALK_TASK_REJECT_ON_WORKER_LOST=true")
	}
	b.process = start(b.t, b.effects, b.env, made.binary, args...)
}
