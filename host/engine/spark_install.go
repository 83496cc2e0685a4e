package engine

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	sparkMB    = 456 // pyspark's source package
	sparkPeak  = 1700 << 20
	jarsName   = "jars"
	archiveMax = 3 * time.Minute

	archivePrefix = "classes-"
	archiveSuffix = ".jsa"
)

// unwanted are jars that a Connect server in local mode does without: other
// cluster managers, Hive, the shell, the old streaming API, state stores on disk.
//
// Classes that were never seen loading are no reason to leave a jar out:
// without breeze, for one, queries fail now and then, since the serializer
// registers its classes by name.
var unwanted = regexp.MustCompile(`^(` + strings.Join([]string{
	"rocksdbjni", "leveldbjni",
	"kubernetes", "volcano", "vertx", "okhttp", "zjsonpatch", "spark-kubernetes_", "spark-yarn_",
	`hive-(beeline|cli|common|exec|jdbc|metastore|serde|service|shims|llap|vector)`, "spark-hive", "derby",
	"datanucleus", "jdo-api", `javax\.jdo`, "libthrift", "libfb303",
	"scala-compiler", "jline", "spark-repl_", "spark-connect-client-", "spark-streaming_",
	"jaxb",
}, "|") + `)`)

// wanted says whether the slim install keeps a jar.
func wanted(name string) bool {
	return strings.HasSuffix(name, ".jar") && !unwanted.MatchString(name) && !foreign(name)
}

// fetch takes the jars out of pyspark's source package, the only one that the
// index has, and leaves the rest: it is neither built nor installed.
func (s *spark) fetch(ctx context.Context, dir string, in *installer) error {
	if _, err := findJava(); err != nil {
		return err // before half a gigabyte is fetched in vain
	}
	if free, ok := freeBytes(dir); ok && free < sparkPeak {
		return fmt.Errorf("%s has %d MB free; the install takes %d MB for a while and 500 MB in the end (SPARKSTALK_HOME chooses another place)",
			dir, free/1e6, sparkPeak/1000000)
	}
	tmp := filepath.Join(dir, "tmp")
	venv, packages := filepath.Join(tmp, "venv"), filepath.Join(tmp, "packages")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	if err := in.makeVenv(ctx, venv); err != nil {
		return err
	}
	// pip keeps what it downloads in its cache as well: not half a gigabyte.
	if err := in.pip(ctx, venv, filepath.Join(tmp, "pip"), download{"pyspark " + sparkVersion, sparkMB},
		"download", "--no-deps", "--no-cache-dir", "--dest", packages, "pyspark=="+sparkVersion); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(packages, "pyspark-*.tar.gz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("pip left %d source packages of pyspark, not one", len(archives))
	}
	if err := in.unpack(ctx, archives[0], dir); err != nil {
		return fmt.Errorf("unpack pyspark: %w", err)
	}
	return os.RemoveAll(tmp)
}

// unpack takes the wanted jars and the licence out of the package.
func (in *installer) unpack(ctx context.Context, archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	jars := filepath.Join(dir, jarsName)
	if err := os.Mkdir(jars, 0o755); err != nil {
		return err
	}
	read := &counter{r: f}
	z, err := gzip.NewReader(bufio.NewReaderSize(read, 1<<20))
	if err != nil {
		return err
	}
	t := tar.NewReader(z)
	count, size, next := 0, int64(0), int64(25)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if done := 100 * read.n / info.Size(); done >= next {
			in.say("unpacking pyspark: %d%%", done)
			next = done + 25
		}
		to := placeOf(h.Name)
		if to == "" || h.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(to)), t, h.ModTime); err != nil {
			return err
		}
		count++
		size += h.Size
	}
	if count < 100 {
		return fmt.Errorf("%d files of interest in %s: not the package that was expected", count, filepath.Base(archive))
	}
	in.say("kept %d files, %d MB", count, size/1e6)
	return nil
}

// placeOf is where a file of the package goes in the install; empty for most.
func placeOf(name string) string {
	parts := strings.Split(name, "/") // pyspark-4.3.0/deps/jars/x.jar
	switch {
	case len(parts) == 4 && parts[1] == "deps" && parts[2] == "jars" && wanted(parts[3]):
		return path.Join(jarsName, parts[3])
	case len(parts) == 2 && (parts[1] == "LICENSE" || parts[1] == "NOTICE"):
		return parts[1]
	}
	return ""
}

func writeFile(to string, r io.Reader, modified time.Time) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Chtimes(to, modified, modified)
}

// counter counts the bytes read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// finish has Java write its archive of loaded classes, which halves the time
// that Spark takes to start. It holds for one Java, so it is made again when
// that was replaced.
func (s *spark) finish(ctx context.Context, dir string, in *installer) error {
	j, err := findJava()
	if err != nil {
		return err
	}
	archive := j.archive(dir)
	if _, err := os.Stat(archive); err == nil {
		return nil
	}
	in.say("starting Spark once to record its classes (about a minute; later starts take a third of the time)")
	begin := time.Now()
	part := archive + ".part"
	defer func() { _ = os.Remove(part) }()
	limited, cancel := context.WithTimeoutCause(ctx, archiveMax, fmt.Errorf("no archive of classes within %v", archiveMax))
	defer cancel()
	if err := s.recordClasses(limited, part, in); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// It starts without, only slower.
		in.say("no archive of classes was made, Spark will start slower: %v", err)
		return nil
	}
	old, _ := filepath.Glob(filepath.Join(dir, archivePrefix+"*"+archiveSuffix))
	for _, path := range old {
		_ = os.Remove(path)
	}
	if err := os.Rename(part, archive); err != nil {
		return err
	}
	in.say("recorded after %v", time.Since(begin).Round(time.Second))
	return nil
}

// recordClasses runs a Spark that writes the archive when it ends.
func (s *spark) recordClasses(ctx context.Context, archive string, in *installer) error {
	cfg := in.cfg
	cfg.Spec, cfg.Quick = "local[2]", true
	e, err := New(cfg)
	if err != nil {
		return err
	}
	e.kind = &spark{cores: 2, cfg: Config{Quick: true, MemoryMiB: 1024}, record: archive}
	if err := e.Start(ctx); err != nil {
		return err
	}
	defer e.stop()
	if cfg.Warm != nil {
		if err := cfg.Warm(ctx, e.Remote()); err != nil {
			return fmt.Errorf("warm Spark up: %w", err)
		}
	}
	in.say("writing the archive")
	// Java writes on its way out, which takes longer than stop allows.
	if err := e.child.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-e.child.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err = os.Stat(archive)
	return err
}
