// Coverage writes sdk/COVERAGE.md: which public names of PySpark's Spark Connect
// client the SDK has, under which name, and why not the others.
//
// usage: go run ./sdk/coverage [-check]
//
// It is run in the repository's root. pyspark.json has PySpark's names. A name is
// covered by a method or function of the same letters, whatever their case;
// mapping.json names others and says why some do not apply. -check writes nothing
// and fails if the file is not what it would write.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
)

//go:generate sh -c "cd ../.. && go run ./sdk/coverage"

const outPath = "sdk/COVERAGE.md"

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the file is not fresh")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	var names pyspark
	if err := readJSON("sdk/coverage/pyspark.json", &names); err != nil {
		return err
	}
	var mapping map[string]class
	if err := readJSON("sdk/coverage/mapping.json", &mapping); err != nil {
		return err
	}
	exported, err := readSDK("sdk/spark", "sdk/functions")
	if err != nil {
		return err
	}
	if err := exported.readFunctions("sdk/functions/functions.json"); err != nil {
		return err
	}
	text, err := report(names, mapping, exported)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(outPath)
	switch {
	case bytes.Equal(old, text):
		return nil
	case check:
		return errors.New(outPath + " is stale: run go run ./sdk/coverage")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	return os.WriteFile(outPath, text, 0o644)
}

func readJSON(path string, to any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
