package engine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakePython plays python3: "-m venv DIR" puts a copy of itself into DIR, and
// "-m pip … install" sleeps for a moment, notes that it ran, and fails while the
// file "broken" stands beside the script. "-m pysail" does what the file "play"
// says.
const fakePython = `#!/bin/sh
home=@HOME@
case "$1 $2" in
"-m venv")
  mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
  sleep 0.2
  echo "$TMPDIR" >> "$home/pip"
  if [ -e "$home/broken" ]; then echo "ERROR: No matching distribution"; exit 1; fi ;;
"-m pysail")
  . "$home/play" ;;
esac
`

// fake returns a configuration with a fake Python, and its home.
func fake(t *testing.T) (Config, string) {
	t.Helper()
	home := t.TempDir()
	python := filepath.Join(home, "python3")
	if err := os.WriteFile(python, []byte(strings.ReplaceAll(fakePython, "@HOME@", home)), 0o755); err != nil {
		t.Fatal(err)
	}
	return Config{Home: home, Python: python}, home
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestInstallOnceForAllWhoAsk(t *testing.T) {
	cfg, home := fake(t)
	var wg sync.WaitGroup
	said := make([]strings.Builder, 6)
	for i := range said {
		wg.Go(func() {
			if err := Install(t.Context(), cfg, &said[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	runs, err := os.ReadFile(filepath.Join(home, "pip"))
	if err != nil || strings.Count(string(runs), "\n") != 1 {
		t.Errorf("pip ran %d times, %v, want once", strings.Count(string(runs), "\n"), err)
	}
	waited := 0
	for i := range said {
		if strings.Contains(said[i].String(), "another process installs it; waiting") {
			waited++
		}
		if !strings.HasSuffix(said[i].String(), "sail: Sail 0.7.2 is installed in "+filepath.Join(home, "engines", "sail-0.7.2")+"\n") {
			t.Errorf("progress ends with %q", said[i].String())
		}
	}
	if waited == 0 {
		t.Error("nobody waited")
	}
	begin := time.Now()
	if err := Install(t.Context(), cfg, &said[0]); err != nil {
		t.Error(err)
	}
	t.Logf("an install that is there took %v", time.Since(begin))
	checkOnlyInstall(t, home)
}

// checkOnlyInstall fails when anything but a whole Sail is among the engines.
func checkOnlyInstall(t *testing.T, home string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(home, "engines"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{".sail-0.7.2.lock", "sail-0.7.2"}; !slices.Equal(names, want) {
		t.Errorf("engines holds %q, want %q", names, want)
	}
	files, _ := filepath.Glob(filepath.Join(home, "engines", "sail-0.7.2", "*"))
	if len(files) != 2 { // the marker and the environment
		t.Errorf("the install holds %q", files)
	}
}

func TestInstallThatFails(t *testing.T) {
	cfg, home := fake(t)
	write(t, filepath.Join(home, "broken"), "")
	err := Install(t.Context(), cfg, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "install engine Sail 0.7.2: ") || !strings.Contains(err.Error(), "No matching distribution") {
		t.Errorf("err = %v, want it to name the engine and give pip's words", err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "engines", "*sail-0.7.2*")); len(left) != 1 {
		t.Errorf("it left %q, want the lock alone", left)
	}
	// What a killed install leaves is in nobody's way.
	for _, name := range []string{".sail-0.7.2.tmp-1", "sail-0.7.2"} {
		if err := os.MkdirAll(filepath.Join(home, "engines", name, "venv"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(home, "broken")); err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), cfg, &bytes.Buffer{}); err != nil {
		t.Error(err)
	}
	checkOnlyInstall(t, home)
}

func TestInstallThatIsInterrupted(t *testing.T) {
	cfg, home := fake(t)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	if err := Install(ctx, cfg, &bytes.Buffer{}); !errors.Is(err, cause) {
		t.Errorf("err = %v, want the cause", err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "engines", "*sail-0.7.2*")); len(left) != 1 {
		t.Errorf("it left %q, want the lock alone", left)
	}
}

func TestInstallWithoutPython(t *testing.T) {
	cfg := Config{Home: t.TempDir(), Python: "python-that-is-not-there"}
	err := Install(t.Context(), cfg, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "apt-get install python3-venv") {
		t.Errorf("err = %v, want it to say how to get Python", err)
	}
}

// installFake returns an engine whose start does what the shell text says.
func installFake(t *testing.T, play string) *Engine {
	t.Helper()
	cfg, home := fake(t)
	if err := Install(t.Context(), cfg, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, "play"), play)
	cfg.StartLimit = 300 * time.Millisecond
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	return e
}

func TestStartThatExits(t *testing.T) {
	e := installFake(t, "echo no room for that; exit 7")
	e.cfg.StartLimit = time.Minute
	err := e.Start(t.Context())
	want := "start engine Sail 0.7.2: it exited during start (exit status 7); its last lines:\n  no room for that"
	if err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestStartThatHangs(t *testing.T) {
	e := installFake(t, "echo thinking; exec sleep 300")
	err := e.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it was not ready within 300ms") {
		t.Errorf("err = %v, want the limit", err)
	}
	e.cfg.StartLimit = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want the context's", err)
	}
}

func TestStopEndsAStart(t *testing.T) {
	e := installFake(t, "echo thinking; exec sleep 300")
	e.cfg.StartLimit = time.Hour
	started := make(chan error)
	go func() { started <- e.Start(context.Background()) }()
	time.Sleep(50 * time.Millisecond) // most likely in the middle of it; any moment is fine
	if err := e.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-started; !errors.Is(err, errStopped) {
		t.Errorf("err = %v, want that it was stopped", err)
	}
}

func TestWantedJars(t *testing.T) {
	list, err := os.ReadFile("testdata/pyspark-4.3.0-jars.txt")
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for name := range strings.FieldsSeq(string(list)) {
		if wanted(name) {
			kept[name] = true
		}
	}
	if len(kept) < 190 || len(kept) > 210 {
		t.Errorf("%d jars are kept, want about 200 of 280", len(kept))
	}
	for _, name := range []string{
		"spark-connect_2.13-4.3.0.jar", "spark-mllib_2.13-4.3.0.jar", "breeze_2.13-2.1.0.jar", "spire_2.13-0.18.0.jar",
		"hive-storage-api-2.8.1.jar", "scala-library-2.13.18.jar", "scala-reflect-2.13.18.jar",
	} {
		if !kept[name] {
			t.Errorf("%s is left out", name)
		}
	}
	for name := range kept {
		for _, word := range []string{"kubernetes", "rocksdb", "hive-exec", "windows", "osx", "derby", "jline"} {
			if strings.Contains(name, word) && !foreignTest(word) {
				t.Errorf("%s is kept", name)
			}
		}
	}
}

// foreignTest says that a word is this system's own.
func foreignTest(word string) bool { return word == "osx" && !foreign("x.Final-osx-x86_64.jar") }

func TestUnpackTakesTheJarsAlone(t *testing.T) {
	list, err := os.ReadFile("testdata/pyspark-4.3.0-jars.txt")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	names := []string{
		"pyspark-4.3.0/setup.py", "pyspark-4.3.0/LICENSE", "pyspark-4.3.0/deps/jars/connect-repl/spark-connect-client-jvm_2.13-4.3.0.jar",
		"pyspark-4.3.0/deps/bin/x.jar", "pyspark-4.3.0/deps/jars/../../evil.jar", "../deps/jars/x.jar/y",
	}
	for name := range strings.FieldsSeq(string(list)) {
		names = append(names, "pyspark-4.3.0/deps/jars/"+name)
	}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 3, Mode: 0o755, ModTime: when}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("jar")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	archive := filepath.Join(dir, "pyspark.tar.gz")
	out := filepath.Join(dir, "out")
	write(t, archive, b.String())
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	in := &installer{out: &bytes.Buffer{}}
	if err := in.unpack(t.Context(), archive, out); err != nil {
		t.Fatal(err)
	}
	jars, err := jarsIn(filepath.Join(out, "jars"))
	if err != nil || len(jars) < 190 || !slices.IsSorted(jars) {
		t.Errorf("%d jars, %v", len(jars), err)
	}
	// The archive of classes is checked against the jars' times.
	if info, err := os.Stat(jars[0]); err != nil || !info.ModTime().Equal(when) || info.Size() != 3 {
		t.Errorf("%s: %v, %v", jars[0], info, err)
	}
	if all, _ := filepath.Glob(filepath.Join(out, "*")); len(all) != 2 {
		t.Errorf("unpacked %q, want jars and LICENSE", all)
	}
}

// javaHome makes a home whose java says that it has the version.
func javaHome(t *testing.T, version string) string {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho 'openjdk version \"%s\" 2025-04-15' >&2\n", version)
	if err := os.WriteFile(filepath.Join(home, "bin", "java"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestFindJava(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	wayOut := "apt-get install openjdk-17-jre-headless) or set JAVA_HOME"
	t.Setenv("JAVA_HOME", "")
	if _, err := findJava(); err == nil || !strings.Contains(err.Error(), wayOut) {
		t.Errorf("no java: %v, want the way out", err)
	}
	t.Setenv("JAVA_HOME", t.TempDir())
	if _, err := findJava(); err == nil || !strings.Contains(err.Error(), wayOut) {
		t.Errorf("empty JAVA_HOME: %v, want the way out", err)
	}
	for _, version := range []string{"11.0.2", "1.8.0_402"} {
		t.Setenv("JAVA_HOME", javaHome(t, version))
		if _, err := findJava(); err == nil || !strings.Contains(err.Error(), wayOut) {
			t.Errorf("Java %s: %v, want that it is too old", version, err)
		}
	}
	for _, version := range []string{"17.0.15", "21", "25.0.1"} {
		t.Setenv("JAVA_HOME", javaHome(t, version))
		if _, err := findJava(); err != nil {
			t.Errorf("Java %s: %v", version, err)
		}
	}
	home := javaHome(t, "1")
	write(t, filepath.Join(home, "release"), "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"21.0.4\"\n")
	t.Setenv("JAVA_HOME", home)
	a, err := findJava()
	if err != nil {
		t.Errorf("Java 21 by its release file: %v", err)
	}
	write(t, filepath.Join(home, "release"), "JAVA_VERSION=\"21.0.5\"\n")
	b, err := findJava()
	if err != nil || a.archive("/x") == b.archive("/x") || a.archive("/x") == a.archive("/y") {
		t.Errorf("archives %s and %s, %v: want one for each Java and folder", a.archive("/x"), b.archive("/x"), err)
	}
}

func TestReadyAndErrorLines(t *testing.T) {
	sparkEngine := &spark{}
	for _, c := range []struct {
		kind   kind
		line   string
		port   int
		failed bool
	}{
		{&sail{}, "[2026-11-23T21:05:07Z INFO sail_cli::spark::server] Starting the Spark Connect server on 127.0.0.1:43419...", 43419, false},
		{&sail{}, "[2026-11-23T21:05:07Z ERROR sail_session] no", 0, true},
		{&sail{}, "[2026-11-23T21:05:07Z WARN sail_session] an ERROR that is none", 0, false},
		{&sail{}, "thread 'x' panicked at y", 0, true},
		{sparkEngine, "INFO SparkConnectServer: Spark Connect server started at: 127.0.0.1:41000", 41000, false},
		{sparkEngine, "ERROR Utils: no", 0, true},
		{sparkEngine, "WARN Utils: no", 0, false},
	} {
		port, ok := c.kind.port(c.line)
		if port != c.port || ok != (c.port != 0) || c.kind.failed(c.line) != c.failed {
			t.Errorf("%q: port %d, %v, failed %v", c.line, port, ok, c.kind.failed(c.line))
		}
	}
}

func TestArgumentFile(t *testing.T) {
	got := string(argumentFile([]string{`-Da=C:\x y`, `-Db="q"`}))
	if want := "\"-Da=C:\\\\x y\"\n\"-Db=\\\"q\\\"\"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
