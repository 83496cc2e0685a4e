// Package deathlog remembers which tasks ran when the process of a worker died, so
// that a task that kills whoever runs it does not do so for ever.
//
// Each worker keeps a file with a slot for each task that runs, and a lock on it that
// ends with its process. Whoever finds such a file unlocked counts a death for each
// task in it. What is written needs no sync: the system has it though the process is
// gone, and when the machine itself goes down no task is to blame.
package deathlog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/filelock"
)

const (
	running   = ".running"    // ends the name of a worker's file
	countFile = "deaths.json" // in the same folder
	lockFile  = "lock"        // of both
	// keepFor is how long a task is remembered after the last death.
	keepFor = 7 * 24 * time.Hour
	// maxKept bounds what is remembered; those that died longest ago go.
	maxKept = 10_000
	// patience is how long another worker may have the folder.
	patience = 5 * time.Second
)

// A key is the hash of a task's id, which can be of any length.
type key [sha256.Size]byte

// deaths are what is known of a task.
type deaths struct {
	N    int       `json:"n"`
	Last time.Time `json:"last"`
}

// A Log is a folder that the workers of one machine share. A nil Log remembers
// nothing. Its methods may be called by any goroutine.
type Log struct {
	dir  string
	own  *os.File // locked until Close
	lock *filelock.Lock

	mu    sync.Mutex
	free  []int64 // slots of own
	slots int64
	known map[string]deaths // by key in hexadecimal
}

// Open takes part in a folder, which it makes, and counts the deaths of the workers
// that are gone.
func Open(dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("death log: %w", err)
	}
	l := &Log{dir: dir}
	path := filepath.Join(dir, fmt.Sprintf("%d-%s%s", os.Getpid(), uuid.NewString()[:8], running))
	err := l.locked(func() (err error) {
		if l.lock, err = filelock.Try(path); err != nil {
			return err
		}
		l.own, err = os.OpenFile(path, os.O_RDWR, 0)
		return err
	})
	if err == nil {
		err = l.Look()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("death log: %w", err), l.Close())
	}
	return l, nil
}

func keyOf(id string) key { return sha256.Sum256([]byte(id)) }

func (k key) String() string { return hex.EncodeToString(k[:]) }

// locked runs f while no other worker reads or writes the counts.
func (l *Log) locked(f func() error) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("another worker has it"))
	defer cancel()
	lock, err := filelock.Wait(ctx, filepath.Join(l.dir, lockFile), nil)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return f()
}

// Begin notes that a task runs, until end is called. end is never nil.
func (l *Log) Begin(id string) (end func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := l.slots
	if n := len(l.free); n > 0 {
		slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		l.slots++
	}
	k := keyOf(id)
	if _, err := l.own.WriteAt(k[:], slot*int64(len(k))); err != nil {
		l.free = append(l.free, slot)
		return func() {}, fmt.Errorf("death log: %w", err)
	}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		// A slot that stays full blames a task that has ended, which does no
		// harm unless it comes again.
		_, _ = l.own.WriteAt(make([]byte, len(k)), slot*int64(len(k)))
		l.free = append(l.free, slot)
	}), nil
}

// Look counts the deaths of workers that are gone by now.
func (l *Log) Look() error {
	if l == nil {
		return nil
	}
	return l.locked(func() error { return l.change(l.collect) })
}

// collect takes in the files of workers that are gone.
func (l *Log) collect(known map[string]deaths) (changed bool, err error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return false, err
	}
	var bad []error
	for _, e := range entries {
		path := filepath.Join(l.dir, e.Name())
		if !strings.HasSuffix(path, running) {
			continue
		}
		lock, err := filelock.Try(path)
		if err != nil {
			if !errors.Is(err, filelock.ErrLocked) {
				bad = append(bad, err)
			}
			continue
		}
		content, err := os.ReadFile(path)
		for ; len(content) >= len(key{}); content = content[len(key{}):] {
			if k := key(content[:len(key{})]); k != (key{}) {
				d := known[k.String()]
				known[k.String()] = deaths{d.N + 1, time.Now()}
				changed = true
			}
		}
		if err == nil {
			err = os.Remove(path)
		}
		lock.Unlock()
		bad = append(bad, err)
	}
	return changed, errors.Join(bad...)
}

// change reads the counts, has them changed, and writes them if they were.
func (l *Log) change(f func(map[string]deaths) (bool, error)) error {
	path := filepath.Join(l.dir, countFile)
	known := map[string]deaths{}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case json.Unmarshal(data, &known) != nil:
		known = map[string]deaths{} // cut by a full disk: begin anew
	}
	changed, err := f(known)
	if forgetOld(known) || changed {
		err = errors.Join(err, write(path, known))
	}
	l.mu.Lock()
	l.known = known
	l.mu.Unlock()
	return err
}

// forgetOld drops what is remembered for too long, and reports whether it did.
func forgetOld(known map[string]deaths) bool {
	before := len(known)
	for k, d := range known {
		if time.Since(d.Last) > keepFor {
			delete(known, k)
		}
	}
	for len(known) > maxKept {
		oldest := ""
		for k, d := range known {
			if oldest == "" || d.Last.Before(known[oldest].Last) {
				oldest = k
			}
		}
		delete(known, oldest)
	}
	return len(known) != before
}

// write replaces the file in one step.
func write(path string, known map[string]deaths) error {
	data, err := json.Marshal(known)
	if err != nil {
		return err
	}
	temp := path + ".new" // only who holds the lock writes
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, path)
}

// Deaths is how often what ran a task has died, as far as was last looked.
func (l *Log) Deaths(id string) int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[keyOf(id).String()].N
}

// Add counts a death that this process has outlived, and returns how many there are.
func (l *Log) Add(id string) (n int, err error) {
	if l == nil {
		return 0, nil
	}
	k := keyOf(id).String()
	err = l.locked(func() error {
		return l.change(func(known map[string]deaths) (bool, error) {
			n = known[k].N + 1
			known[k] = deaths{n, time.Now()}
			return true, nil
		})
	})
	return n, err
}

// Forget forgets a task that has ended.
func (l *Log) Forget(id string) error {
	if l == nil {
		return nil
	}
	k := keyOf(id).String()
	return l.locked(func() error {
		return l.change(func(known map[string]deaths) (bool, error) {
			_, was := known[k]
			delete(known, k)
			return was, nil
		})
	})
}

// Close ends the part of a worker in which no task runs any more.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	var err error
	if l.own != nil {
		err = errors.Join(l.own.Close(), os.Remove(l.own.Name()))
	}
	if l.lock != nil {
		l.lock.Unlock()
	}
	return err
}
