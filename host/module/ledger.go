package module

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/filelock"
)

// A ledger is a file with a map by tasks' names, which all hosts of a folder of
// modules share.
type ledger[V any] struct{ path string }

// lockTimeout limits the wait for another process that changes the same file.
const lockTimeout = 5 * time.Second

// read returns what the ledger has, which is nothing if there is no file.
func (l ledger[V]) read() (map[string]V, error) {
	all := make(map[string]V)
	data, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		if err = json.Unmarshal(data, &all); err != nil {
			err = fmt.Errorf("%s: %w", l.path, err)
		}
	}
	return all, err
}

// update changes what the ledger has, among all processes that do so. Change
// reports whether there is anything to write.
func (l ledger[V]) update(change func(map[string]V) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	lock, err := filelock.Wait(ctx, l.path+".lock", nil)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	all, err := l.read()
	if err != nil || !change(all) { // what cannot be read may be mended
		return err
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return writeWhole(l.path, data)
}
