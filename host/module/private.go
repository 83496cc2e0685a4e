package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// privateDir makes a folder for this user alone, or checks that it is one. It
// calls exposed if others could write to it until now.
func privateDir(dir string, exposed func()) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir) // not Stat: a link would be someone else's choice
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if !owned(info) {
		return fmt.Errorf("%s belongs to another user", dir)
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if mode&0o022 != 0 {
		exposed()
	}
	return nil
}

// writeWhole writes a file, for this user alone, that is whole whenever it is
// there.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		// What matters is the first error.
		_ = os.Remove(f.Name())
	}
	return err
}
