package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/scaffold"
)

// tasksUnderTest use what recordings must be able to hold: rows of both forms,
// views, commands, errors, cursors with their bytes, numbers and texts.
const tasksUnderTest = `package main

import (
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type path struct {
	Path string ` + "`arg:\"path\"`" + `
}

type answers struct {
	Sum    float64
	Names  []string
	Rows   int64
	Schema []string
	Shown  string
	Exists bool
	Keys   []int64
}

func all(ctx *sdk.Context, a path) (out answers, err error) {
	sales := ctx.Spark().Read().Parquet(a.Path)
	if err := sales.CreateTempView("sales"); err != nil {
		return out, err
	}
	if out.Sum, err = spark.Scalar[float64](ctx.Spark().SQL("SELECT sum(amount) AS s FROM sales").Select(F.Col("s"))); err != nil {
		return out, err
	}
	if out.Rows, err = ctx.Spark().Table("sales").Count(); err != nil {
		return out, err
	}
	if out.Schema, err = sales.Columns(); err != nil {
		return out, err
	}
	if out.Shown, err = sales.ShowString(1, 5, false); err != nil {
		return out, err
	}
	if out.Exists, err = ctx.Spark().Catalog().TableExists("no_such_table"); err != nil {
		return out, err
	}
	out.Shown = strings.TrimSpace(out.Shown) // the engines end it otherwise
	rows, err := sales.OrderBy(F.Asc("customer")).Collect()
	if err != nil {
		return out, err
	}
	for _, row := range rows {
		name, _ := row.Get("customer").(string)
		out.Names = append(out.Names, name)
	}
	return out, nil
}

func init() { sdk.Task("test.all", all) }

func TestAll(t *testing.T) {
	h := sdktest.Recorded(t)
	h.Given("/data/sales", "customer string, amount double", []any{"Ada", 12.5}, []any{"Bob", nil}, []any{"Cy", 2})
	got, err := h.Call("test.all", "/data/sales")
	t.Logf("%s %v", got, err)
	if want := WANT; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	_, err = h.Call("test.all", "/no/such/path")
	if err == nil || err.(*sdk.Error).Type != "AnalysisException" {
		t.Errorf("got %v", err)
	}
}
`

const want = `{\"Sum\":14.5,\"Names\":[\"Ada\",\"Bob\",\"Cy\"],\"Rows\":3,\"Schema\":[\"customer\",\"amount\"],` +
	`\"Shown\":\"+--------+------+\\n|customer|amount|\\n+--------+------+\\n|     Ada|  12.5|\\n+--------+------+\\nonly showing top 1 row\",\"Exists\":false,\"Keys\":null}`

// tryTest runs sparkstalk test in dir and returns what was printed.
func tryTest(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"test"}, args...))
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

func TestTestsAreRecordedWithOneEngineAndHoldOfTheOther(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "words")
	if _, err := scaffold.New(scaffold.Config{Dir: dir, Version: "0.1.0"}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "all_test.go")
	source := strings.Replace(tasksUnderTest, "WANT", `"`+want+`"`, 1)
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := tryTest(t, dir); err == nil || !strings.Contains(out, "no recording of this test") || !strings.Contains(out, "--record") {
		t.Errorf("without a recording: got %v\n%s", err, out)
	}
	if out, err := tryTest(t, dir, "--spark", proctest.Spark(t)); err != nil {
		t.Errorf("with Spark: got %v\n%s", err, out)
	}
	if out, err := tryTest(t, dir, "--spark", proctest.Sail(t), "--record"); err != nil {
		t.Errorf("recording: got %v\n%s", err, out)
	}
	if out, err := tryTest(t, dir); err != nil {
		t.Errorf("from the recording: got %v\n%s", err, out)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(source, `"Cy", 2`, `"Cy", 3`, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := tryTest(t, dir, "--", "-run", "TestAll"); err == nil || !strings.Contains(out, "has no answer to View") || !strings.Contains(out, `["Cy",3]`) {
		t.Errorf("with other rows: got %v\n%s", err, out)
	}
	if out, err := tryTest(t, dir, "--spark", proctest.Sail(t), "--", "-run", "TestAll"); err == nil || !strings.Contains(out, `"Sum":15.5`) {
		t.Errorf("with other rows and an engine: got %v\n%s", err, out)
	}
}

func TestTestsInCAreRecordedWithOneEngineAndHoldOfTheOther(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "words")
	if _, err := scaffold.New(scaffold.Config{Dir: dir, Lang: "c"}); err != nil {
		t.Fatal(err)
	}
	const all = "2 passed, 0 failed\n"
	if out, err := tryTest(t, dir, "--spark", proctest.Spark(t)); err != nil || !strings.HasSuffix(out, all) {
		t.Errorf("with Spark: got %v\n%s", err, out)
	}
	recordings := filepath.Join(dir, "testdata", "recorded")
	if err := os.RemoveAll(recordings); err != nil {
		t.Fatal(err)
	}
	if out, err := tryTest(t, dir); err == nil || !strings.Contains(out, "record it with `sparkstalk test") || !strings.HasSuffix(out, "1 passed, 1 failed\n") {
		t.Errorf("without a recording: got %v\n%s", err, out)
	}
	if out, err := tryTest(t, dir, "--spark", proctest.Sail(t), "--record"); err != nil || !strings.HasSuffix(out, all) {
		t.Errorf("recording: got %v\n%s", err, out)
	}
	if out, err := tryTest(t, dir); err != nil || !strings.HasSuffix(out, all) {
		t.Errorf("from the recording: got %v\n%s", err, out)
	}
	if files, err := os.ReadDir(recordings); err != nil || len(files) != 1 {
		t.Errorf("recorded %v, %v", files, err)
	}
}
