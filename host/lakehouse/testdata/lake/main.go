// Command lake is the module of the tests with Delta Lake, Iceberg and JDBC.
package main

import (
	"encoding/json"
	"strings"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type tableArgs struct {
	Table  string `arg:"table"`
	Source string `arg:"source"`
}

type catalogArgs struct {
	Table string `arg:"table"`
}

type jdbcArgs struct {
	URL string `arg:"url"`
}

// A step is what a table holds once something was done to it.
type step struct {
	Name string          `json:"name"`
	Rows json.RawMessage `json:"rows"`
}

// numbers are rows of the columns id, p and word.
func numbers(s *spark.Session, from, to int64, word string) *spark.DataFrame {
	return s.Range(from, to).WithColumn("p", F.Col("id").Mod(3)).WithColumn("word", F.Lit(word))
}

// steps runs each in turn and looks at the table after it.
func steps(look func() ([]byte, error), list []struct {
	name string
	do   func() error
}) (out []step, err error) {
	for _, s := range list {
		if err := s.do(); err != nil {
			return out, sdk.Errorf("RuntimeError", "%s: %v", s.name, err)
		}
		rows, err := look()
		if err != nil {
			return out, sdk.Errorf("RuntimeError", "after %s: %v", s.name, err)
		}
		out = append(out, step{s.name, rows})
	}
	return out, nil
}

type todo = []struct {
	name string
	do   func() error
}

// writeTo goes through all that DataFrameWriterV2 has.
func writeTo(ctx *sdk.Context, a tableArgs) ([]step, error) {
	s := ctx.Spark()
	rows := func() ([]byte, error) { return s.Table(a.Table).OrderBy("id", "word").CollectJSON(0) }
	return steps(rows, todo{
		{"create", func() error {
			return numbers(s, 0, 10, "a").WriteTo(a.Table).Using(a.Source).TableProperty("owner", "lake").PartitionedBy("p").Create()
		}},
		{"append", func() error { return numbers(s, 10, 15, "b").WriteTo(a.Table).Append() }},
		{"overwrite", func() error { return numbers(s, 30, 31, "c").WriteTo(a.Table).Overwrite(F.Col("p").EqualTo(0)) }},
		{"overwrite partitions", func() error {
			return numbers(s, 40, 42, "d").WriteTo(a.Table).OverwritePartitions()
		}},
		{"replace", func() error { return numbers(s, 0, 4, "e").WriteTo(a.Table).Using(a.Source).Replace() }},
		{"create or replace", func() error {
			return numbers(s, 0, 9, "f").WriteTo(a.Table).Using(a.Source).PartitionedBy("p").CreateOrReplace()
		}},
	})
}

// merge has a clause of each kind.
func merge(ctx *sdk.Context, a tableArgs) ([]step, error) {
	s := ctx.Spark()
	rows := func() ([]byte, error) { return s.Table(a.Table).OrderBy("id", "word").CollectJSON(0) }
	match := F.Expr(a.Table + ".id = new.id")
	return steps(rows, todo{
		{"create", func() error { return numbers(s, 0, 10, "old").WriteTo(a.Table).Using(a.Source).CreateOrReplace() }},
		{"merge", func() error {
			return numbers(s, 5, 14, "new").As("new").MergeInto(a.Table, match).
				WhenMatched(F.Col("new.id").EqualTo(5)).Delete().
				WhenMatched(F.Col("new.id").EqualTo(6)).Update(map[string]spark.Column{"word": F.Lit("changed")}).
				WhenMatched().UpdateAll().
				WhenNotMatched(F.Col("new.id").EqualTo(13)).Insert(map[string]spark.Column{"id": F.Col("new.id"), "p": F.Lit(int64(-1)), "word": F.Lit("added")}).
				WhenNotMatched().InsertAll().
				WhenNotMatchedBySource(F.Expr(a.Table + ".id = 0")).Delete().
				WhenNotMatchedBySource(F.Expr(a.Table + ".id = 1")).Update(map[string]spark.Column{"word": F.Lit("left")}).
				Merge()
		}},
	})
}

// changes reads what happened to a table of Delta Lake, and what it once was.
func changes(ctx *sdk.Context, a tableArgs) ([]step, error) {
	s := ctx.Spark()
	feed := func() ([]byte, error) {
		return s.Read().Option("readChangeFeed", true).Option("startingVersion", 0).Table(a.Table).
			Select("id", "word", "_change_type", "_commit_version").OrderBy("_commit_version", "id", "_change_type").CollectJSON(0)
	}
	out, err := steps(feed, todo{
		{"create", func() error {
			return numbers(s, 0, 3, "a").WriteTo(a.Table).Using(a.Source).TableProperty("delta.enableChangeDataFeed", "true").CreateOrReplace()
		}},
		{"append", func() error { return numbers(s, 3, 5, "b").WriteTo(a.Table).Append() }},
		{"overwrite", func() error { return numbers(s, 4, 5, "c").WriteTo(a.Table).Overwrite(F.Col("id").EqualTo(4)) }},
	})
	if err != nil {
		return nil, err
	}
	before, err := s.Read().Option("versionAsOf", 1).Table(a.Table).OrderBy("id").CollectJSON(0)
	return append(out, step{"as of version 1", before}), err
}

// changelog reads what happened to a table by Spark's own reader of changes.
func changelog(ctx *sdk.Context, a tableArgs) ([]step, error) {
	s := ctx.Spark()
	feed := func() ([]byte, error) {
		return s.Read().Option("startingVersion", 0).Changes(a.Table).
			Select("id", "word", "_change_type", "_commit_version").OrderBy("_commit_version", "id", "_change_type").CollectJSON(0)
	}
	return steps(feed, todo{
		{"create", func() error {
			return numbers(s, 0, 3, "a").WriteTo(a.Table).Using(a.Source).TableProperty("delta.enableChangeDataFeed", "true").
				TableProperty("delta.enableRowTracking", "true").CreateOrReplace()
		}},
		{"append", func() error { return numbers(s, 3, 5, "b").WriteTo(a.Table).Append() }},
		{"overwrite", func() error { return numbers(s, 4, 5, "c").WriteTo(a.Table).Overwrite(F.Col("id").EqualTo(4)) }},
	})
}

// database writes to a database over JDBC and reads it, whole and in parts.
func database(ctx *sdk.Context, a jdbcArgs) ([]step, error) {
	s := ctx.Spark()
	const table = "GO_NUMBERS"
	driver := map[string]string{"driver": "org.h2.Driver"}
	parts := map[string]string{"driver": "org.h2.Driver", "partitionColumn": "id", "lowerBound": "0", "upperBound": "10", "numPartitions": "2"}
	var look *spark.DataFrame
	rows := func() ([]byte, error) { return look.OrderBy("id", "word").CollectJSON(0) }
	read := func(properties map[string]string, from string, predicates ...string) func() error {
		return func() error {
			look = s.Read().JDBC(a.URL, from, properties, predicates...)
			return nil
		}
	}
	look = s.Read().JDBC(a.URL, table, driver)
	return steps(rows, todo{
		{"write", func() error { return numbers(s, 0, 10, "a").Write().JDBC(a.URL, table, driver) }},
		{"append", func() error { return numbers(s, 10, 12, "b").Write().Mode("append").JDBC(a.URL, table, driver) }},
		{"overwrite", func() error { return numbers(s, 0, 6, "c").Write().Mode("overwrite").JDBC(a.URL, table, driver) }},
		{"in partitions", read(parts, table)},
		{"by predicates", read(driver, table, `"id" < 2`, `"id" >= 4`)},
		{"a query", read(driver, `(SELECT "id", "word" FROM `+table+` WHERE "p" = 1) AS q`)},
	})
}

// catalog writes to the tables of a catalog that is a database.
func catalog(ctx *sdk.Context, a catalogArgs) ([]step, error) {
	s := ctx.Spark()
	rows := func() ([]byte, error) { return s.Table(a.Table).OrderBy("id", "word").CollectJSON(0) }
	return steps(rows, todo{
		{"namespace", func() error {
			if _, err := s.Exec("CREATE NAMESPACE IF NOT EXISTS " + a.Table[:strings.LastIndexByte(a.Table, '.')]); err != nil {
				return err
			}
			return numbers(s, 0, 10, "a").WriteTo(a.Table).Create()
		}},
		{"append", func() error { return numbers(s, 10, 12, "b").WriteTo(a.Table).Append() }},
		{"insert into", func() error { return numbers(s, 20, 22, "c").Write().InsertInto(a.Table, false) }},
		{"insert by SQL", func() error {
			_, err := s.Exec("INSERT INTO " + a.Table + " VALUES (30, 1, 'd')")
			return err
		}},
	})
}

func init() {
	sdk.Task("lake.write_to", writeTo)
	sdk.Task("lake.merge", merge)
	sdk.Task("lake.changes", changes)
	sdk.Task("lake.changelog", changelog)
	sdk.Task("lake.database", database)
	sdk.Task("lake.catalog", catalog)
}

func main() {}
