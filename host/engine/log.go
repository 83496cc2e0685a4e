package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

const (
	keptLogs = 10       // files of one engine, of this host and earlier ones
	logLimit = 8 << 20  // bytes after which a file begins anew; one older is kept
	logOlder = ".older" // ends its name
)

// logDir is where the engines' logs are.
func logDir(home string) string { return filepath.Join(home, "logs") }

// A logFile keeps what an engine writes, also after its end.
type logFile struct {
	path string

	mu    sync.Mutex
	file  *os.File
	size  int64
	fault error // why nothing is written any more
}

// openLog begins or goes on with this host's log of an engine, and removes the
// oldest ones.
func openLog(home, folder string) (*logFile, error) {
	dir := logDir(home)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("engine's log: %w", err)
	}
	l := &logFile{path: filepath.Join(dir, fmt.Sprintf("%s-%d.log", folder, os.Getpid()))}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("engine's log: %w", err)
	}
	for n, path := range logsIn(home, folder) {
		if n >= keptLogs && path != l.path {
			// Who cannot remove an old log can still write this one.
			_, _ = os.Remove(path), os.Remove(path+logOlder)
		}
	}
	return l, nil
}

func (l *logFile) open() (err error) {
	if l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	info, err := l.file.Stat()
	if err == nil {
		l.size = info.Size()
	}
	return err
}

// line adds a line, with the time. It returns an error once, when the file
// cannot be written from then on.
func (l *logFile) line(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return nil
	}
	if l.size > logLimit {
		l.fault = errors.Join(l.file.Close(), os.Rename(l.path, l.path+logOlder), l.open())
	}
	if l.fault == nil {
		n, err := fmt.Fprintf(l.file, "%s %s\n", time.Now().Format(time.RFC3339), text)
		l.size += int64(n)
		l.fault = err
	}
	return l.fault
}

// close ends the file. Lines that come later are dropped.
func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close() // all lines were written
	l.fault = errStopped
}

// logsIn lists the logs of an engine, the newest first.
func logsIn(home, folder string) []string {
	paths, err := filepath.Glob(filepath.Join(logDir(home), folder+"-*.log"))
	if err != nil { // only for a bad pattern
		return nil
	}
	written := func(path string) time.Time {
		info, err := os.Stat(path)
		if err != nil {
			return time.Time{} // just gone
		}
		return info.ModTime()
	}
	slices.SortFunc(paths, func(a, b string) int { return written(b).Compare(written(a)) })
	return paths
}

// LogPaths are the files with what an engine has written on this machine, the
// newest first. There are none of a server that somebody else runs.
func LogPaths(cfg Config) ([]string, error) {
	e, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if e.kind == nil {
		return nil, fmt.Errorf("engine %s is run by somebody else, who has its log", e.Name())
	}
	return logsIn(e.cfg.Home, e.kind.folder()), nil
}

// WriteLastLines writes the last n lines of a log.
func WriteLastLines(w io.Writer, path string, n int) error {
	text, err := os.ReadFile(path) // at most some MiB
	if err != nil {
		return fmt.Errorf("engine's log: %w", err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 {
		lines = lines[:last]
	}
	for _, line := range lines[max(0, len(lines)-n):] {
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// FollowLog writes what is added to a log until ctx ends.
func FollowLog(ctx context.Context, w io.Writer, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("engine's log: %w", err)
	}
	at := info.Size()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
		n, err := copyFrom(w, path, at)
		if err != nil {
			return fmt.Errorf("engine's log: %w", err)
		}
		at = n
	}
}

// copyFrom writes a file's bytes from at on, and returns where it ends. One
// that has become shorter has begun anew.
func copyFrom(w io.Writer, path string, at int64) (end int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return at, err
	}
	if info.Size() < at {
		at = 0
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return at, err
	}
	n, err := io.Copy(w, f)
	return at + n, err
}

// output returns where a child's lines go: a file, or nowhere when none can be
// written, which is told once. The caller holds launching.
func (e *Engine) output() func(line string) {
	if e.logFile == nil {
		out, err := openLog(e.cfg.Home, e.kind.folder())
		if err != nil {
			e.cfg.Log.Warn("engine runs without a log", logkey.Engine, e.Name(), logkey.Error, err)
			return func(string) {}
		}
		e.logFile = out
		e.mu.Lock()
		e.logPath = out.path
		e.mu.Unlock()
	}
	out := e.logFile
	return func(line string) {
		if err := out.line(line); err != nil {
			e.cfg.Log.Warn("engine's log is not written any more", logkey.Engine, e.Name(), logkey.Path, out.path, logkey.Error, err)
		}
	}
}
