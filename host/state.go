package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// A stateFile keeps over a restart what Celery's --statedb does: the tasks that
// are revoked, and the clock. It is JSON, where Celery's is a Python shelve.
type stateFile struct {
	path    string // empty keeps nothing
	revoked *worker.Revoked
	clock   *celery.Clock
	log     *slog.Logger
	saved   string // what the file holds
}

type state struct {
	Revoked []worker.Revocation `json:"revoked"`
	Stamps  map[string][]string `json:"revoked_stamps"`
	Clock   int64               `json:"clock"`
}

// saveEvery is how often a change is looked for, so that a killed host loses
// little.
const saveEvery = 2 * time.Second

// load reads the file. One that is not there yet is empty.
func (f *stateFile) load() error {
	if f.path == "" {
		return nil
	}
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s state
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return fmt.Errorf("statedb: %w (move the file away to begin with an empty one)", err)
	}
	f.revoked.Merge(s.Revoked)
	f.revoked.AddStamps(s.Stamps)
	f.clock.Adjust(s.Clock)
	return nil
}

// save writes what changed, in one step.
func (f *stateFile) save() error {
	s := state{Revoked: f.revoked.List(), Stamps: f.revoked.Stamps()}
	now, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if string(now) == f.saved {
		return nil
	}
	s.Clock = f.clock.Value()
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path))
	if err != nil {
		return fmt.Errorf("statedb: %w", err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("statedb: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	f.saved = string(now)
	return nil
}

// Run saves until ctx ends, and a last time then.
func (f *stateFile) Run(ctx context.Context) {
	if f.path == "" {
		return
	}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for last := false; !last; {
		select {
		case <-ctx.Done():
			last = true
		case <-ticker.C:
		}
		if err := f.save(); err != nil {
			f.log.Error("state not saved: revocations are lost if the worker ends now", logkey.Path, f.path, logkey.Error, err)
		}
	}
}
