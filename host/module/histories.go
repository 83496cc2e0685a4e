package module

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// owner is what a history says, as a file, of the folder whose modules it keeps. The file's
// time is when a host last began with it.
type owner struct {
	Folder string `json:"folder"`
}

// belong notes that the history is a folder's, and in use.
func (h *history) belong(modules string) error {
	data, err := json.Marshal(owner{modules})
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(h.dir, folderName), data)
}

// forgetTemporary is how long the versions of modules are kept whose folder was a
// temporary one, and is gone.
const forgetTemporary = time.Hour

// sweepHistories removes what is kept of folders that are gone, and that no host has
// begun with for long: a folder that is not there may be on a disk that is not
// there now. Of those that do not tell their folder nothing is known, and they stay. What
// stays as well is which versions of signed modules were accepted: an older one
// is not to be taken because its folder was away.
func sweepHistories(parent, own string, log *slog.Logger) {
	dirs, err := os.ReadDir(parent)
	if err != nil {
		return // what is too much stays
	}
	for _, d := range dirs {
		dir := filepath.Join(parent, d.Name())
		if dir == own || !abandoned(dir) {
			continue
		}
		if err := forget(dir); err != nil {
			log.Debug("the kept versions of a folder that is gone stay", logkey.Path, dir, logkey.Error, err)
		}
	}
}

// abandoned reports whether a history's folder is gone for good.
func abandoned(dir string) bool {
	path := filepath.Join(dir, folderName)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || !owned(info) {
		return false
	}
	var of owner
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &of) != nil || !filepath.IsAbs(of.Folder) {
		return false
	}
	after := forgetAfter
	if strings.HasPrefix(of.Folder, filepath.Clean(os.TempDir())+string(filepath.Separator)) {
		after = forgetTemporary
	}
	if time.Since(info.ModTime()) < after {
		return false
	}
	_, err = os.Lstat(of.Folder)
	return errors.Is(err, fs.ErrNotExist)
}

// forget removes a history but for what was accepted.
func forget(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, acceptedName)); errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(dir)
	}
	entries, err := os.ReadDir(dir)
	var errs []error
	for _, e := range entries {
		if e.IsDir() {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(append(errs, err)...)
}
