package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// ErrUnknown is wrapped by errors about modules and versions that there are not.
var ErrUnknown = errors.New("unknown")

// Rollback has a kept version of a module serve in place of the one that serves
// now, until the module's file changes: that of a hash, of which the beginning
// suffices, or with an empty hash the last good one before it. It outlives a
// restart. Running calls finish on their version.
func (r *Registry) Rollback(ctx context.Context, module, hash string) (Info, error) {
	path, serving, err := r.find(module)
	if err != nil {
		return Info{}, err
	}
	if r.history == nil {
		return Info{}, fmt.Errorf("roll back %s: this host keeps no versions of modules", module)
	}
	if err := r.hold(ctx, path); err != nil {
		return Info{}, fmt.Errorf("roll back %s: %w", module, err)
	}
	defer r.leave(path)
	if now := r.serving(path); now != serving {
		if hash == "" { // the one before which was meant?
			return Info{}, fmt.Errorf("roll back %s: version %.12s began to serve just now, in place of %.12s: say to which one, or ask again", module, now, serving)
		}
		serving = now
	}
	target, err := r.target(path, serving, hash)
	if err != nil {
		return Info{}, fmt.Errorf("roll back %s: %w", module, err)
	}
	file, err := r.engine.read(path)
	if err != nil {
		return Info{}, fmt.Errorf("roll back %s: %w", module, err)
	}
	if file.hash == target { // not back, but forth to the file's own
		return r.reload(ctx, path)
	}
	a, err := r.kept(ctx, path, &pin{
		Hash: target, Over: file.hash, Size: file.size, Kind: RolledBack,
		Reason: fmt.Sprintf("rolled back to %.12s: this one serves again when its file changes, or by `sparkstalk modules reload %s`", target, name(path)),
	})
	if err != nil {
		return Info{}, fmt.Errorf("roll back %s: %w", module, err)
	}
	r.take(a)
	return r.outcome(path, target)
}

// target finds the kept version that is meant.
func (r *Registry) target(path, serving, hash string) (string, error) {
	known, err := r.history.record(path)
	if err != nil {
		return "", err
	}
	if hash == "" {
		if target, ok := known.good(serving); ok {
			return target, nil
		}
		return "", fmt.Errorf("no good version older than %.12s is kept: %w", serving, ErrUnknown)
	}
	var found []string
	for _, k := range known.Versions {
		if strings.HasPrefix(k.Hash, strings.ToLower(hash)) {
			found = append(found, k.Hash)
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("no version is kept whose hash begins with %s (`sparkstalk modules versions` lists them): %w", hash, ErrUnknown)
	case len(found) > 1:
		return "", fmt.Errorf("the hashes of %d kept versions begin with %s: give more of it", len(found), hash)
	case found[0] == serving:
		return "", fmt.Errorf("version %.12s serves already", serving)
	}
	return found[0], nil
}

// Reload loads a module's file, or with an empty name all, as if it had just
// changed: also one that was rolled back or that trapped. It returns how they
// are then.
func (r *Registry) Reload(ctx context.Context, module string) ([]Info, error) {
	var paths []string
	if module != "" {
		path, _, err := r.find(module)
		if err != nil {
			return nil, err
		}
		paths = []string{path}
	} else {
		r.mu.Lock()
		for path := range r.files {
			paths = append(paths, path)
		}
		r.mu.Unlock()
		slices.Sort(paths)
	}
	infos := make([]Info, 0, len(paths))
	for _, path := range paths {
		info, err := r.reloadInTurn(ctx, path)
		if _, refused := errors.AsType[*RefusedError](err); err != nil && !refused && !errors.Is(err, fs.ErrNotExist) {
			return infos, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (r *Registry) reloadInTurn(ctx context.Context, path string) (Info, error) {
	if err := r.hold(ctx, path); err != nil {
		return Info{}, fmt.Errorf("reload %s: %w", path, err)
	}
	defer r.leave(path)
	return r.reload(ctx, path)
}

// reload loads a file whose turn the caller has.
func (r *Registry) reload(ctx context.Context, path string) (Info, error) {
	a := r.attemptAnew(ctx, path, true)
	switch {
	case ctx.Err() != nil:
		a.drop()
		return Info{}, fmt.Errorf("reload %s: %w", path, context.Cause(ctx))
	case errors.Is(a.err, fs.ErrNotExist):
		r.unload(path)
		return Info{Path: path, Name: name(path), State: Retired}, a.err
	case errors.Is(a.err, errMoving):
		return Info{}, fmt.Errorf("reload %s: %w", path, a.err)
	}
	r.take(a)
	r.keep(a)
	return r.outcome(path, a.file.hash)
}

// outcome tells how a file is after an attempt to have a version serve.
func (r *Registry) outcome(path, hash string) (Info, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.files[path]
	switch {
	case f != nil && f.serving != nil && f.serving.info.Hash == hash:
		return f.info(), nil
	case f != nil && f.refused != nil:
		return f.refused.clone(), &RefusedError{Path: path, Kind: f.refused.Kind, Err: errors.New(strings.TrimPrefix(f.refused.Reason, path+": "))}
	}
	return Info{}, fmt.Errorf("version %.12s of %s does not serve: its tasks have names of another module's, or its file changed meanwhile", hash, name(path))
}

// find returns the path of a module, and the hash of the version that serves,
// empty without one.
func (r *Registry) find(module string) (path, serving string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if path, err = Pick(slices.Collect(maps.Keys(r.files)), module); err != nil {
		return "", "", err
	}
	return path, r.files[path].hash(), nil
}

// Pick returns which of the paths of modules is meant: by the name of its file, or
// by that without its extension if only one has it. Its error wraps [ErrUnknown]
// if there is none.
func Pick(paths []string, module string) (string, error) {
	var found []string
	for _, path := range paths {
		switch module {
		case filepath.Base(path):
			return path, nil
		case name(path):
			found = append(found, path)
		}
	}
	names := func(paths []string, of func(string) string) string {
		var names []string
		for _, path := range paths {
			names = append(names, of(path))
		}
		slices.Sort(names)
		return strings.Join(slices.Compact(names), ", ")
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("module %s: %w; there are: %s", module, ErrUnknown, names(paths, name))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("module %s: %d files have that name, say which: %s", module, len(found), names(found, filepath.Base))
}

// serving returns the hash of the version that serves for a path, empty without one.
func (r *Registry) serving(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.files[path]; f != nil {
		return f.hash()
	}
	return ""
}

// hash is that of the version that serves, empty without one. Callers hold mu.
func (f *file) hash() string {
	if f.serving == nil {
		return ""
	}
	return f.serving.info.Hash
}

// Versions lists the kept versions of a module, the one loaded last first.
func (r *Registry) Versions(module string) ([]Kept, error) {
	path, _, err := r.find(module)
	if err != nil {
		return nil, err
	}
	known, err := r.history.record(path)
	return known.Versions, err
}
