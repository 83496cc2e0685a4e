package dev

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times of the watch for sources.
const (
	settle = 40 * time.Millisecond // an editor writes a file in several steps
	relist = time.Second           // for changes that no event tells of
)

// sourceExtensions end the names of files that a module is built from.
var sourceExtensions = []string{".go", ".mod", ".sum", ".work", ".rs", ".toml", ".lock", ".ts", ".json", ".c", ".h", ".txt", ".wat", ".s"}

// skippedFolders hold what builds make, and what nobody edits.
var skippedFolders = []string{"node_modules", "target", "plugins", "testdata", "vendor", "build", "spark-warehouse"}

// A stamp tells versions of a file apart.
type stamp struct {
	size int64
	time time.Time
}

// sources watches the files that a module is built from, in a folder and its
// sub-folders.
type sources struct {
	dir string
}

// list returns the files and, for the events, the folders.
func (s sources) list() (files map[string]stamp, folders []string, err error) {
	files = map[string]stamp{}
	err = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		hidden := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasPrefix(name, "~")
		switch {
		case err != nil && path == s.dir:
			return err
		case err != nil:
			return nil // gone since, or not for us: then no build sees it either
		case path == s.dir:
			folders = append(folders, path)
		case d.IsDir() && (hidden || slices.Contains(skippedFolders, name)):
			return fs.SkipDir
		case d.IsDir():
			folders = append(folders, path)
		case !hidden && slices.Contains(sourceExtensions, filepath.Ext(name)):
			if info, err := os.Stat(path); err == nil {
				files[path] = stamp{info.Size(), info.ModTime()}
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("watch the sources: %w", err)
	}
	return files, folders, nil
}

// A change is a set of files that were saved, made or removed together.
type change struct {
	files []string
	saved time.Time // when the last of them was
}

// run sends each change once it has come to rest, until ctx ends. Of changes that
// nobody has taken yet it makes one. Events are hints: a folder without them, as
// those of some containers are, is listed from time to time all the same.
func (s sources) run(ctx context.Context, changes chan<- change) error {
	known, folders, err := s.list()
	if err != nil {
		return err
	}
	var events <-chan fsnotify.Event
	watcher, err := fsnotify.NewWatcher()
	if err == nil { // else there is the listing
		defer func() { _ = watcher.Close() }()
		events = watcher.Events
		for _, f := range folders {
			_ = watcher.Add(f)
		}
	}
	var pending change
	timer := time.NewTimer(relist)
	defer timer.Stop()
	for {
		var send chan<- change
		if len(pending.files) > 0 {
			send = changes
		}
		select {
		case <-ctx.Done():
			return nil
		case send <- pending:
			pending = change{}
			continue
		case _, ok := <-events:
			if !ok {
				events = nil
			}
			timer.Reset(settle)
			continue
		case <-timer.C:
		}
		timer.Reset(relist)
		now, folders, err := s.list()
		if err != nil {
			continue // the folder is being replaced
		}
		if changed := differing(known, now); len(changed) > 0 {
			for _, path := range changed {
				saved := now[path].time
				if saved.IsZero() || saved.After(time.Now()) || time.Since(saved) > relist+settle {
					saved = time.Now() // removed, or moved here with an old time
				}
				if saved.After(pending.saved) {
					pending.saved = saved
				}
				if !slices.Contains(pending.files, path) {
					pending.files = append(pending.files, path)
				}
			}
			known = now
		}
		if watcher != nil {
			for _, f := range folders {
				_ = watcher.Add(f) // new ones; the others are watched already
			}
		}
	}
}

// differing returns the paths that are not the same in both lists, sorted.
func differing(before, after map[string]stamp) []string {
	paths := map[string]bool{}
	for path, s := range after {
		if old, ok := before[path]; !ok || old != s {
			paths[path] = true
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			paths[path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}
