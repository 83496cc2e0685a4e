package sdktest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

type recordedArgs struct {
	Path string `arg:"path"`
}

func init() {
	sdk.Task("recorded.count", func(ctx *sdk.Context, a recordedArgs) (int64, error) {
		return ctx.Spark().Read().Parquet(a.Path).Union(ctx.Spark().Table("old")).Count()
	})
}

func TestGivenRowsStandInForTablesAndFiles(t *testing.T) {
	h := sdktest.New(t)
	h.Given("/data", "n bigint, s string", []any{1, "a"}, []any{nil, "b"})
	h.Given("old", "n bigint", 7)
	h.On("").Count(3)
	if got, err := h.Call("recorded.count", "/data"); err != nil || string(got) != "3" {
		t.Errorf("got %s, %v", got, err)
	}
	for _, want := range []string{`local "n bigint, s string" [[1,"a"],[null,"b"]]`, `local "n bigint" [[7]]`} {
		if !strings.Contains(h.Plan(), want) {
			t.Errorf("the plan has no %s:\n%s", want, h.Plan())
		}
	}
}

// A fatal is a test that keeps why it failed.
type fatal struct {
	name     string
	messages []string
}

func (f *fatal) Helper()        {}
func (f *fatal) Name() string   { return f.name }
func (f *fatal) Cleanup(func()) {}
func (f *fatal) Fatalf(format string, args ...any) {
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

func TestRecordedAnswersAreGivenInTheirOrder(t *testing.T) {
	if os.Getenv("SPARKSTALK_TEST_HOST") != "" {
		t.Fatal("this test is about runs without an engine")
	}
	t.Chdir(t.TempDir())
	path := filepath.Join("testdata", "recorded", "TestX_a_b.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	recording := `[{"action": "Count", "plan": ["union all", "  read parquet \"/data\"", "  table old"],
		"answers": [{"json": 1}, {"error": {"type": "AnalysisException", "module": "pyspark.errors", "args": ["no"]}}]}]`
	if err := os.WriteFile(path, []byte(recording), 0o666); err != nil {
		t.Fatal(err)
	}
	f := &fatal{name: "TestX/a b"}
	h := sdktest.Recorded(f)
	for _, want := range []string{"1 <nil>", " AnalysisException: no", " AnalysisException: no"} {
		got, err := h.Call("recorded.count", "/data")
		if text := fmt.Sprintf("%s %v", got, err); text != want {
			t.Errorf("got %s, want %s (%q)", text, want, f.messages)
		}
	}
	if _, err := h.Call("recorded.count", "/other"); err == nil || len(f.messages) != 1 || !strings.Contains(f.messages[0], `read parquet "/other"`) || !strings.Contains(f.messages[0], "--record") {
		t.Errorf("a plan without an answer: got %v, %q", err, f.messages)
	}
	sdktest.Recorded(&fatal{name: "TestX/a b"})
	none := &fatal{name: "TestY"}
	if sdktest.Recorded(none); len(none.messages) != 1 || !strings.Contains(none.messages[0], "no recording of this test") {
		t.Errorf("without a recording: got %q", none.messages)
	}
}
