package module

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A codeCache guards the folder in which wazero keeps compiled code. wazero
// believes what it finds there: a damaged entry makes a module fail for good, or
// ends the process, and a forged one is native code that the host would run. So
// the folder is this user's alone, and beside each entry lies a seal, the
// SHA-256 of it and of what was compiled; an entry that does not match its seal is
// removed before wazero may look.
type codeCache struct {
	dir   string
	limit int64 // bytes
	log   *slog.Logger

	mu sync.Mutex
	// sealed has the entries that match their seals, as they looked when that
	// was found.
	sealed map[string]entryStamp
	// opened is when the cache was, less the coarseness of files' times.
	opened time.Time
}

type entryStamp struct {
	size     int64
	modified time.Time
}

// cacheFolder is the cache's own folder in Config.CacheDir.
const cacheFolder = "compiled"

// sealSuffix is added to an entry's name.
const sealSuffix = ".sha256"

// openCache makes or checks the folder. An error means that it is not to be used.
func openCache(parent string, limit int64, log *slog.Logger) (*codeCache, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("compilation cache: %w", err)
	}
	dir := filepath.Join(parent, cacheFolder)
	c := &codeCache{dir: dir, limit: limit, log: log, sealed: make(map[string]entryStamp), opened: time.Now().Add(-time.Second)}
	err := privateDir(dir, func() {
		log.Warn("others could write to the compilation cache, it is emptied", logkey.Path, dir)
		c.wipe()
	})
	if err != nil {
		return nil, fmt.Errorf("compilation cache: %w", err)
	}
	c.check("", true)
	c.trim()
	return c, nil
}

// entries lists what wazero has put into its folders: one folder for each of
// its versions.
func (c *codeCache) entries() map[string]fs.FileInfo {
	found := make(map[string]fs.FileInfo)
	folders, err := filepath.Glob(filepath.Join(c.dir, "wazero-*"))
	if err != nil { // only for a bad pattern
		panic(err)
	}
	for _, folder := range folders {
		files, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, file := range files {
			if strings.HasSuffix(file.Name(), sealSuffix) {
				continue
			}
			if info, err := file.Info(); err == nil {
				found[filepath.Join(folder, file.Name())] = info
			}
		}
	}
	return found
}

// check removes entries that are not what was sealed, of those that may be read
// for a module with this hash; at start, when there is none yet, of those of which
// it is not known for which module they are. At start an entry without a seal
// goes as well: its writer did not live to seal it. Later it may be one that
// another goroutine or process is about to seal.
func (c *codeCache) check(module string, start bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, info := range c.entries() {
		if strings.HasSuffix(path, ".tmp") {
			// Another process may be writing it.
			if time.Since(info.ModTime()) > time.Hour {
				c.remove(path)
			}
			continue
		}
		at := entryStamp{info.Size(), info.ModTime()}
		if c.sealed[path] == at {
			continue
		}
		seal, err := readEntrySeal(path + sealSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			if start || info.ModTime().Before(c.opened) {
				c.remove(path)
			}
			continue
		}
		if err == nil && seal.module != anyModule && seal.module != module {
			continue // it is checked when it is needed
		}
		if err == nil {
			err = seal.fits(path, info)
		}
		if err != nil {
			c.log.Warn("damaged entry in the compilation cache, it is compiled again", logkey.Path, path, logkey.Error, err)
			c.remove(path)
			continue
		}
		c.sealed[path] = at
	}
}

// has reports whether there is a checked entry for a module.
func (c *codeCache) has(module string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, info := range c.entries() {
		if c.sealed[path] != (entryStamp{info.Size(), info.ModTime()}) {
			continue
		}
		if seal, err := readEntrySeal(path + sealSuffix); err == nil && seal.module == module {
			return true
		}
	}
	return false
}

// seal seals entries that are new, as those of a module, or of anyModule.
func (c *codeCache) seal(module string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, info := range c.entries() {
		at := entryStamp{info.Size(), info.ModTime()}
		if c.sealed[path] == at || strings.HasSuffix(path, ".tmp") {
			continue
		}
		if _, err := os.Lstat(path + sealSuffix); err == nil {
			continue // not new; the next check will have a look
		}
		sum, err := digest(path, info)
		if err == nil {
			err = writeWhole(path+sealSuffix, entrySeal{sum, module}.text())
		}
		if err != nil {
			c.log.Debug("compilation cache entry not sealed", logkey.Path, path, logkey.Error, err)
			c.remove(path)
			continue
		}
		c.sealed[path] = at
	}
}

// anyModule is the module of entries of which it is not known whose they are.
const anyModule = "any"

// An entrySeal is what lies beside an entry.
type entrySeal struct {
	sum    string // SHA-256 of the entry, in hex
	module string // that of what was compiled, or anyModule
}

// text is the seal as a file. It ends with a hash of itself.
func (s entrySeal) text() []byte {
	text := s.sum + " " + s.module
	own := sha256.Sum256([]byte(text))
	return []byte(text + " " + hex.EncodeToString(own[:8]) + "\n")
}

// readEntrySeal reads a seal. It fails with fs.ErrNotExist if there is none.
func readEntrySeal(path string) (entrySeal, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return entrySeal{}, err
	}
	parts := strings.Fields(string(data))
	if len(parts) != 3 {
		return entrySeal{}, fmt.Errorf("%s is no seal", path)
	}
	s := entrySeal{parts[0], parts[1]}
	if !bytes.Equal(s.text(), data) {
		return entrySeal{}, fmt.Errorf("%s is damaged", path)
	}
	return s, nil
}

// fits returns nil, or why an entry is not what was sealed.
func (s entrySeal) fits(path string, info fs.FileInfo) error {
	sum, err := digest(path, info)
	if err == nil && sum != s.sum {
		err = fmt.Errorf("its SHA-256 is %s, %s was sealed", sum, s.sum)
	}
	return err
}

// trim removes the oldest entries until the rest fits.
func (c *codeCache) trim() {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := c.entries()
	var total int64
	paths := make([]string, 0, len(entries))
	for path, info := range entries {
		total += info.Size()
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b string) int { return entries[a].ModTime().Compare(entries[b].ModTime()) })
	for _, path := range paths {
		if total <= c.limit {
			return
		}
		total -= entries[path].Size()
		c.remove(path)
	}
}

// wipe removes all entries.
func (c *codeCache) wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path := range c.entries() {
		c.remove(path)
	}
}

// remove deletes an entry and its seal, the seal last: without it the entry
// would count as new.
func (c *codeCache) remove(path string) {
	delete(c.sealed, path)
	for _, p := range []string{path, path + sealSuffix} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.log.Debug("compilation cache entry stays", logkey.Path, p, logkey.Error, err)
		}
	}
}

// digest returns the SHA-256 of a regular file in hex.
func digest(path string, info fs.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// isCacheError reports whether compiling failed for the cache's sake. Compiling
// itself never touches a file.
func isCacheError(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	return isCorrupt(err) || errors.As(err, &path) || errors.As(err, &link)
}

// isCorrupt reports whether wazero could not make sense of an entry.
func isCorrupt(err error) bool { return strings.HasPrefix(err.Error(), "compilationcache:") }
