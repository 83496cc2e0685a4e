// Package native loads Go plugins: task modules in Go, built by sparkstalk build
// --native into a .so that runs at native speed within the host's own process.
//
// What a plugin gives up, compared with a WASM module:
//
//   - There is no sandbox. It may do all that the host may; a goroutine of its
//     own that panics, os.Exit, or a stack overflow end the host.
//   - Its time limits are heeded by what it asks of the host, which returns an
//     error then. A loop that asks nothing cannot be stopped.
//   - Of a rule in the setting modules its rights hold, for they are the host's to
//     give, as do limits of what it asks the host for. Memory, stack, CPU time and
//     instances are not limited, and a rule with isolation: process refuses it.
//   - Go unloads nothing: every version that was ever loaded stays in memory until
//     the host ends.
//   - It needs a host with cgo, on Linux, macOS or FreeBSD, and fits only hosts that
//     were built by the same Go, with the same flags, from the same sources.
//
// A panic of a task fails that task alone.
package native

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/sparkstalk/sparkstalk/sdk"
)

// Extension is how the names of plugins end.
const Extension = ".so"

// A loaded is what became of one file's content. It is kept for ever, as what
// was loaded is.
type loaded struct {
	module *sdk.Module
	err    error
}

var (
	mu  sync.Mutex
	all = map[string]loaded{} // by hash
)

// Open loads a plugin of the given content, or returns what it has loaded of
// that content before. hash is the content's, and what it is kept by. Go loads
// files only, so that the content is written to dir, which nobody else may write
// to, for as long as that takes.
//
// An error says why the plugin does not fit this host, and the command that mends it.
func Open(dir string, content []byte, hash string) (*sdk.Module, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	if l, ok := all[hash]; ok {
		return l.module, l.err
	}
	info, err := fits(content)
	if err != nil {
		return nil, err // nothing was loaded: it may fit a later look
	}
	var l loaded
	l.module, l.err = load(dir, content, hash)
	if l.err != nil {
		l.err = explain(l.err, info)
	}
	all[hash] = l
	return l.module, l.err
}

func load(dir string, content []byte, hash string) (*sdk.Module, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// Go knows plugins by their paths: each content has one.
	path := filepath.Join(dir, hash+Extension)
	defer os.Remove(path) // once it is mapped, nobody needs it
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, err
	}
	return sdk.Load(func() error { return openPlugin(path) })
}

const mend = "build it again for this host: sparkstalk build --native"

// fits returns what a plugin was built of, or why it is none that this process
// can load. Go itself looks at some of it only after it has run a plugin's code,
// and ends the process for some.
func fits(content []byte) (*debug.BuildInfo, error) {
	if runtime.GOOS != "darwin" {
		if err := whole(content); err != nil {
			return nil, err
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("not a Go plugin: %w; %s", err, mend)
	}
	own, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("this host does not know how it was built; build it with Go modules")
	}
	if mode := setting(info, "-buildmode"); mode != "plugin" {
		return nil, fmt.Errorf("not a Go plugin but built with -buildmode=%s; %s", mode, mend)
	}
	if info.GoVersion != runtime.Version() {
		return nil, fmt.Errorf("built with %s, and this host with %s; %s", info.GoVersion, runtime.Version(), mend)
	}
	for _, key := range []string{"GOOS", "GOARCH", "GOAMD64", "GOEXPERIMENT", "-race", "-msan", "-asan", "-trimpath", "-gcflags"} {
		if theirs, ours := setting(info, key), setting(own, key); theirs != ours {
			return nil, fmt.Errorf("built with %s, and this host with %s; %s", spell(key, theirs), spell(key, ours), mend)
		}
	}
	return info, nil
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func spell(key, value string) string {
	switch value {
	case "":
		return "no " + key
	case "true":
		return key
	}
	return key + "=" + value
}

// whole checks that a file has all that its own tables say. The system would map
// one that was cut, and end the process where a page is missing.
func whole(content []byte) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("not a plugin, or not a whole one: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(len(content)) {
			return fmt.Errorf("the file was cut: it needs %d bytes and has %d", p.Off+p.Filesz, len(content))
		}
	}
	if f.Section(".go.buildinfo") == nil {
		return fmt.Errorf("not a Go plugin; %s", mend)
	}
	return nil
}

// explain adds the way out to Go's own words.
func explain(err error, plugin *debug.BuildInfo) error {
	_, name, ok := strings.Cut(err.Error(), "built with a different version of package ")
	if !ok {
		return err
	}
	own, _ := debug.ReadBuildInfo()
	name = strings.TrimSpace(name)
	const sparkstalk = "github.com/sparkstalk/sparkstalk"
	ours, theirs := dependency(own, name), dependency(plugin, name)
	switch {
	case name == sparkstalk || strings.HasPrefix(name, sparkstalk+"/"):
		return fmt.Errorf("it was built with another version of %s than this host; build both from one checkout: go build ./host/cmd/sparkstalk, then sparkstalk build --native", name)
	case ours != nil && theirs != nil && ours.Version != theirs.Version:
		return fmt.Errorf("it was built with %s %s, and this host with %s; in its folder: go get %s@%s, then sparkstalk build --native",
			ours.Path, theirs.Version, ours.Version, ours.Path, ours.Version)
	case ours == nil && strings.Contains(name, "."):
		return fmt.Errorf("another version of its package %s is in memory, of a plugin that was loaded before, and Go unloads nothing; restart the host", name)
	}
	return fmt.Errorf("%w; %s", err, mend)
}

// dependency returns the module that a package is of.
func dependency(info *debug.BuildInfo, name string) *debug.Module {
	if info == nil {
		return nil
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != "" && (name == m.Path || strings.HasPrefix(name, m.Path+"/")) {
			return m
		}
	}
	return nil
}
