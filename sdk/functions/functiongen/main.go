// Functiongen writes the functions of package functions from functions.json,
// PySpark's functions with their parameters and docs, and the calls that tests
// make of each.
//
// usage: go run ./sdk/functions/functiongen [-check]
//
// It is run in the repository's root. -check writes nothing and fails if a file
// is not what it would write.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

const (
	listPath    = "sdk/functions/functions.json"
	groupPath   = "sdk/functions/%s.go"
	samplesPath = "host/hostfn/judgetest/samples_test.go"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail if a file is not fresh")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "functiongen:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	data, err := os.ReadFile(listPath)
	if err != nil {
		return err
	}
	l, err := readList(data)
	if err != nil {
		return fmt.Errorf("%s: %w", listPath, err)
	}
	files, err := l.files()
	if err != nil {
		return err
	}
	var stale []error
	for _, path := range slices.Sorted(maps.Keys(files)) {
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		switch {
		case bytes.Equal(old, files[path]):
		case check:
			stale = append(stale, fmt.Errorf("%s is stale: run go run ./sdk/functions/functiongen", path))
		default:
			if err := os.WriteFile(path, files[path], 0o644); err != nil {
				return err
			}
			fmt.Println("wrote", path)
		}
	}
	return errors.Join(stale...)
}
