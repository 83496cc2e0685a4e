// Package pidfile keeps a process's id in a file, as Celery's --pidfile does, so
// that it is not started twice and that others find it.
package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
)

// A RunningError says that the process of an existing file runs.
type RunningError struct {
	Path string
	PID  int
}

// Error implements error, in Celery's words.
func (e *RunningError) Error() string {
	return fmt.Sprintf("Pidfile (%s) already exists. Seems we're already running? (pid: %d)", e.Path, e.PID)
}

// Create writes this process's id to a file that must not exist, in one step,
// and returns a function that removes it. A file of a process that does not run
// any more, or that has no id, is replaced. The error is a [*RunningError] where
// the process runs.
func Create(path string) (remove func() error, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("pidfile: %w", err)
	}
	mine := fmt.Sprintf("%d\n", os.Getpid())
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("pidfile: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	_, err = temp.WriteString(mine)
	if err = errors.Join(err, temp.Chmod(0o644), temp.Close()); err != nil {
		return nil, fmt.Errorf("pidfile: %w", err)
	}
	for range 3 { // another may come between the steps
		if err = os.Link(temp.Name(), path); err == nil {
			return func() error { return removeIf(path, mine) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		held, readErr := os.ReadFile(path)
		if errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		if readErr != nil {
			return nil, fmt.Errorf("pidfile: %w", readErr)
		}
		pid, convErr := strconv.Atoi(strings.TrimSpace(string(held)))
		if convErr == nil && pid != os.Getpid() && process.Alive(pid) { // in a container it may be ours again
			return nil, &RunningError{Path: path, PID: pid}
		}
		if err = removeIf(path, string(held)); err != nil {
			break
		}
	}
	return nil, fmt.Errorf("pidfile: %w", err)
}

// removeIf removes the file if it is as expected; another's stays.
func removeIf(path, content string) error {
	held, err := os.ReadFile(path)
	if err == nil && string(held) == content {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
