package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// stateName is the note that a running engine has in its folder.
const stateName = "state.json"

// Status says what is known of an engine on this machine.
type Status struct {
	// Engine is its name, as Name gives it.
	Engine string `json:"engine"`
	// Installed is whether it can be started. It is true of a server that
	// somebody else runs.
	Installed bool `json:"installed"`
	// Dir is where it is installed, or would be; empty for somebody else's.
	Dir string `json:"dir,omitempty"`
	// Running are the processes of this engine, of any version of the host and
	// any thread count.
	Running []Running `json:"running"`
}

// Running is one process of an engine.
type Running struct {
	Engine   string    `json:"engine"`
	PID      int       `json:"pid"`
	Host     int       `json:"host"` // pid of the host that supervises it
	Address  string    `json:"address"`
	Restarts int       `json:"restarts"` // since the host began
	Since    time.Time `json:"since"`    // of its latest start
	// Log is the file with what it has written.
	Log string `json:"log,omitempty"`
	// MemoryBytes is its resident memory, zero where the system does not tell.
	MemoryBytes int64 `json:"memory_bytes"`
}

// Status describes this engine and its process.
func (e *Engine) Status() Status {
	s := Status{Engine: e.Name(), Installed: true, Running: []Running{}}
	if e.kind == nil {
		return s
	}
	s.Dir = e.dir()
	s.Installed = installed(s.Dir)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child != nil && process.Alive(e.child.PID()) {
		r := e.running()
		r.MemoryBytes = residentBytes(r.PID)
		s.Running = append(s.Running, r)
	}
	return s
}

// running describes the child. The caller holds the lock.
func (e *Engine) running() Running {
	return Running{
		Engine: e.Name(), PID: e.child.PID(), Host: os.Getpid(), Address: e.address,
		Restarts: e.restarts, Since: e.since, Log: e.logPath,
	}
}

// Lookup describes an engine from outside: whether it is installed, and the
// processes of it that the hosts of this user run.
func Lookup(cfg Config) (Status, error) {
	e, err := New(cfg)
	if err != nil {
		return Status{}, err
	}
	s := e.Status()
	if e.kind == nil {
		return s, nil
	}
	for _, dir := range rundir.List(runParent(e.cfg.Home)) {
		if !strings.HasPrefix(filepath.Base(dir), e.kind.folder()+"-") {
			continue
		}
		note, err := os.ReadFile(filepath.Join(dir, stateName))
		if err != nil {
			continue // it starts, or has just gone
		}
		var r Running
		if err := json.Unmarshal(note, &r); err != nil {
			return s, fmt.Errorf("read the state in %s: %w", dir, err)
		}
		r.MemoryBytes = residentBytes(r.PID)
		s.Running = append(s.Running, r)
	}
	return s, nil
}

// String is the status in words, without a line end.
func (s Status) String() string {
	var b strings.Builder
	switch {
	case s.Dir == "":
		fmt.Fprintf(&b, "%s: run by somebody else", s.Engine)
		return b.String()
	case s.Installed:
		fmt.Fprintf(&b, "%s: installed in %s", s.Engine, s.Dir)
	default:
		fmt.Fprintf(&b, "%s: not installed", s.Engine)
	}
	for _, r := range s.Running {
		fmt.Fprintf(&b, "\n  running %s at sc://%s: process %d of host %d, since %s, %d restarts",
			r.Engine, r.Address, r.PID, r.Host, r.Since.Format(time.DateTime), r.Restarts)
		if r.MemoryBytes > 0 {
			fmt.Fprintf(&b, ", %d MiB resident", r.MemoryBytes>>20)
		}
		if r.Log != "" {
			fmt.Fprintf(&b, "\n    log: %s", r.Log)
		}
	}
	return b.String()
}

// residentBytes reads a process's resident memory where /proc has it.
func residentBytes(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(rest)), "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
