// Command jargen puts class files and the contents of jars into one jar, which
// is the same for the same contents: without times, and in the order of names.
//
//	jargen OUT.jar SOURCES CLASSES LIBRARY.jar…
//
// The jar also has the hash of SOURCES, a folder, as [jarsource.HashFile].
package main

import (
	"archive/zip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/udf/jarsource"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "jargen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: jargen OUT.jar SOURCES CLASSES LIBRARY.jar…")
	}
	out, sources, classes, libraries := args[0], args[1], args[2], args[3:]
	hash, err := jarsource.Hash(sources)
	if err != nil {
		return err
	}
	files := map[string][]byte{jarsource.HashFile: []byte(hash + "\n")}
	err = filepath.WalkDir(classes, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(classes, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		return err
	}
	for _, library := range libraries {
		if err := unpack(library, files); err != nil {
			return fmt.Errorf("%s: %w", library, err)
		}
	}
	return pack(out, files)
}

// unpack adds a library's classes, and what says under which terms they are.
func unpack(path string, files map[string][]byte) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close() // read only: nothing is lost
	library := strings.TrimSuffix(filepath.Base(path), ".jar")
	for _, f := range z.File {
		name := f.Name
		base := filepath.Base(name)
		switch {
		case base == "module-info.class", f.FileInfo().IsDir():
			continue
		case strings.HasPrefix(base, "LICENSE"), strings.HasPrefix(base, "NOTICE"), base == "THIRD-PARTY.txt":
			name = "META-INF/licenses/" + library + "/" + base
		case !strings.HasSuffix(name, ".class") || strings.HasPrefix(name, "META-INF/"):
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if _, twice := files[name]; twice {
			return fmt.Errorf("%s is there twice", name)
		}
		files[name] = data
	}
	return nil
}

func pack(path string, files map[string][]byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			_ = f.Close() // the first error counts
			return err
		}
	}
	if err := z.Close(); err != nil {
		_ = f.Close() // the first error counts
		return err
	}
	return f.Close()
}
