package beat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A File keeps a State as JSON, where Celery's beat has a Python shelve.
type File struct {
	Path string // empty keeps nothing
}

// Load reads the file. One that is not there yet is an empty state.
func (f File) Load() (State, error) {
	var s State
	if f.Path == "" {
		return s, nil
	}
	data, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return State{}, fmt.Errorf("schedule file %s: %w (move it away to begin with an empty one)", f.Path, err)
	}
	return s, nil
}

// Save writes the file in one step, so that it is whole at every time.
func (f File) Save(s State) (err error) {
	if f.Path == "" {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("schedule file: %w", err)
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(f.Path))
	if err != nil {
		return fmt.Errorf("schedule file: %w", err)
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), f.Path)
	}
	if err != nil {
		return fmt.Errorf("schedule file: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return nil
}
