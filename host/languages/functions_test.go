package languages

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
	"github.com/sparkstalk/sparkstalk/host/udf/udftest"
	"github.com/sparkstalk/sparkstalk/sdk/lang"
)

// withFunctions are the languages whose SDKs wrap functions on executors. A
// module of each, in testdata, has the same functions as those of the others.
var withFunctions = []string{"rust", "as", "c"}

// buildFunctions builds these modules, once for all tests, and returns their
// folder.
func buildFunctions(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(built.folder, "functions")
	builtFunctions.Do(func() {
		var all sync.WaitGroup
		for _, language := range withFunctions {
			dir := filepath.Join("testdata/functions", language)
			if language == "as" {
				dir = withSDK(t, dir)
			}
			all.Go(func() {
				_, err := build.Build(t.Context(), dir, build.Options{Out: filepath.Join(folder, language+".wasm")})
				if err != nil {
					t.Errorf("%v\nscripts/setup modules installs what builds it", err)
				}
			})
		}
		all.Wait()
	})
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != len(withFunctions) {
		t.Fatalf("%d of %d modules are built, %v", len(entries), len(withFunctions), err)
	}
	return folder
}

var builtFunctions sync.Once

// withSDK returns a copy of a folder in AssemblyScript that has its SDK and, by a
// link to an example's, the compiler.
func withSDK(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := lang.SDK("as")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(dir, "sparkstalk", name), string(text))
	}
	modules, err := filepath.Abs("../../examples/wordcount-assemblyscript/node_modules")
	if err := errors.Join(err, os.CopyFS(dir, os.DirFS(from)), os.Symlink(modules, filepath.Join(dir, "node_modules"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// libraries are the functions of the modules of a folder, by language.
func libraries(t *testing.T, folder string) map[string]*udf.Library {
	t.Helper()
	infos, err := host.InspectAll(t.Context(), host.Config{Plugins: folder, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*udf.Library{}
	for _, m := range infos {
		if m.Reason != "" {
			t.Fatalf("module %s is refused: %s", m.Name, m.Reason)
		}
		file, err := os.ReadFile(m.Path)
		if err != nil {
			t.Fatal(err)
		}
		out[m.Name] = udf.New(file, m.Hash, m.Functions, 64)
	}
	return out
}

// TestFunctionsOfEveryLanguage calls them on executors.
func TestFunctionsOfEveryLanguage(t *testing.T) {
	folder, remote := buildFunctions(t), proctest.Spark(t)
	s, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for language, l := range libraries(t, folder) {
		t.Run(language, func(t *testing.T) {
			rows := func(query string) string {
				t.Helper()
				text, functions := l.SQL(query)
				got, err := collect(t, s, spark.SQL(text, nil, nil).Using(functions))
				if err != nil {
					return err.Error()
				}
				return got
			}
			for name, values := range udftest.Values {
				// A value as it is, and as functions return it; plain ones are there for some types.
				calls := []string{"CAST(v AS " + udftest.Type(name) + ")"}
				for _, f := range []string{"same_" + name, "plain_" + name} {
					if _, err := l.Call(f, []*spark.Column{spark.Col("v")}); err == nil {
						calls = append(calls, f+"("+calls[0]+")")
					}
				}
				var got [][]json.RawMessage
				text := rows("SELECT " + strings.Join(calls, ", ") + " FROM VALUES " + values + " AS t(v)")
				text = strings.NewReplacer("NaN", `"NaN"`, "-Infinity", `"-Infinity"`).Replace(text)
				if err := json.Unmarshal([]byte(text), &got); err != nil || len(got) == 0 || len(calls) < 2 {
					t.Errorf("%v gives %s", calls, text)
				}
				for _, row := range got {
					for i, value := range row {
						if string(value) != string(row[0]) {
							t.Errorf("%s gives %s for %s", calls[i], value, row[0])
						}
					}
				}
			}
			for query, want := range map[string]string{
				"SELECT none()": `[["nothing in"]]`,
				"SELECT join_all('a', 1, 2.5, true, array('x', 'y'), 'f', 'g', 'h', 'i', 'j')":                  `[["a-f-g-h-i-j-x-y"]]`,
				"SELECT triple(5), triple(CAST(NULL AS BIGINT)), exported(5), exported(CAST(NULL AS BIGINT))":   `[[22,null,22,null]]`,
				"SELECT count(DISTINCT v) > 9 FROM (SELECT dice() AS v FROM range(0, 10, 1, 1))":                `[[true]]`,
				"SELECT id % 2 AS k, sum_squares(id), spread(id) FROM range(0, 10, 1, 3) GROUP BY k ORDER BY k": `[[0,120.0,8],[1,165.0,8]]`,
				"SELECT sum_squares(v), spread(v) FROM VALUES (CAST(NULL AS INT)), (3), (-4) AS t(v)":           `[[25.0,7]]`,
				"SELECT sum_squares(id), spread(id) FROM range(0)":                                              `[[0.0,null]]`,
				"SELECT sum(length(same_string(concat(repeat('x', 60000), id)))) FROM range(0, 100, 1, 2)":      `[[6000190]]`,
			} {
				if got := rows(query); got != want {
					t.Errorf("%s gives %s; want %s", query, got, want)
				}
			}
			for query, words := range map[string][]string{
				"SELECT refuse('cats')":                     {"refuse('cats'): ", "no cats here"},
				"SELECT panics('abc', 17)":                  {"panics('abc', 17): ", "panic: ", "17", source(language) + ":"},
				"SELECT overflows(1)":                       {"overflows(1): ", "stack"},
				"SELECT tasks_only()":                       {"tasks_only(): ", "which only tasks may"},
				"SELECT triple('x')":                        {"triple('x'): ", "argument 1", "bigint"},
				"SELECT same_nested(array(array(1), NULL))": {"same_nested(", "NULL in an array"},
			} {
				if language == "c" && words[0] == "same_nested(" {
					continue // its values have a place for NULL
				}
				got := rows(query)
				for _, word := range words {
					if !strings.Contains(got, word) {
						t.Errorf("%s: the error lacks %q: %.1500s", query, word, got)
					}
				}
			}
			if got := rows("SELECT triple(1)"); got != "[[10]]" {
				t.Errorf("after all of this triple(1) is %s", got)
			}
		})
	}
}

// source is the file of the functions of a language.
func source(language string) string {
	return map[string]string{"rust": "src/lib.rs", "as": "assembly/index.ts", "c": "functions.c"}[language]
}

func collect(t *testing.T, s *spark.Session, df *spark.DataFrame) (string, error) {
	stream, err := s.Collect(t.Context(), df, spark.Options{})
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }() // WriteJSON reads to the end or fails
	var out strings.Builder
	err = spark.WriteJSON(&out, stream, spark.RowArrays, 1<<20)
	return out.String(), err
}

// TestTasksOfEveryLanguageCallFunctions has tasks call their module's functions in
// plans and in SQL text, and the examples' tokenizers count words.
func TestTasksOfEveryLanguageCallFunctions(t *testing.T) {
	modules, functions, dir := buildAll(t), buildFunctions(t), texts(t)
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		on, examples := open(t, remote, functions), open(t, remote, modules)
		has := remote == proctest.Spark(t)
		check := func(what, got, want string) {
			t.Helper()
			if !has {
				want = "Sail"
			}
			if has && got != want || !strings.Contains(got, want) {
				t.Errorf("%s gives %s; want %s", what, got, want)
			}
		}
		for _, language := range withFunctions {
			for _, task := range []string{".calls", ".sql"} {
				check(language+task, call(t, on, language+task, "[]", nil), "[[46,9,574.0]]")
			}
			for _, letter := range []string{"a", "Ä"} {
				args := fmt.Sprintf("[%s,%s]", quoted(dir), quoted(letter))
				want := call(t, examples, "demo.WordCount", args, nil)
				check(language+".WordCountUDF "+letter, call(t, examples, language+".WordCountUDF", args, nil), want)
			}
		}
	})
}

// TestManifestsDescribeTheSameFunctions compares what the modules say of them.
func TestManifestsDescribeTheSameFunctions(t *testing.T) {
	infos, err := host.InspectAll(t.Context(), host.Config{Plugins: buildFunctions(t), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, m := range infos {
		got, err := json.Marshal(m.Functions)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if string(got) != string(want) || !strings.Contains(string(want), `"doc":"ten of them"`) {
			t.Errorf("%s describes them as\n%s\nothers as\n%s", m.Name, got, want)
		}
	}
}
