// Package rundir gives a running thing a private folder that is removed when it
// stops, or by the next one to start if it was killed.
package rundir

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/filelock"
)

const (
	lockName  = ".lock" // in each folder, held while it is in use
	guardName = ".lock" // in the parent, held while folders come and go
)

// A Dir is a private folder in use.
type Dir struct {
	path string
	lock *filelock.Lock
}

// New makes a folder called name-<random> in parent, which is made if need be,
// readable by this user alone. On the way it removes those that killed
// processes left behind there.
func New(ctx context.Context, parent, name string) (*Dir, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make a run folder: %w", err)
	}
	// Between a folder's making and its locking it looks abandoned: nobody may
	// sweep then.
	guard, err := filelock.Wait(ctx, filepath.Join(parent, guardName), nil)
	if err != nil {
		return nil, fmt.Errorf("make a run folder: %w", err)
	}
	defer guard.Unlock()
	sweep(parent)
	path, err := os.MkdirTemp(parent, name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a run folder: %w", err)
	}
	lock, err := filelock.Try(filepath.Join(path, lockName))
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("make a run folder: %w", err)
	}
	return &Dir{path: path, lock: lock}, nil
}

// sweep removes the folders whose processes have gone.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return // New is about to meet the same error and report it
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.Contains(e.Name(), "-") {
			continue
		}
		path := filepath.Join(parent, e.Name())
		lock, err := filelock.Try(filepath.Join(path, lockName))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(path)
		lock.Unlock()
	}
}

// List returns the folders in parent that are in use.
func List(parent string) []string {
	var used []string
	locks, _ := filepath.Glob(filepath.Join(parent, "*", lockName))
	for _, path := range locks {
		if lock, err := filelock.Try(path); err == nil {
			lock.Unlock()
			continue
		}
		used = append(used, filepath.Dir(path))
	}
	return used
}

// Path returns the folder's path.
func (d *Dir) Path() string { return d.path }

// Join returns the path of something inside the folder.
func (d *Dir) Join(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// Remove removes the folder with all that is in it. It may be called twice.
func (d *Dir) Remove() error {
	if d.lock == nil {
		return nil
	}
	err := os.RemoveAll(d.path)
	d.lock.Unlock()
	d.lock = nil
	if err != nil {
		return fmt.Errorf("remove a run folder: %w", err)
	}
	return nil
}
