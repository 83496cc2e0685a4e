// Package lang has the SDKs for modules in languages other than Go, as files that
// a module's folder takes a copy of.
package lang

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed rust/Cargo.toml rust/src assemblyscript c wat
var files embed.FS

// SDK returns the files of the SDK for a language by their paths: rust, as or c.
// It is empty for another language.
func SDK(language string) (map[string][]byte, error) {
	folder := language
	if language == "as" {
		folder = "assemblyscript"
	}
	out := map[string][]byte{}
	if _, err := fs.Stat(files, folder); err != nil {
		return out, nil
	}
	err := fs.WalkDir(files, folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		out[path.Clean(strings.TrimPrefix(name, folder+"/"))] = text
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("SDK for %s: %w", language, err)
	}
	return out, nil
}
