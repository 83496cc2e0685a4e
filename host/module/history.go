package module

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/filelock"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A history keeps the last versions of each module of a folder: their bytes,
// which of them proved good, and which was put in place of the file's own. It
// lies in a folder for this user alone, and what is read from it is checked
// against its hash. A nil history keeps nothing.
//
// Trouble with it is logged and costs the way back, never a module.
type history struct {
	dir  string
	keep int
	log  *slog.Logger
	mu   sync.Mutex
}

// A Kept is a version of a module whose bytes are kept.
type Kept struct {
	// Hash is the SHA-256 of the file, in hex. Size is its length in bytes.
	Hash string `json:"hash"`
	Size int64  `json:"size"`
	// Since is when it was loaded last.
	Since time.Time `json:"since"`
	// Proven says that it passed its trial.
	Proven bool `json:"proven,omitempty"`
	// Bad is why it was taken out of service, if it was.
	Bad string `json:"bad,omitempty"`
}

// A pin says that another version serves than the file's own.
type pin struct {
	// Hash is the version that serves, Over that of the file. When the file has
	// another content, the pin means nothing any more.
	Hash string `json:"hash"`
	Over string `json:"over"`
	// Size is that of the file.
	Size int64 `json:"size,omitempty"`
	// Kind and Reason are why.
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"`
}

// record is what is kept of one module beside the bytes, as a file.
type record struct {
	Versions []Kept `json:"versions"` // the one loaded last is first
	Pin      *pin   `json:"pin,omitempty"`
}

const (
	recordName = "versions.json"
	folderName = "folder.json"
)

// openHistory makes the history of the modules of a folder. Its place is named
// for the folder, so that several share a parent. If others could write to it,
// what is there is forgotten, or with guarded it stays, and is an error.
func openHistory(parent, modules string, keep int, guarded bool, log *slog.Logger) (*history, error) {
	modules, err := filepath.Abs(modules)
	if err != nil {
		return nil, fmt.Errorf("kept versions: %w", err)
	}
	sum := sha256.Sum256([]byte(modules))
	h := &history{dir: filepath.Join(parent, hex.EncodeToString(sum[:8])), keep: keep, log: log}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("kept versions: %w", err)
	}
	if info, err := os.Lstat(h.dir); guarded && err == nil && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("others may write to %s, and might have removed which versions of signed modules were accepted: "+
			"look at %s there, and take the right from them (chmod go-w), or remove the folder to begin anew", h.dir, acceptedName)
	}
	exposed := false
	err = privateDir(h.dir, func() { exposed = true })
	if err == nil && exposed {
		log.Warn("others could write to the kept versions of modules, they are forgotten", logkey.Path, h.dir)
		if err = os.RemoveAll(h.dir); err == nil {
			err = os.Mkdir(h.dir, 0o700)
		}
	}
	if err == nil {
		err = h.belong(modules)
	}
	if err != nil {
		return nil, fmt.Errorf("kept versions: %w", err)
	}
	sweepHistories(parent, h.dir, log)
	return h, nil
}

// forgetAfter is how long the versions of a module are kept whose file is gone.
const forgetAfter = 30 * 24 * time.Hour

// sweep forgets modules that have had no file for long.
func (h *history) sweep(paths []string) {
	if h == nil {
		return
	}
	there := make(map[string]bool)
	for _, path := range paths {
		there[filepath.Base(path)] = true
	}
	dirs, err := os.ReadDir(h.dir)
	if err != nil {
		return // what is too much stays
	}
	for _, d := range dirs {
		info, err := os.Stat(filepath.Join(h.dir, d.Name(), recordName))
		if err == nil && !there[d.Name()] && time.Since(info.ModTime()) > forgetAfter {
			_ = os.RemoveAll(filepath.Join(h.dir, d.Name())) // the next time, then
		}
	}
}

// module is the folder of what is kept of a module's file.
func (h *history) module(path string) string { return filepath.Join(h.dir, filepath.Base(path)) }

// record reads what is known of a module.
func (h *history) record(path string) (record, error) {
	var r record
	if h == nil {
		return r, nil
	}
	data, err := os.ReadFile(filepath.Join(h.module(path), recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("kept versions of %s: %w", name(path), err)
	}
	return r, nil
}

// known is record for those who go on without.
func (h *history) known(path string) record {
	r, err := h.record(path)
	if err != nil {
		h.log.Warn("the kept versions of a module are not known", logkey.Error, err)
	}
	return r
}

// update changes what is known of a module, among all processes that do so.
func (h *history) update(path string, change func(*record)) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.locked(path, change); err != nil {
		h.log.Warn("what is known of a module's versions could not be kept", logkey.Module, name(path), logkey.Error, err)
	}
}

func (h *history) locked(path string, change func(*record)) error {
	dir := h.module(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	lock, err := filelock.Wait(ctx, filepath.Join(dir, ".lock"), nil)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	r, err := h.record(path)
	if err != nil {
		h.log.Warn("the kept versions of a module are forgotten", logkey.Error, err)
		r = record{}
	}
	change(&r)
	h.prune(dir, &r)
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, recordName), data)
}

// prune forgets versions beyond those that are to be kept, and removes files of
// no version.
func (h *history) prune(dir string, r *record) {
	good, wanted := 0, make(map[string]bool)
	r.Versions = slices.DeleteFunc(r.Versions, func(k Kept) bool {
		pinned := r.Pin != nil && r.Pin.Hash == k.Hash
		if k.Bad != "" && !pinned {
			return r.Pin == nil || r.Pin.Over != k.Hash // listed while it is the file's
		}
		if good++; good > h.keep && !pinned {
			return true
		}
		wanted[k.Hash+bytesSuffix] = true
		return false
	})
	files, err := os.ReadDir(dir)
	if err != nil {
		return // what is too much stays
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), bytesSuffix) && !wanted[f.Name()] {
			_ = os.Remove(filepath.Join(dir, f.Name())) // the next time, then
		}
	}
}

// bytesSuffix ends the names of kept files, which begin with their hash.
const bytesSuffix = ".module"

// add keeps a version that was loaded.
func (h *history) add(c contents) {
	h.update(c.path, func(r *record) {
		k := Kept{Hash: c.hash, Size: c.size}
		if i := slices.IndexFunc(r.Versions, func(k Kept) bool { return k.Hash == c.hash }); i >= 0 {
			k = r.Versions[i]
			r.Versions = slices.Delete(r.Versions, i, i+1)
		}
		file := filepath.Join(h.module(c.path), c.hash+bytesSuffix)
		if info, err := os.Stat(file); err != nil || info.Size() != c.size {
			if err := writeWhole(file, c.data); err != nil {
				h.log.Warn("a module's version could not be kept: there is no way back to it", logkey.Module, name(c.path), logkey.Hash, c.hash, logkey.Error, err)
				return
			}
		}
		if k.Since, k.Bad = time.Now(), ""; r.Pin != nil && r.Pin.Over == c.hash && r.Pin.Kind == Trapped {
			k.Bad = r.Pin.Reason // as it did already
		}
		r.Versions = slices.Insert(r.Versions, 0, k)
	})
}

// prove notes that a version passed its trial.
func (h *history) prove(path, hash string) {
	h.update(path, func(r *record) {
		for i := range r.Versions {
			if r.Versions[i].Hash == hash {
				r.Versions[i].Proven = true
			}
		}
	})
}

// pin notes that a version serves in place of the file's, and that the file's is
// bad if it trapped; nil that the file's own does.
func (h *history) pin(path string, p *pin) {
	if h == nil || p == nil && h.known(path).Pin == nil {
		return
	}
	h.update(path, func(r *record) {
		r.Pin = p
		for i := range r.Versions {
			if p != nil && p.Kind == Trapped && r.Versions[i].Hash == p.Over {
				r.Versions[i].Bad, r.Versions[i].Proven = p.Reason, false
			}
		}
	})
}

// read returns a kept version.
func (h *history) read(path, hash string) (contents, error) {
	c := contents{path: path, hash: hash}
	if h == nil {
		return c, errors.New("no versions are kept")
	}
	data, err := os.ReadFile(filepath.Join(h.module(path), hash+bytesSuffix))
	if err != nil {
		return c, fmt.Errorf("kept version %.12s of %s: %w", hash, name(path), err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != hash {
		return c, fmt.Errorf("kept version %.12s of %s is damaged", hash, name(path))
	}
	c.data, c.size = data, int64(len(data))
	return c, nil
}

// proven reports whether a version passed its trial.
func (r record) proven(hash string) bool {
	return slices.ContainsFunc(r.Versions, func(k Kept) bool { return k.Hash == hash && k.Proven })
}

// good returns the hash of the last version that is fit to serve in place of
// another, older than it where that is known; false if there is none.
func (r record) good(instead string) (string, bool) {
	older := slices.IndexFunc(r.Versions, func(k Kept) bool { return k.Hash == instead }) + 1
	for _, k := range r.Versions[older:] {
		if k.Bad == "" {
			return k.Hash, true
		}
	}
	return "", false
}
