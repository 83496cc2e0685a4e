package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// plainJava compiles the functions in Java, by name. What they take is what
// Spark's way to a function that it does not know costs, and so the least that a
// module's can.
func (o options) plainJava(ctx context.Context) (map[string]*spark.Function, error) {
	pattern := filepath.Join(filepath.Dir(filepath.Dir(o.pysparkServer)), "lib/python3*/site-packages/pyspark/jars")
	jars, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(jars) == 0 {
		return nil, fmt.Errorf("there is no %s to compile the functions in Java with", pattern)
	}
	dir := filepath.Join(o.dir, "java")
	javac := exec.CommandContext(ctx, "javac", "--release", "17", "-cp", filepath.Join(jars[0], "*"), "-d", dir,
		"host/internal/bench/testdata/functions/java/Plain.java")
	if text, err := javac.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile the functions in Java: %w\n%s", err, text)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	out := map[string]*spark.Function{}
	for name, class := range map[string]string{"triple": "Plain$Triple", "vowels": "Plain$Vowels"} {
		out[name] = &spark.Function{
			Name: "java_" + name, Class: class, Returns: "bigint",
			Jars: []spark.Jar{{Name: "plain.jar", Data: func() ([]byte, error) { return jar.Bytes(), nil }}},
		}
	}
	return out, nil
}
