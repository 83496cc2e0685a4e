package dev

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/build"
	hostmodule "github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
	"github.com/sparkstalk/sparkstalk/host/term"
)

// buildAll builds what has changed since it was built.
func (l *loop) buildAll(ctx context.Context) {
	for _, m := range l.modules {
		if !m.dirty && !m.broken {
			continue
		}
		l.build(ctx, m)
	}
}

func (l *loop) build(ctx context.Context, m *module) {
	began := time.Now()
	l.screen.building(m.name)
	out := filepath.Join(l.plugins, m.name+".wasm")
	// A trap shows the source's lines; Go has a way of its own. What is sealed is
	// loaded at once.
	_, err := build.Build(ctx, m.dir, build.Options{Out: out, Debug: m.language != build.Go, Say: l.screen.note, Finish: sealed})
	if ctx.Err() != nil {
		return // it stays to be built
	}
	m.dirty, m.broken = false, err != nil
	if compile, ok := errors.AsType[*build.CompileError](err); ok {
		l.screen.notBuilt(compile.Output, term.Sources{Dir: m.dir})
		return
	}
	var file []byte
	if err == nil {
		file, err = os.ReadFile(out)
	}
	if err != nil {
		m.broken = true
		l.screen.trouble(err)
		return
	}
	sum := sha256.Sum256(file)
	m.hash = hex.EncodeToString(sum[:])
	l.screen.built(m.name, int64(len(file)), time.Since(began))
}

// sealed seals a module's file.
func sealed(_ context.Context, path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if file, err = seal.Write(file, seal.Options{}); err != nil {
		return err
	}
	return os.WriteFile(path, file, 0o644)
}

// loadLimit is how long a module that was built may take to serve. A refusal
// for the time of compiling comes before.
const loadLimit = 2 * time.Minute

// awaitLoad waits until what was built serves, and reports whether it does.
func (l *loop) awaitLoad(ctx context.Context, m *module) bool {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	info, err := l.loads.wait(ctx, m.name, m.hash)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		l.screen.trouble(fmt.Errorf("module %s was built and is not loaded after %v", m.name, loadLimit))
		return false
	case err != nil:
		return false
	case info.State == hostmodule.Refused:
		l.screen.refused(m.name, info.Reason)
		return false
	}
	l.screen.loaded(m.name, info.Hash, info.Tasks, time.Since(began))
	if missing := l.server.runtime().MissingRights(info); len(missing) > 0 {
		l.screen.note(fmt.Sprintf("module %s asks for what it is not granted; start again with %s, or grant it in sparkstalk.yaml", m.name, strings.Join(missing, " ")))
	}
	return true
}

// test runs the tests of modules in Go, and reports whether they passed.
func (l *loop) test(ctx context.Context) bool {
	passed := true
	for _, m := range l.modules {
		if m.language != build.Go {
			continue
		}
		began := time.Now()
		cmd := exec.CommandContext(ctx, "go", "test", ".")
		cmd.Dir = m.dir
		output, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			return false
		}
		l.screen.tests(err == nil, string(output), time.Since(began))
		passed = passed && err == nil
	}
	return passed
}

// callLast calls the last line anew, and shows what it comes to.
func (l *loop) callLast(ctx context.Context) {
	if len(l.call) == 0 {
		l.screen.note("nothing was called yet: type a task's name and its arguments")
		return
	}
	args, kwargs, err := l.cfg.Parse(l.call[1:])
	if err != nil {
		l.screen.trouble(err)
		return
	}
	l.screen.calling(strings.Join(l.call, " "))
	began := time.Now()
	outcome, err := l.server.runtime().CallTelling(ctx, l.call[0], args, kwargs, l.screen.state)
	took := time.Since(began)
	if ctx.Err() != nil {
		return
	}
	if e, ok := errors.AsType[*abi.Error](err); ok {
		l.screen.failure(e, l.sources, took, l.saved)
		return
	}
	if err != nil {
		l.screen.trouble(err)
		return
	}
	l.screen.result(outcome, term.Table{Rows: l.cfg.Rows, Width: widest}, took, l.saved)
}

// loads is what the host has said of its modules.
type loads struct {
	mu   sync.Mutex
	last map[string]hostmodule.Info // by their names
	more chan struct{}              // closed when there is more
}

func newLoads() *loads {
	return &loads{last: map[string]hostmodule.Info{}, more: make(chan struct{})}
}

func (l *loads) note(info hostmodule.Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[info.Name] = info
	close(l.more)
	l.more = make(chan struct{})
}

// wait waits until a module's file with that hash serves or was refused.
func (l *loads) wait(ctx context.Context, name, hash string) (hostmodule.Info, error) {
	for {
		l.mu.Lock()
		info, more := l.last[name], l.more
		l.mu.Unlock()
		if info.Hash == hash && info.State != hostmodule.Retired {
			return info, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return hostmodule.Info{}, ctx.Err()
		}
	}
}
