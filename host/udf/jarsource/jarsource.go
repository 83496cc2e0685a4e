// Package jarsource tells from which Java sources a jar was made.
package jarsource

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
)

// HashFile is the name in the jar of a file with the hash of its sources.
const HashFile = "META-INF/sparkstalk-sources.sha256"

// Hash returns the SHA-256, in hex, of a folder's files and their names.
func Hash(folder string) (string, error) {
	h := sha256.New()
	sources := os.DirFS(folder)
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sources, path)
		if err == nil {
			_, err = fmt.Fprintf(h, "%s %d\n%s", path, len(data), data)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", folder, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
