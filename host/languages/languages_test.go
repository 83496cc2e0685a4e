// Package languages holds the modules of examples, which are in other languages,
// against the Go module plugins/demo: they are built, called and compared.
package languages

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// sources are the modules by the prefix of their tasks.
var sources = map[string]string{
	"demo": "../../plugins/demo", "rust": "../../examples/wordcount-rust", "as": "../../examples/wordcount-assemblyscript",
	"c": "../../examples/wordcount-c", "wat": "../../examples/wordcount-wat",
}

var built struct {
	sync.Once
	folder string
}

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "sparkstalk-languages")
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"modules", "functions"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			panic(err)
		}
	}
	built.folder = folder
	proctest.Main(removing{m, folder})
}

// removing removes a folder when the tests have run.
type removing struct {
	*testing.M
	folder string
}

func (r removing) Run() int {
	code := r.M.Run()
	if err := os.RemoveAll(r.folder); err != nil {
		panic(err)
	}
	return code
}

// buildAll builds all modules side by side, once for all tests.
func buildAll(t *testing.T) string {
	t.Helper()
	built.Do(func() { buildInto(t, filepath.Join(built.folder, "modules")) })
	folder := filepath.Join(built.folder, "modules")
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != len(sources) {
		t.Fatalf("%d of %d modules are built, %v", len(entries), len(sources), err)
	}
	return folder
}

func buildInto(t *testing.T, folder string) {
	t.Helper()
	var all sync.WaitGroup
	for prefix, dir := range sources {
		all.Go(func() {
			_, err := build.Build(t.Context(), dir, build.Options{Out: filepath.Join(folder, prefix+".wasm")})
			if err != nil {
				t.Errorf("%v\nscripts/setup modules installs what builds it", err)
			}
		})
	}
	all.Wait()
}

// texts writes files whose words are counted, and returns their folder.
func texts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "and And and  apple\tavocado and\u00a0an an\n\nthe the Äpfel äpfel apple\n",
		"b.txt": "one two\u2003and three  apple\nAnd so it goes: and, an\n\U0001f600 \"quoted\" back\\slash\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open opens a runtime with the modules of a folder.
func open(t *testing.T, remote, modules string) *host.Runtime {
	t.Helper()
	return openWith(t, host.Config{Plugins: modules, Spark: remote})
}

// openWith opens a runtime with a home of its own.
func openWith(t *testing.T, cfg host.Config) *host.Runtime {
	t.Helper()
	cfg.Home = t.TempDir()
	runtime, err := host.OpenRuntime(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range runtime.Modules() {
		if m.Reason != "" {
			t.Errorf("module %s is refused: %s", m.Name, m.Reason)
		}
	}
	return runtime
}

// call returns a task's answer, or its error as Python prints it.
func call(t *testing.T, r *host.Runtime, task string, args string, kwargs map[string]json.RawMessage) string {
	t.Helper()
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(args), &list); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	answer, err := r.Call(ctx, task, list, kwargs)
	if err != nil {
		return err.Error()
	}
	return string(answer)
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(text)
}

// TestEveryLanguageAnswersAsGoDoes calls the same tasks in every language.
func TestEveryLanguageAnswersAsGoDoes(t *testing.T) {
	modules, dir := buildAll(t), texts(t)
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		r := open(t, remote, modules)
		for _, c := range []struct {
			name, task, args string
			kwargs           map[string]json.RawMessage
			want             string // empty: what Go's module says
			only             string // the modules that have it, if not all do
		}{
			{name: "words with a", task: "WordCount", args: `[` + quoted(dir) + `,"a"]`},
			{name: "words with ä", task: "WordCount", args: `[` + quoted(dir) + `,"Ä"]`},
			{name: "an emoji", task: "WordCount", args: `[` + quoted(dir) + `,"😀"]`, want: `[["😀",1]]`},
			{name: "no words", task: "WordCount", args: `[` + quoted(dir) + `,"q"]`, want: `[]`},
			{name: "keywords", task: "WordCount", args: `[]`, kwargs: map[string]json.RawMessage{"first_letter": []byte(`"o"`), "inputs": []byte(quoted(dir))}, want: `[["one",1]]`},
			{name: "a letter in escapes", task: "WordCount", args: `[` + quoted(dir) + `,"\u00c4\ud83d\ude00\"\\\n"]`, want: `[]`, only: "demo rust as c"},
			{name: "no file", task: "WordCount", args: `["/nowhere","a"]`},
			{name: "no argument", task: "WordCount", args: `[]`, want: "TypeError: WordCount() missing 2 required positional arguments: 'inputs' and 'first_letter'"},
			{name: "a wrong type", task: "WordCount", args: `["x",1]`, want: "TypeError: WordCount() argument 'first_letter' must be str, not int"},
			{name: "an unknown keyword", task: "WordCount", args: `["x"]`, kwargs: map[string]json.RawMessage{"letter": []byte(`"a"`)}, want: "TypeError: WordCount() got an unexpected keyword argument 'letter'"},
			{name: "a limit", task: "WordCount", args: `[` + quoted(dir) + `,"a",2]`, want: `[["and",4],["an",3]]`, only: "rust as c wat"},
			{name: "an error of its own", task: "WordCount", args: `[` + quoted(dir) + `,""]`, want: "ValueError: first_letter is empty", only: "rust as c wat"},
			{name: "a sum", task: "simple_sum", args: `[100000]`, want: "4999950000", only: "demo rust as c"},
			{name: "a sum of nothing", task: "simple_sum", args: `[0]`, want: "0", only: "demo rust as c"},
			{name: "a number too large", task: "simple_sum", args: `[9223372036854775808]`, only: "demo rust as c"},
			{name: "rows in the module", task: "longest", args: `[` + quoted(dir) + `]`, want: `"back\\slash"`, only: "rust as c"},
			{name: "an action's error", task: "longest", args: `["/nowhere"]`, only: "rust as c"},
		} {
			t.Run(c.name, func(t *testing.T) {
				only, want := c.only, c.want
				if only == "" {
					only = "demo rust as c wat"
				}
				for _, prefix := range strings.Fields(only) {
					got := call(t, r, prefix+"."+c.task, c.args, c.kwargs)
					switch {
					case want == "" && !strings.Contains(got, "PATH_NOT_FOUND") && !strings.Contains(got, "OverflowError") && !strings.HasPrefix(got, `[["`):
						t.Errorf("%s: got %s", prefix, got)
					case want == "": // Go's, or the first one's, is what all others answer
						want = got
					case got != want:
						t.Errorf("%s: got %s\nwant %s", prefix, got, want)
					}
				}
			})
		}
	})
}

// TestAPanicTellsWhereItWas ends calls by mistakes of the modules themselves,
// which end an instance each; the next call finds another.
func TestAPanicTellsWhereItWas(t *testing.T) {
	modules, dir, empty := buildAll(t), texts(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "a.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, proctest.Sail(t), modules)
	for prefix, place := range map[string]string{"rust": "src/lib.rs:", "as": "assembly/index.ts:", "c": "wordcount.c:"} {
		for range 3 {
			_, err := r.Call(t.Context(), prefix+".longest", []json.RawMessage{[]byte(quoted(empty))}, nil)
			e, ok := err.(*abi.Error)
			if !ok || e.Module != "sparkstalk" || e.Error() != "Panic: there are no words" || !strings.HasPrefix(e.Traceback, place) {
				t.Fatalf("%s: got %#v", prefix, err)
			}
			if got := call(t, r, prefix+".longest", `[`+quoted(dir)+`]`, nil); got != `"back\\slash"` {
				t.Errorf("%s: got %s after a panic", prefix, got)
			}
		}
	}
	for _, m := range r.Modules() {
		if want := map[string]uint64{"rust": 3, "as": 3, "c": 3}[m.Name]; m.Traps != want {
			t.Errorf("%s has trapped %d times, want %d", m.Name, m.Traps, want)
		}
	}
}

// TestManifestsSayTheSame compares what the modules say of WordCount.
func TestManifestsSayTheSame(t *testing.T) {
	infos, err := host.InspectAll(t.Context(), host.Config{Plugins: buildAll(t), Home: t.TempDir()})
	if err != nil || len(infos) != len(sources) {
		t.Fatalf("got %d modules, %v", len(infos), err)
	}
	var want string
	for _, m := range infos {
		if m.Name == "demo" {
			continue
		}
		for _, task := range m.Tasks {
			if task.Name = strings.TrimPrefix(task.Name, m.Name+"."); task.Name != "WordCount" {
				continue
			}
			got, err := json.Marshal(task)
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = string(got)
			}
			if string(got) != want || !strings.Contains(want, `"default":5`) || !strings.Contains(want, `"max_retries":1`) {
				t.Errorf("%s describes it as\n%s\nothers as\n%s", m.Name, got, want)
			}
		}
	}
}

// TestStatesReachTheClient looks at what a task tells before its end.
func TestStatesReachTheClient(t *testing.T) {
	modules, dir := buildAll(t), texts(t)
	r := open(t, proctest.Sail(t), modules)
	for _, prefix := range []string{"rust", "as", "c"} {
		var states []string
		_, err := r.CallTelling(t.Context(), prefix+".longest", []json.RawMessage{[]byte(quoted(dir))}, nil, func(state string, meta json.RawMessage) {
			states = append(states, state+" "+strings.ReplaceAll(string(meta), " ", ""))
		})
		if err != nil || len(states) == 0 || states[0] != `PROGRESS {"step":"collecting"}` {
			t.Errorf("%s: got %v, %v", prefix, states, err)
		}
	}
}
