package sdktest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type archiveArgs struct {
	Table string `arg:"table"`
	Path  string `arg:"path"`
}

func init() {
	sdk.Task("t.archive", func(ctx *sdk.Context, a archiveArgs) (int, error) {
		catalog := ctx.Spark().Catalog()
		if there, err := catalog.TableExists(a.Table); err != nil || !there {
			return 0, err
		}
		columns, err := catalog.ListColumns(a.Table)
		if err != nil {
			return 0, err
		}
		partitions, err := ctx.Spark().Conf().GetOr("spark.sql.shuffle.partitions", "1")
		if err != nil || partitions != "4" {
			return 0, fmt.Errorf("%s partitions: %w", partitions, err)
		}
		df := ctx.Spark().Table(a.Table).Where(F.Col("old"))
		if err := df.Write().Mode("overwrite").PartitionBy("year", "month").Option("Compression", "gzip").Option("compression", "zstd").Parquet(a.Path); err != nil {
			return 0, err
		}
		if err := catalog.TruncateTable(a.Table); err != nil {
			return 0, err
		}
		return len(columns), nil
	})
	sdk.Task("t.writes", func(ctx *sdk.Context, _ struct{}) (any, error) {
		df := ctx.Spark().Range(0, 3).As("r")
		all := df.Write().Format("json").Options(map[string]any{"b": 1, "a": true})
		bucketed := df.Write().BucketBy(4, "id").SortBy("id").ClusterBy("x").WithSchemaEvolution()
		merge := df.MergeInto("t", F.Expr("t.id = r.id")).
			WhenMatched(F.Col("r.id").Gt(1)).Update(map[string]spark.Column{"b": F.Lit(1), "a": F.Col("r.id")}).
			WhenMatched().Delete().
			WhenNotMatched().InsertAll().
			WhenNotMatchedBySource(F.Col("t.id").Gt(5)).Delete()
		to := df.WriteTo("t").Using("delta").TableProperty("k", "v").Option("o", 1).PartitionedBy("id", F.Col("x"))
		for _, write := range []func() error{
			func() error { return all.Save("/out") },
			func() error { return all.SaveAsTable("t") },
			func() error { return bucketed.SaveAsTable("t") },
			func() error { return df.Write().InsertInto("t", true) },
			func() error { return df.Write().JDBC("jdbc:x", "t", map[string]string{"user": "u"}) },
			to.Create, to.Replace, to.ClusterBy("c").CreateOrReplace, df.WriteTo("t").Append,
			func() error { return df.WriteTo("t").Overwrite(F.Col("id").Gt(1)) },
			df.WriteTo("t").WithSchemaEvolution().OverwritePartitions,
			merge.Merge, merge.WithSchemaEvolution().Merge,
		} {
			if err := write(); err != nil {
				return nil, err
			}
		}
		for _, bad := range []error{
			df.Select(spark.Column{}).Write().Save("/x"), df.WriteTo("t").Overwrite(spark.Column{}), df.WriteTo("t").PartitionedBy(1).Create(),
			df.MergeInto("t", spark.Column{}).WhenMatched().Delete().Merge(), df.MergeInto("t", F.Lit(true)).WhenMatched(F.Lit(true), F.Lit(true)).Delete().Merge(),
		} {
			if bad == nil {
				return nil, fmt.Errorf("no error for a wrong column")
			}
		}
		return nil, nil
	})
}

func TestWritesAndCatalog(t *testing.T) {
	h := sdktest.New(t)
	h.On("catalog tableExists name=sales").Value(true)
	h.On("catalog listColumns").Value([]spark.TableColumn{{Name: "old", DataType: "boolean"}})
	h.On("conf get").Value("4")
	got, err := h.Call("t.archive", "sales", "/archive")
	if err != nil || string(got) != "1" {
		t.Fatalf("got %s, %v", got, err)
	}
	want := []string{
		"catalog tableExists name=sales", "catalog listColumns name=sales", "conf get default=1 key=spark.sql.shuffle.partitions",
		"write parquet \"/archive\" (compression=zstd) mode overwrite partition by year, month\n  filter old\n    table sales",
		"catalog truncateTable name=sales",
	}
	if !slices.Equal(h.Plans(), want) {
		t.Errorf("got %q", h.Plans())
	}
	writes := h.Writes()
	if len(writes) != 1 || writes[0].Plan != want[3] || string(writes[0].Spec) != `{"path":"/archive","format":"parquet","mode":"overwrite","options":{"compression":"zstd"},"partition_by":["year","month"]}` {
		t.Errorf("got %+v", writes)
	}

	h = sdktest.New(t)
	h.On("catalog tableExists").Value(true)
	h.On("catalog listColumns").Value([]spark.TableColumn{})
	h.On("conf get").Value("4")
	h.On(`write parquet "/full"`).Err(sdk.Errorf("pyspark.errors.AnalysisException", "no room"))
	if _, err := h.Call("t.archive", "sales", "/full"); err == nil || !strings.Contains(err.Error(), "no room") || len(h.Writes()) != 0 {
		t.Errorf("got %v, %v", err, h.Writes())
	}
}

func TestWritesAsText(t *testing.T) {
	h := sdktest.New(t)
	if _, err := h.Call("t.writes"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range h.Writes() {
		first, rest, _ := strings.Cut(w.Plan, "\n")
		if rest != "  as r\n    range 0 to 3" {
			t.Errorf("got %s", w.Plan)
		}
		got = append(got, first)
	}
	want := []string{
		`write json "/out" (a=true, b=1)`,
		`write json as table t (a=true, b=1)`,
		`write as table t 4 buckets by id sort by id cluster by x with schema evolution`,
		`insert into t mode overwrite`,
		`write jdbc (dbtable=t, url=jdbc:x, user=u)`,
		`write to t create using delta (o=1) properties (k=v) partitioned by id, x`,
		`write to t replace using delta (o=1) properties (k=v) partitioned by id, x`,
		`write to t create_or_replace using delta (o=1) properties (k=v) partitioned by id, x cluster by c`,
		`write to t append`,
		`write to t overwrite where (id > 1)`,
		`write to t overwrite_partitions with schema evolution`,
		`merge into t on sql(t.id = r.id), when matched and (r.id > 1) then update a = r.id, b = 1, when matched then delete, when not matched then insert_all, when not matched by source and (t.id > 5) then delete`,
		`merge into t on sql(t.id = r.id) with schema evolution, when matched and (r.id > 1) then update a = r.id, b = 1, when matched then delete, when not matched then insert_all, when not matched by source and (t.id > 5) then delete`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func init() {
	sdk.Task("t.views", func(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
		s := ctx.Spark()
		if err := s.Range(0, 3).CreateTempView("nums"); err != nil {
			return nil, err
		}
		if err := s.Range(0, 4).CreateTempView("NUMS"); err == nil {
			return nil, fmt.Errorf("no error for a second view")
		}
		if err := s.Table("nums").CreateOrReplaceGlobalTempView("shared"); err != nil {
			return nil, err
		}
		if _, err := s.Exec("INSERT INTO log VALUES (?, :x)", map[string]any{"x": s.Range(0, 1)}); err == nil {
			return nil, fmt.Errorf("no error for a DataFrame in a command")
		}
		done, err := s.Exec("INSERT INTO log VALUES (?)", "now")
		if err != nil {
			return nil, err
		}
		if rows, err := done.Collect(); err != nil || len(rows) != 1 {
			return nil, fmt.Errorf("%d rows: %w", len(rows), err)
		}
		return s.SQL("SELECT max(id) FROM nums"), nil
	})
	sdk.Task("t.command", func(ctx *sdk.Context, _ struct{}) (int, error) {
		ctx.Spark().SQL(" insert into t select 1")
		return 1, nil
	})
}

func TestViewsAndCommands(t *testing.T) {
	h := sdktest.New(t)
	h.On("INSERT").Columns("n").Rows(1)
	h.On("max(id)").Rows(2)
	if got, err := h.Call("t.views"); err != nil || string(got) != "[[2]]" {
		t.Fatalf("got %s, %v", got, err)
	}
	want := []string{
		"create or replace global view shared\n  as nums\n    view nums\n      range 0 to 3",
		`sql "INSERT INTO log VALUES (?)" (?='now')`,
		`sql "INSERT INTO log VALUES (?)" (?='now')`,
		"sql \"SELECT max(id) FROM nums\"\n  view nums\n    range 0 to 3",
	}
	if !slices.Equal(h.Plans(), want) || len(h.Writes()) != 2 {
		t.Errorf("got %q, %d writes", h.Plans(), len(h.Writes()))
	}
	// It would not have run at all.
	if _, err := h.Call("t.command"); err == nil || !strings.Contains(err.Error(), "TypeError: SQL is for queries and INSERT is a command: run it with Exec") {
		t.Errorf("got %v", err)
	}
}
