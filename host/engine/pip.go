package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
)

// reportEvery is how often a download says how far it is, if it got on.
const reportEvery = 3 * time.Second

// venvPython is the interpreter inside a virtual environment.
func venvPython(venv string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(venv, "Scripts", "python.exe")
	}
	return filepath.Join(venv, "bin", "python")
}

// makeVenv makes a virtual environment with pip in it, since the system's own
// Python may have none and must not be changed.
func (in *installer) makeVenv(ctx context.Context, dir string) error {
	in.say("making a Python environment with %s", in.cfg.Python)
	err := in.command(ctx, in.cfg.Python, []string{"-m", "venv", dir}, nil)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoProgram):
		return fmt.Errorf("%s is not installed: install Python 3 with its venv module (apt-get install python3-venv): %w", in.cfg.Python, err)
	case err != nil && (strings.Contains(err.Error(), "ensurepip") || strings.Contains(err.Error(), "No module named venv")):
		return fmt.Errorf("%s has no venv module (apt-get install python3-venv): %w", in.cfg.Python, err)
	}
	return err
}

// A download is what pip is about to fetch, for its lines of progress.
type download struct {
	what string // "pysail 0.7.2"
	mb   int64  // about how much it is, in 10^6 bytes
}

// pip runs a venv's pip with its temporary files in tmp, and watches the
// download grow there. pip's own progress bar is silent without a terminal.
func (in *installer) pip(ctx context.Context, venv, tmp string, d download, args ...string) error {
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	in.say("downloading %s (about %d MB) with pip", d.what, d.mb)
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		in.watch(tmp, d, done)
	}()
	env := append(os.Environ(), "TMPDIR="+tmp, "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1")
	err := in.command(ctx, venvPython(venv), append([]string{"-m", "pip", "--quiet"}, args...), env)
	close(done)
	<-watched
	return err
}

// watch reports the size of the largest file below dir as it grows.
func (in *installer) watch(dir string, d download, done <-chan struct{}) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var last int64
	unpacking := false
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		size := largestFile(dir) / 1e6
		switch {
		case size > last:
			in.say("downloading %s: %d of %d MB, %d%%", d.what, size, d.mb, min(99, 100*size/d.mb))
		case size >= d.mb*95/100:
			if !unpacking {
				in.say("unpacking %s", d.what)
			}
			unpacking = true
		case !unpacking:
			in.say("waiting for %s", d.what)
		}
		last = size
	}
}

// largestFile returns the size of the largest archive below dir, in bytes.
func largestFile(dir string) int64 {
	var largest int64
	// Files come and go while pip works: what cannot be read is passed over.
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			largest = max(largest, info.Size())
		}
		return nil
	})
	return largest
}

var errNoProgram = errors.New("no such program")

// command runs a program to its end, and kills it when ctx ends. A failure's
// error holds the last lines that it wrote.
func (in *installer) command(ctx context.Context, path string, args, env []string) error {
	p, err := process.Start(process.Config{Path: path, Args: args, Env: env})
	if err != nil {
		if strings.Contains(err.Error(), "executable file not found") {
			err = errors.Join(errNoProgram, err)
		}
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		return context.Cause(ctx)
	}
	if p.Err() != nil {
		return fmt.Errorf("%s %s: %w%s", filepath.Base(path), strings.Join(args, " "), p.Err(), lastLines(p))
	}
	return nil
}
