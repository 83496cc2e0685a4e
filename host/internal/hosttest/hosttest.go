// Package hosttest has what tests of whole hosts share, in whatever package they
// are: modules built from source, texts to count words in, and waiting.
package hosttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// Patience is how long [Eventually] waits. It is long, so that a busy machine
// fails no test: what is waited for comes at once, or not at all.
const Patience = 2 * time.Minute

// Eventually polls until ok, for as long as Patience.
func Eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v", Patience)
		}
	}
}

// Serve runs a runtime until the test has ended, and closes it then. It is an
// interface for the tests of package host itself.
func Serve(t testing.TB, r interface {
	Run(context.Context) error
	Close() error
}) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, r.Close()); err != nil {
			t.Error(err)
		}
	})
}

// Main is [proctest.Main] for packages that call [Build]: it removes what the
// tests built once they have run.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "sparkstalk-modules")
	if err != nil {
		panic(err)
	}
	builds.dir = dir
	proctest.Main(builtModules{m, dir})
}

type builtModules struct {
	*testing.M
	dir string
}

func (b builtModules) Run() int {
	code := b.M.Run()
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Build builds the module in a folder once for all tests of a package, with its
// main.version set to v, and returns the file.
func Build(t testing.TB, dir, v string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	key := dir + "@" + v
	if path, ok := builds.done[key]; ok {
		return path
	}
	path := filepath.Join(builds.dir, fmt.Sprintf("%s-%s.wasm", filepath.Base(dir), v))
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w -X main.version="+v, "-o", path, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	builds.done[key] = path
	return path
}

var builds = struct {
	sync.Mutex
	dir  string
	done map[string]string
}{done: map[string]string{}}

// Drop puts a module in a watched folder as a careful deployment does: in one step.
func Drop(t testing.TB, module, dir, name string) {
	t.Helper()
	data, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "."+name)
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// Texts writes files whose words are counted, and returns the folder.
func Texts(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "and And and  apple\tavocado and\u00a0an an\n\nthe the Äpfel äpfel apple\n",
		"b.txt": "one two\u2003and three  apple\nAnd so it goes: and, an\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// WordCount asks Python for what demo.WordCount must answer: split is the
// argument of str.split, None for white space.
func WordCount(t testing.TB, dir, letter, split string) string {
	t.Helper()
	script := fmt.Sprintf(`
import collections, json, pathlib
words = collections.Counter()
for file in sorted(pathlib.Path(%q).iterdir()):
    for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
        words.update(w for w in line.split(%s) if w)
mine = [[w, n] for w, n in words.items() if w[0].lower() == %q]
print(json.dumps(sorted(mine, key=lambda p: (-p[1], p[0]))[:5]))`, dir, split, letter)
	out, err := exec.Command(proctest.Python(t), "-c", script).Output()
	if err != nil {
		t.Fatalf("reference word count: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// EqualJSON compares two JSON texts by value.
func EqualJSON(a, b string) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, []byte(a)) == nil && json.Compact(&y, []byte(b)) == nil && slices.Equal(ascii(x.Bytes()), ascii(y.Bytes()))
}

// ascii decodes \u escapes, which the two sides may write differently.
func ascii(text []byte) []byte {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return text
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return out
}

// Tail returns the last n bytes of a text.
func Tail(s string, n int) string { return s[max(0, len(s)-n):] }
