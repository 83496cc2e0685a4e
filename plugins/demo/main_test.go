package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

func TestSimpleSumAsksSparkAndReturnsAnInteger(t *testing.T) {
	h := sdktest.New(t)
	h.On("").Rows(4999950000)
	got, err := h.Call("demo.simple_sum", 100000)
	if err != nil || string(got) != "4999950000" {
		t.Errorf("got %s, %v", got, err)
	}
	want := `limit 1
  aggregate coalesce(sum(id), 0)
    range 0 to 100000`
	if h.Plan() != want {
		t.Errorf("got the plan\n%s\nwant\n%s", h.Plan(), want)
	}
}

func TestWordCountSplitsAtWhiteSpaceAndCachesTheCounts(t *testing.T) {
	h := sdktest.New(t)
	h.On("").Rows([]any{"and", 38658}, []any{"a", 20000})
	got, err := h.Call("demo.WordCount", "/texts", "A")
	if err != nil || string(got) != `[["and",38658],["a",20000]]` {
		t.Errorf("got %s, %v", got, err)
	}
	want := `limit 5
  sort count DESC, word ASC
    filter (lower(substring(word, 1, 1)) == lower('A'))
      cache demo.words
        aggregate count(1) AS count by word
          filter not((word == ''))
            select explode(split(value, '[\t-\r\x1c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', -1)) AS word
              read text "/texts"`
	if h.Plan() != want {
		t.Errorf("got the plan\n%s\nwant\n%s", h.Plan(), want)
	}
}

func TestDataFrameWordCountSplitsAtSingleSpaces(t *testing.T) {
	h := sdktest.New(t)
	h.On("split(value, ' ', -1)").Rows([]any{"the", 3})
	got, err := h.Call("demo.DataFrameWordCount", sdktest.Kwargs{"inputs": "/texts", "first_letter": "t"})
	if err != nil || string(got) != `[["the",3]]` {
		t.Errorf("got %s, %v", got, err)
	}
	if caches := h.Caches(); !slices.Equal(caches, []string{"demo.words_by_space"}) {
		t.Errorf("caches %v are used", caches)
	}
}

func TestAnotherLetterUsesTheSameCachedPlan(t *testing.T) {
	h := sdktest.New(t)
	h.On("")
	for _, letter := range []string{"a", "b"} {
		if _, err := h.Call("demo.WordCount", "/texts", letter); err != nil {
			t.Fatal(err)
		}
	}
	cached := func(plan string) string { return plan[bytes.Index([]byte(plan), []byte("cache ")):] }
	if a, b := cached(h.Plans()[0]), cached(h.Plans()[1]); a != b {
		t.Errorf("got two plans:\n%s\n%s", a, b)
	}
}

func TestNoWordsAreAnEmptyList(t *testing.T) {
	h := sdktest.New(t)
	h.On("")
	if got, err := h.Call("demo.WordCount", "/texts", "q"); err != nil || string(got) != "[]" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSparksErrorReachesTheClient(t *testing.T) {
	h := sdktest.New(t)
	h.On("read text").Err(sdk.Errorf("pyspark.errors.AnalysisException", "[PATH_NOT_FOUND] /nowhere"))
	_, err := h.Call("demo.WordCount", "/nowhere", "a")
	if err == nil || err.Error() != "AnalysisException: [PATH_NOT_FOUND] /nowhere" {
		t.Errorf("got %v", err)
	}
}

func TestWrongArgumentsAreTypeErrors(t *testing.T) {
	for want, args := range map[string][]any{
		"TypeError: WordCount() missing 1 required positional argument: 'first_letter'":               {"/texts"},
		"TypeError: WordCount() takes 2 positional arguments but 3 were given":                        {"/texts", "a", 1},
		"TypeError: WordCount() got an unexpected keyword argument 'letter'":                          {"/texts", sdktest.Kwargs{"letter": "a"}},
		"TypeError: WordCount() got multiple values for argument 'inputs'":                            {"/texts", sdktest.Kwargs{"inputs": "/more"}},
		"TypeError: WordCount() argument 'first_letter' must be str, not int":                         {"/texts", 1},
		"TypeError: WordCount() missing 2 required positional arguments: 'inputs' and 'first_letter'": nil,
	} {
		if _, err := sdktest.Call(t, "demo.WordCount", args...); err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
	}
}

// whitespace.json is written by whitespace.py: the code points that Python has
// for white space.
//
//go:embed testdata/whitespace.json
var pythonSpace []byte

func TestWhiteSpaceIsPythons(t *testing.T) {
	var want []rune
	if err := json.Unmarshal(pythonSpace, &want); err != nil {
		t.Fatal(err)
	}
	class := regexp.MustCompile("^" + whiteSpace + "$")
	var got []rune
	for r := range rune(utf8.MaxRune) + 1 {
		if utf8.ValidRune(r) && class.MatchString(string(r)) {
			got = append(got, r)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %U\nwant %U", got, want)
	}
}

func TestItBuildsAsAModule(t *testing.T) {
	out := filepath.Join(t.TempDir(), "demo.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, ".")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"\x00asm", "sparkstalk_describe", "sparkstalk_run", "sparkstalk_v1"} {
		if !bytes.Contains(module, []byte(name)) {
			t.Errorf("the module has no %q", name)
		}
	}
}
