package scaffold

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/guesttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// checkout is the repository's top folder.
const checkout = "../.."

func TestAModuleOutsideOfTheCheckoutReplacesTheSDK(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "words")
	made, err := New(Config{Dir: dir, Version: "0.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{".gitignore", "README.md", "go.mod", "main.go", "main_test.go", "testdata/recorded/TestTopOnAnEngine.json"}; !slices.Equal(made.Files, want) {
		t.Errorf("made %v, want %v", made.Files, want)
	}
	root, err := filepath.Abs(checkout)
	if err != nil {
		t.Fatal(err)
	}
	if made.SDK != root || made.Module != "" || made.Task != "words.top" {
		t.Errorf("made %+v", made)
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "replace " + SDKModule + " => " + root; !strings.Contains(string(text), want) || !strings.Contains(string(text), SDKModule+" v0.1.0") {
		t.Errorf("go.mod is\n%s\nwithout %q", text, want)
	}
}

func TestAModuleWithinOneThatHasTheSDKIsAPackageOfIt(t *testing.T) {
	parent := t.TempDir()
	for text, inside := range map[string]bool{
		"module example.com/x\n\nrequire " + SDKModule + " v0.1.0\n":               true,
		"module example.com/x\n\nrequire (\n\t" + SDKModule + " v0.1.0\n)\n":       true,
		"module " + SDKModule + "\n":                                               true,
		"module example.com/x\n\nrequire example.com/sparkstalk/sparkstalk v0.1\n": false,
	} {
		if err := os.WriteFile(filepath.Join(parent, "go.mod"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(parent, "tasks", "words")
		made, err := New(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if got := !slices.Contains(made.Files, "go.mod"); got != inside || got != (made.Module != "") {
			t.Errorf("below\n%s: made %+v", text, made)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingThatIsThereIsChanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "words")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "main.go")
	if err := os.WriteFile(mine, []byte("package mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "package mine" {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestBadNamesAndLanguages(t *testing.T) {
	for want, cfg := range map[string]Config{
		`"Words" is no name`:              {Dir: "/nowhere/Words"},
		`"my-words" is no name`:           {Dir: "/nowhere/my-words"},
		`"func" is no name`:               {Dir: "/nowhere/func"},
		`the language "cobol"; there are`: {Dir: "/nowhere/words", Lang: "cobol"},
		"is no checkout of sparkstalk":    {Dir: "/nowhere/words", SDK: os.TempDir()},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", cfg, err, want)
		}
	}
}

// A module cannot ask for an older Go than the SDK does.
func TestGoVersionIsTheSDKs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(text); m == nil || string(m[1]) != goVersion {
		t.Errorf("go.mod has %q, templates %s", m, goVersion)
	}
}

// TestModulesOfEachLanguageBuildTestAndRun builds what is made with what the
// folder has alone, runs its tests, and calls its task.
func TestModulesOfEachLanguageBuildTestAndRun(t *testing.T) {
	plugins := t.TempDir()
	languages := map[string]string{"go": "go.mod", "rust": "sparkstalk/src/host.rs", "as": "sparkstalk/host.ts", "c": "sparkstalk/sparkstalk_v1.h"}
	for lang, file := range languages {
		t.Run(lang, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), lang+"words")
			made, err := New(Config{Dir: dir, Lang: lang, Version: "0.1.0"})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(made.Files, file) || made.Task != lang+"words.top" {
				t.Errorf("made %+v, without %s", made, file)
			}
			if lang == "as" { // npm would fetch the compiler, which an example has
				modules, err := filepath.Abs(filepath.Join(checkout, "examples/wordcount-assemblyscript/node_modules"))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := build.Build(t.Context(), dir, build.Options{Out: filepath.Join(plugins, lang+"words.wasm")}); err != nil {
				t.Fatalf("%v\nscripts/setup modules installs what builds it", err)
			}
			if lang == "go" || lang == "rust" {
				ownTests(t, dir, map[string]string{"go": "ok  \tgowords", "rust": "top_refuses_to_return_nothing ... ok"}[lang])
				return
			}
			tests, _, err := build.GuestTests(t.Context(), dir, t.TempDir(), build.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range tests {
				file, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				o := guesttest.Options{
					Name:      strings.TrimSuffix(filepath.Base(name), ".wasm"),
					Recording: sdktest.Recording{Folder: filepath.Join(dir, "testdata", "recorded")},
				}
				if r, err := guesttest.Run(t.Context(), file, o, t.Output()); err != nil || r != (guesttest.Result{Passed: 2}) {
					t.Errorf("its tests: %+v, %v", r, err)
				}
			}
		})
	}
	if _, err := build.TestCommand(t.Context(), t.TempDir(), false); err == nil {
		t.Error("an empty folder has tests")
	}
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		r, err := host.OpenRuntime(t.Context(), host.Config{Plugins: plugins, Spark: remote, Home: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
		for lang := range languages {
			for args, want := range map[string]string{
				`["to be or Not to be"]`:    `[["be",2],["to",2],["not",1]]`,
				`["to be or not to be", 1]`: `[["be",2]]`,
				`["x", 0]`:                  "ValueError: n must be positive, not 0",
			} {
				var list []json.RawMessage
				if err := json.Unmarshal([]byte(args), &list); err != nil {
					t.Fatal(err)
				}
				answer, err := r.Call(t.Context(), lang+"words.top", list, nil)
				if got := string(answer); err == nil && got != want || err != nil && err.Error() != want {
					t.Errorf("%swords.top%s: got %s, %v; want %s", lang, args, got, err, want)
				}
			}
		}
	})
}

// ownTests runs tests with the language's own tool, which says want of them.
func ownTests(t *testing.T, dir, want string) {
	t.Helper()
	cmd, err := build.TestCommand(t.Context(), dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%v\n%s", err, out)
	}
}
