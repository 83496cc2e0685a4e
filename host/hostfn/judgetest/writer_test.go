package judgetest_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A written is a folder that is written in one or more steps, by PySpark and in
// Go, or one that is read.
type written struct {
	Name        string            `json:"name"`
	Format      string            `json:"format"`
	Options     map[string]string `json:"options"`
	Schema      string            `json:"schema"` // to read it with
	PartitionBy []string          `json:"partition_by"`
	Sizes       []int64           `json:"sizes"` // rows of each step
	Modes       []string          `json:"modes"` // of each step
	Path        string            `json:"path,omitempty"`
	Order       string            `json:"order,omitempty"`
	lacks       string            // on Sail
}

const (
	allColumns = "id BIGINT, part BIGINT, day DATE, word STRING, price DECIMAL(9,2), none BIGINT"
	someday    = "id BIGINT, word STRING, price DECIMAL(9,2), none BIGINT, day DATE, part BIGINT"
)

var writings = []written{
	{Name: "parquet", Format: "parquet", Schema: allColumns, Sizes: []int64{4}, Modes: []string{""}},
	{Name: "parquet_partitions", Format: "parquet", Schema: someday, PartitionBy: []string{"day", "part"}, Sizes: []int64{4}, Modes: []string{"error"}},
	{Name: "append", Format: "json", Schema: allColumns, Sizes: []int64{3, 2}, Modes: []string{"", "append"}},
	{Name: "ignore", Format: "json", Schema: allColumns, Sizes: []int64{3, 2}, Modes: []string{"ignore", "ignore"}},
	{Name: "overwrite", Format: "parquet", Schema: someday, PartitionBy: []string{"part"}, Sizes: []int64{5, 1}, Modes: []string{"overwrite", "overwrite"}},
	// By default Spark writes \" for a quotation mark in a value, and Sail "".
	{Name: "csv", Format: "csv", Schema: allColumns, Options: map[string]string{"header": "true", "escape": `"`}, Sizes: []int64{4}, Modes: []string{""}},
	{Name: "csv_separator", Format: "csv", Schema: allColumns, Options: map[string]string{"sep": "|", "nullValue": "-", "escape": `"`}, Sizes: []int64{4}, Modes: []string{""}, lacks: "Error while parsing value '-'"},
	{Name: "json_partitions", Format: "json", Schema: someday, PartitionBy: []string{"day", "part"}, Options: map[string]string{"compression": "gzip"}, Sizes: []int64{4}, Modes: []string{""}},
	{Name: "text", Format: "text", Schema: "value STRING", Sizes: []int64{3}, Modes: []string{""}},
	{Name: "orc", Format: "orc", Schema: someday, PartitionBy: []string{"part"}, Sizes: []int64{3}, Modes: []string{""}, lacks: "Sail does not have this"},
	{Name: "xml", Format: "xml", Schema: allColumns, Options: map[string]string{"rowTag": "row"}, Sizes: []int64{3}, Modes: []string{""}, lacks: "Sail does not have this"},
}

// frame is the DataFrame that writer.py writes.
func (w written) frame(s *spark.Session, n int64) *spark.DataFrame {
	id := F.Col("id")
	df := s.Range(0, n).WithColumn("part", id.Mod(2)).WithColumn("day", F.Expr("date_add(DATE'2024-02-28', CAST(id AS INT))")).
		WithColumn("word", F.Concat(F.Lit(`w,"é `), id.Cast("string"))).
		WithColumn("price", id.Multiply(1.25).Cast("decimal(9,2)")).
		WithColumn("none", F.When(id.Gt(1), id))
	if w.Format == "text" {
		return df.Select(F.Col("word").As("value"))
	}
	return df
}

func (w written) reader(s *spark.Session) *spark.Reader {
	r := s.Read().Format(w.Format).Schema(w.Schema)
	for name, value := range w.Options {
		r = r.Option(name, value)
	}
	return r
}

// write writes to path and returns what is there then.
func (w written) write(s *spark.Session, path string) (any, error) {
	for i, n := range w.Sizes {
		to := w.frame(s, n).Write().Format(w.Format).PartitionBy(w.PartitionBy...)
		for name, value := range w.Options {
			to = to.Option(name, value)
		}
		if w.Modes[i] != "" {
			to = to.Mode(w.Modes[i])
		}
		if err := to.Save(path); err != nil {
			return nil, err
		}
	}
	df := w.reader(s).Load(path)
	columns, err := df.Columns()
	if err != nil {
		return nil, err
	}
	slices.Sort(columns)
	texts := make([]spark.ColumnOrName, len(columns))
	for i, c := range columns {
		texts[i] = F.Col(c).Cast("string").As(c)
	}
	data, err := df.Select(texts...).CollectJSON(0)
	if err != nil {
		return nil, err
	}
	var rows [][]any
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(fmt.Sprintf("%q", a), fmt.Sprintf("%q", b)) })
	folders := []string{} // with files
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Dir(p) != path {
			relative, _ := filepath.Rel(path, filepath.Dir(p))
			folders = append(folders, relative)
		}
		return err
	})
	slices.Sort(folders)
	return map[string]any{"layout": slices.Compact(folders), "rows": rows}, err
}

func TestWritesAreThoseOfPySpark(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "py"), 0o755); err != nil {
		t.Fatal(err)
	}
	suite := judgetest.Suite{Script: "testdata/writer.py", Args: map[string]string{"folder": folder}}
	var reads []written
	read := func(w written, path string) {
		w.Path, w.Order = path, "id"
		if w.Format == "text" {
			w.Order = "value"
		}
		w.Name = fmt.Sprintf("read_%d_%s", len(reads), w.Name)
		reads = append(reads, w)
	}
	runs := make(map[string]int)
	for _, w := range writings {
		suite.Cases = append(suite.Cases, judgetest.Case{Name: w.Name, SailLacks: w.lacks, Value: func(s *spark.Session) (any, error) {
			path := filepath.Join(folder, fmt.Sprintf("go-%s-%d", w.Name, runs[w.Name]))
			got, err := w.write(s, path)
			runs[w.Name]++
			if onSail := runs[w.Name] == 1; onSail && err == nil {
				read(w, path)
			}
			return got, err
		}})
	}
	suite.Args["cases"] = asJSON(t, writings)
	t.Run("write", func(t *testing.T) { judgetest.Run(t, suite) })

	// What Go wrote on Sail PySpark reads on Spark as Go does, and what PySpark
	// wrote Go reads on either engine as PySpark does.
	for _, w := range writings {
		read(w, filepath.Join(folder, "py", w.Name))
	}
	if want := 2*len(writings) - 3; len(reads) != want {
		t.Fatalf("%d folders were written, want %d", len(reads), want)
	}
	back := judgetest.Suite{Script: "testdata/writer.py", Args: map[string]string{"folder": folder, "cases": asJSON(t, reads)}}
	for _, w := range reads {
		back.Cases = append(back.Cases, judgetest.Case{Name: w.Name, SailLacks: w.lacks, Frame: func(s *spark.Session) *spark.DataFrame {
			return w.reader(s).Load(w.Path).OrderBy(w.Order)
		}})
	}
	t.Run("read", func(t *testing.T) { judgetest.Run(t, back) })
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
