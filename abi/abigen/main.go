// Command abigen writes every binding of [abi.Host] from that interface's own
// source: the guest's imports, in Go and in other languages, the host's wazero
// exports, abi.Unsupported, the recorder that tests use, and the tables of
// abi/README.md.
//
// Usage, anywhere below the repository's root:
//
//	go run ./abi/abigen          write the bindings
//	go run ./abi/abigen -check   exit 1 and name the files that are stale
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a generated file is stale")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *check); err != nil {
		fmt.Fprintln(os.Stderr, "abigen:", err)
		os.Exit(1)
	}
}

// run generates all files below the root of the module that holds the working
// directory, and says on w which of them it wrote.
func run(w io.Writer, check bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	files, err := generate(root)
	if err != nil {
		return err
	}
	if check {
		return stale(root, files)
	}
	for _, f := range files {
		path := filepath.Join(root, filepath.FromSlash(f.path))
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, f.content) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.content, 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, "wrote", f.path); err != nil {
			return err
		}
	}
	return nil
}

// A file is one generated file; its path is relative to the root, with slashes.
type file struct {
	path    string
	content []byte
}

// generate returns every generated file of the tree at root, without writing any.
func generate(root string) ([]file, error) {
	in, err := parseDir(filepath.Join(root, "abi"))
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile(filepath.Join(root, "abi", "README.md"))
	if err != nil {
		return nil, err
	}
	outputs := []struct {
		path string
		emit func(*boundary) ([]byte, error)
	}{
		{"sdk/internal/hostcall/imports_wasip1.go", emitGuest},
		{"host/hostfn/wasm/exports.go", emitHost},
		{unsupportedPath, emitUnsupported},
		{"abi/abitest/recorder.go", emitRecorder},
		{"abi/pipe/methods.go", emitPipe},
		{"sdk/lang/rust/src/host.rs", emitRust},
		{"sdk/lang/assemblyscript/host.ts", emitAssemblyScript},
		{"sdk/lang/c/sparkstalk_v1.h", emitC},
		{"sdk/lang/wat/imports.wat", emitWAT},
		{"abi/README.md", func(in *boundary) ([]byte, error) { return emitReadme(in, readme) }},
	}
	files := make([]file, 0, len(outputs))
	for _, o := range outputs {
		content, err := o.emit(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.path, err)
		}
		files = append(files, file{path: o.path, content: content})
	}
	return files, nil
}

// stale returns an error that names the files below root that differ from
// what was generated.
func stale(root string, files []file) error {
	var names []string
	for _, f := range files {
		have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.path)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err != nil || !bytes.Equal(have, f.content) {
			names = append(names, f.path)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("stale: %s; run make generate", strings.Join(names, ", "))
	}
	return nil
}

// moduleRoot returns the closest directory at or above the working directory
// that has a go.mod: go generate starts this command in abi, people at the root.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod at or above %s", start)
		}
		dir = parent
	}
}
