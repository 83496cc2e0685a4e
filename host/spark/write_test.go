package spark_test

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// counted is how many rows a frame has, or -1 if that cannot be known.
func counted(t *testing.T, session *spark.Session, df *spark.DataFrame) int64 {
	t.Helper()
	n, err := session.Count(t.Context(), df, spark.Options{})
	if err != nil {
		t.Error(err)
		return -1
	}
	return n
}

// evens has the columns id and a, which is 0 or 1.
func evens(n int64) *spark.DataFrame {
	return spark.Range(0, n, 1, 2).WithColumns([]string{"a"}, []*spark.Column{call("%", spark.Col("id"), spark.Lit(2))})
}

func TestWriteModes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		table, path := uniqueName(), filepath.Join(t.TempDir(), "out")
		// Spark looks files up once for each frame, so each look is at a new one.
		to := map[string]struct {
			write spark.Write
			back  func() *spark.DataFrame
		}{
			"path":  {spark.Write{Path: path, Format: "parquet"}, func() *spark.DataFrame { return spark.Read("parquet", "", nil, []string{path}) }},
			"table": {spark.Write{Table: table}, func() *spark.DataFrame { return spark.Table(table, nil) }},
		}
		for name, target := range to {
			w := target.write
			step := func(mode string, n, want int64) {
				t.Helper()
				w.Mode = mode
				if err := session.Write(t.Context(), evens(n), w, spark.Options{}); err != nil {
					t.Errorf("%s, mode %q: %v", name, mode, err)
				} else if got := counted(t, session, target.back()); got != want {
					t.Errorf("%s, mode %q: %d rows, want %d", name, mode, got, want)
				}
			}
			step("", 4, 4)
			for _, mode := range []string{"", "error", "errorifexists"} {
				w.Mode = mode
				err := session.Write(t.Context(), evens(4), w, spark.Options{})
				if err == nil || !strings.Contains(err.Error(), "already exists") {
					t.Errorf("%s: mode %q over what is there gives %v", name, mode, err)
				}
			}
			step("append", 2, 6)
			step("IGNORE", 2, 6)
			step("overwrite", 3, 3)
			if name == "table" {
				w.Insert = true
				step("append", 2, 5)
				step("overwrite", 2, 2)
			}
		}
		err := session.Write(t.Context(), evens(4), spark.Write{Table: uniqueName(), Insert: true}, spark.Options{})
		if err == nil || !strings.Contains(err.Error(), "TABLE_OR_VIEW_NOT_FOUND") && !strings.Contains(err.Error(), "ot found") {
			t.Errorf("insertInto a table that is not there gives %v", err)
		}
		if _, err := session.Catalog(t.Context(), spark.CatalogCall{Call: "dropTable", Name: table}, spark.Options{}); err != nil {
			t.Error(err)
		}
	})
}

func TestWriteFormatsAndLayout(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		folder := t.TempDir()
		for _, c := range []struct {
			format string
			df     *spark.DataFrame
			opts   map[string]string
			lacks  bool // on Sail
		}{
			{format: "", df: evens(5)},
			{format: "parquet", df: evens(5), opts: map[string]string{"compression": "gzip"}},
			{format: "csv", df: evens(5), opts: map[string]string{"header": "true"}},
			{format: "json", df: evens(5)},
			{format: "text", df: evens(5).Select(spark.Col("id").Cast("string", false).Alias("value"))},
			{format: "orc", df: evens(5), lacks: true},
			{format: "xml", df: evens(5), opts: map[string]string{"rowTag": "row"}, lacks: true},
		} {
			path := filepath.Join(folder, "to-"+c.format)
			err := session.Write(t.Context(), c.df, spark.Write{Path: path, Format: c.format, Options: c.opts}, spark.Options{})
			if c.lacks && engine == "sail" {
				if err == nil || !strings.Contains(err.Error(), "Sail does not have this") || !strings.Contains(err.Error(), c.format) {
					t.Errorf("%s: got %v", c.format, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.format, err)
				continue
			}
			if got := counted(t, session, spark.Read(cmp.Or(c.format, "parquet"), "", c.opts, []string{path})); got != 5 {
				t.Errorf("%s: %d rows come back", c.format, got)
			}
		}
		path := filepath.Join(folder, "by")
		if err := session.Write(t.Context(), evens(5), spark.Write{Path: path, Format: "json", PartitionBy: []string{"a"}}, spark.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"a=0", "a=1"} {
			if _, err := os.Stat(filepath.Join(path, part)); err != nil {
				t.Error(err)
			}
		}
		if got := counted(t, session, spark.Read("json", "", nil, []string{path + "/a=0"})); got != 3 {
			t.Errorf("the partition has %d rows", got)
		}
		// Only the partition that the rows are of, or a word that it cannot be.
		dynamic := spark.Write{Path: path, Format: "json", Mode: "overwrite", PartitionBy: []string{"a"}, Options: map[string]string{"PartitionOverwriteMode": "DYNAMIC"}}
		refuse := func(what string, w spark.Write, rows int64) {
			t.Helper()
			err := session.Write(t.Context(), evens(1), w, spark.Options{})
			if engine == "sail" {
				if _, ok := errors.AsType[*spark.LacksError](err); !ok || !strings.Contains(err.Error(), what) {
					t.Errorf("got %v", err)
				}
				rows = 5
			} else if err != nil {
				t.Error(err)
			}
			if got := counted(t, session, spark.Read("json", "", nil, []string{path})); got != rows {
				t.Errorf("%s leaves %d rows, want %d", what, got, rows)
			}
		}
		refuse("partitionOverwriteMode=dynamic", dynamic, 3)
		table := uniqueName()
		refuse("bucketBy", spark.Write{Table: table, Format: "json", Buckets: 2, BucketBy: []string{"id"}, SortBy: []string{"id"}}, 3)
		if engine == "spark" {
			if err := session.Exec(t.Context(), "DROP TABLE "+table, spark.Options{}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWrongWrites(t *testing.T) {
	session := openWith(t, spark.Config{Remote: "sc://127.0.0.1:1"})
	df := evens(1)
	for want, err := range map[string]error{
		`mode "replace" is unknown; it is append, overwrite, error or ignore`: session.Write(t.Context(), df, spark.Write{Path: "/x", Mode: "replace"}, spark.Options{}),
		`to the path "/x" or to the table "t", not both`:                      session.Write(t.Context(), df, spark.Write{Path: "/x", Table: "t"}, spark.Options{}),
		"inserted into a table only":                                          session.Write(t.Context(), df, spark.Write{Path: "/x", Insert: true}, spark.Options{}),
		"2 buckets by 0 columns":                                              session.Write(t.Context(), df, spark.Write{Table: "t", Buckets: 2}, spark.Options{}),
		"write to a table: none is named":                                     session.WriteTo(t.Context(), df, spark.WriteTo{Mode: "create"}, spark.Options{}),
		`mode "insert" is unknown; it is create, replace`:                     session.WriteTo(t.Context(), df, spark.WriteTo{Table: "t", Mode: "insert"}, spark.Options{}),
		"mode overwrite, and no other, has a condition":                       session.WriteTo(t.Context(), df, spark.WriteTo{Table: "t", Mode: "append", Condition: spark.Lit(true)}, spark.Options{}),
		"there is no condition for which rows match":                          session.Merge(t.Context(), df, spark.Merge{Table: "t"}, spark.Options{}),
		"there is nothing to do":                                              session.Merge(t.Context(), df, spark.Merge{Table: "t", Condition: spark.Lit(true)}, spark.Options{}),
		`action "upsert" is unknown`:                                          session.Merge(t.Context(), df, spark.Merge{Table: "t", Condition: spark.Lit(true), Matched: []spark.MergeClause{{Action: "upsert"}}}, spark.Options{}),
	} {
		if _, ok := errors.AsType[*spark.ArgumentError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestWriteToTablesAndMerge(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		table := uniqueName()
		to := func(w spark.WriteTo, df *spark.DataFrame) error {
			w.Table = table
			return session.WriteTo(t.Context(), df, w, spark.Options{})
		}
		if engine == "spark" {
			// Spark itself has no tables of this kind: Delta and Iceberg are jars.
			properties := map[string]string{"made.by": "a test"}
			if err := to(spark.WriteTo{Mode: "create", Using: "parquet", PartitionedBy: []*spark.Column{call("bucket", spark.Lit(2), spark.Col("id"))}, Properties: properties}, evens(4)); err != nil {
				t.Fatal(err)
			}
			got, err := session.Catalog(t.Context(), spark.CatalogCall{Call: "getCreateTableString", Name: table}, spark.Options{})
			if err != nil || !strings.Contains(string(got), "CLUSTERED BY (id)") || !strings.Contains(string(got), "'made.by' = 'a test'") {
				t.Errorf("got %s, %v", got, err)
			}
			err = to(spark.WriteTo{Mode: "append"}, evens(4))
			if err == nil || !strings.Contains(err.Error(), "Cannot write into v1 table") {
				t.Errorf("got %v", err)
			}
			err = session.Merge(t.Context(), evens(4), spark.Merge{Table: table, Condition: spark.Lit(true), Matched: []spark.MergeClause{{Action: "delete"}}}, spark.Options{})
			if err == nil || !strings.Contains(err.Error(), "MERGE INTO TABLE") {
				t.Errorf("got %v", err)
			}
		} else {
			step := func(w spark.WriteTo, df *spark.DataFrame, want string) {
				t.Helper()
				if err := to(w, df); err != nil {
					t.Fatal(err)
				}
				got, err := rows(t.Context(), session, spark.Table(table, nil).Sort(cols("id", "a"), true), spark.RowArrays)
				if err != nil || got != want {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
			}
			step(spark.WriteTo{Mode: "create", Using: "delta"}, evens(2), `[[0,0],[1,1]]`)
			step(spark.WriteTo{Mode: "append"}, evens(2), `[[0,0],[0,0],[1,1],[1,1]]`)
			step(spark.WriteTo{Mode: "overwrite", Condition: call("==", spark.Col("a"), spark.Lit(int64(1)))}, evens(4).Filter(spark.SQLExpr("id = 3")), `[[0,0],[0,0],[3,1]]`)
			step(spark.WriteTo{Mode: "create_or_replace", Using: "delta"}, evens(3), `[[0,0],[1,1],[2,0]]`)
			step(spark.WriteTo{Mode: "replace", Using: "delta"}, evens(4), `[[0,0],[1,1],[2,0],[3,1]]`)
			source := spark.Range(2, 6, 1, 1).WithColumns([]string{"a"}, []*spark.Column{spark.Lit(int64(9))}).Alias("s")
			merge := spark.Merge{
				Table: table, Condition: spark.SQLExpr(table + ".id = s.id"),
				Matched: []spark.MergeClause{
					{Action: "update", Condition: spark.SQLExpr("s.id = 2"), Columns: []string{"a"}, Values: []*spark.Column{spark.SQLExpr("s.a + 1")}},
					{Action: "delete"},
				},
				NotMatched: []spark.MergeClause{{Action: "insert", Condition: spark.SQLExpr("s.id = 4"), Columns: []string{"id", "a"}, Values: cols("s.id", "s.a")}},
			}
			if err := session.Merge(t.Context(), source, merge, spark.Options{}); err != nil {
				t.Fatal(err)
			}
			got, err := rows(t.Context(), session, spark.Table(table, nil).Sort(cols("id", "a"), true), spark.RowArrays)
			if want := `[[0,0],[1,1],[2,10],[4,9]]`; err != nil || got != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
			err = to(spark.WriteTo{Mode: "overwrite_partitions"}, evens(2))
			if err == nil || !strings.Contains(err.Error(), "Sail does not have this") {
				t.Errorf("got %v", err)
			}
		}
		if _, err := session.Catalog(t.Context(), spark.CatalogCall{Call: "dropTable", Name: table}, spark.Options{}); err != nil {
			t.Error(err)
		}
	})
}

func TestSourcesThatNeedMoreThanTheEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		jdbc := map[string]string{"url": "jdbc:nosuch://h/d", "dbtable": "t"}
		for name, c := range map[string]struct {
			df    *spark.DataFrame
			spark string
		}{
			"jdbc":       {spark.ReadJDBC(jdbc, nil), "No suitable driver"},
			"predicates": {spark.ReadJDBC(jdbc, []string{"a < 1", "a >= 1"}), "No suitable driver"},
			"changes":    {spark.Changes("t", map[string]string{"startingVersion": "1"}), "CHANGE_DATA_CAPTURE"},
		} {
			want := c.spark
			if engine == "sail" {
				want = "Sail does not have this"
			}
			if _, err := session.Count(t.Context(), c.df, spark.Options{}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
	})
}
