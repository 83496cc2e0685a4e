package spark_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// uniqueName returns a name that no other test has.
func uniqueName() string { return "t" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12] }

func TestCatalogOnEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		table, database := uniqueName(), uniqueName()
		folder := t.TempDir()
		df := spark.Range(0, 4, 1, 1).WithColumns([]string{"a"}, []*spark.Column{call("%", spark.Col("id"), spark.Lit(2))})
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ok(os.Chmod(folder, 0o777))
		path := filepath.Join(folder, "p")
		ok(session.Write(t.Context(), df, spark.Write{Path: path, Format: "parquet"}, spark.Options{}))
		steps := []struct {
			call  spark.CatalogCall
			want  string // contained in the answer
			lacks bool   // on Sail
		}{
			{call: spark.CatalogCall{Call: "currentDatabase"}, want: `"default"`},
			{call: spark.CatalogCall{Call: "currentCatalog"}, want: `"s`},
			{call: spark.CatalogCall{Call: "listCatalogs"}, want: `"name":"s`},
			{call: spark.CatalogCall{Call: "listDatabases", Pattern: "def*"}, want: `"name":"default"`},
			{call: spark.CatalogCall{Call: "getDatabase", Name: "default"}, want: `"description":"`},
			{call: spark.CatalogCall{Call: "createDatabase", Name: database, IfNotExists: true}, want: `null`},
			{call: spark.CatalogCall{Call: "createDatabase", Name: database, IfNotExists: true}, want: `null`},
			{call: spark.CatalogCall{Call: "databaseExists", Name: database}, want: `true`},
			{call: spark.CatalogCall{Call: "createTable", Name: database + "." + table, Path: path, Source: "parquet"}, want: `null`},
			{call: spark.CatalogCall{Call: "createTable", Name: database + ".with_schema", Source: "parquet", Schema: "id BIGINT, s STRING"}, want: `null`},
			{call: spark.CatalogCall{Call: "listTables", Database: database, Pattern: "t*"}, want: `"name":"` + table + `","namespace":["` + database + `"],"tableType":"EXTERNAL"`},
			{call: spark.CatalogCall{Call: "getTable", Name: database + "." + table}, want: `"isTemporary":false`},
			{call: spark.CatalogCall{Call: "tableExists", Name: database + "." + table}, want: `true`},
			{call: spark.CatalogCall{Call: "tableExists", Name: "nosuch", Database: database}, want: `false`},
			{call: spark.CatalogCall{Call: "listColumns", Name: database + "." + table}, want: `{"dataType":"bigint","description":null,"isBucket":false,"isCluster":false,"isPartition":false,"name":"id","nullable":`},
			{call: spark.CatalogCall{Call: "listColumns", Name: database + ".with_schema"}, want: `"dataType":"string"`},
			{call: spark.CatalogCall{Call: "listFunctions", Pattern: "abs"}, want: `"name":"abs"`},
			{call: spark.CatalogCall{Call: "functionExists", Name: "abs"}, want: `true`},
			{call: spark.CatalogCall{Call: "functionExists", Name: "nosuch"}, want: `false`},
			{call: spark.CatalogCall{Call: "getFunction", Name: "abs"}, want: `"description":"abs(expr)`},
			{call: spark.CatalogCall{Call: "refreshTable", Name: database + "." + table}, want: `null`, lacks: true},
			{call: spark.CatalogCall{Call: "refreshByPath", Name: path}, want: `null`, lacks: true},
			{call: spark.CatalogCall{Call: "cacheTable", Name: database + "." + table, StorageLevel: "disk_only"}, want: `null`, lacks: true},
			{call: spark.CatalogCall{Call: "isCached", Name: database + "." + table}, want: `true`, lacks: true},
			{call: spark.CatalogCall{Call: "uncacheTable", Name: database + "." + table}, want: `null`, lacks: true},
			{call: spark.CatalogCall{Call: "isCached", Name: database + "." + table}, want: `false`, lacks: true},
			{call: spark.CatalogCall{Call: "getTableProperties", Name: database + "." + table}, want: `{`, lacks: true},
			{call: spark.CatalogCall{Call: "getCreateTableString", Name: database + "." + table}, want: `CREATE TABLE`, lacks: true},
			{call: spark.CatalogCall{Call: "analyzeTable", Name: database + "." + table, NoScan: true}, want: `null`, lacks: true},
			{call: spark.CatalogCall{Call: "truncateTable", Name: database + ".with_schema"}, want: `null`, lacks: true},
			{call: spark.CatalogCall{Call: "listViews", Database: database}, want: `[]`, lacks: true},
			{call: spark.CatalogCall{Call: "dropView", Name: database + ".nosuch", IfExists: true}, want: `null`},
			{call: spark.CatalogCall{Call: "dropTempView", Name: "nosuch"}, want: `false`},
			{call: spark.CatalogCall{Call: "dropGlobalTempView", Name: "nosuch"}, want: `false`},
			{call: spark.CatalogCall{Call: "dropTable", Name: database + "." + table, IfExists: true}, want: `null`},
			{call: spark.CatalogCall{Call: "tableExists", Name: database + "." + table}, want: `false`},
			{call: spark.CatalogCall{Call: "dropTable", Name: database + "." + table, IfExists: true}, want: `null`},
			{call: spark.CatalogCall{Call: "dropDatabase", Name: database, IfExists: true, Cascade: true}, want: `null`},
			{call: spark.CatalogCall{Call: "databaseExists", Name: database}, want: `false`},
		}
		for _, step := range steps {
			got, err := session.Catalog(t.Context(), step.call, spark.Options{})
			if engine == "sail" && step.lacks {
				if err == nil || !strings.Contains(err.Error(), "Sail does not have this") {
					t.Errorf("%+v: got %s, %v; Sail lacks it", step.call, got, err)
				}
				continue
			}
			if err != nil || !strings.Contains(string(got), step.want) || !json.Valid(got) {
				t.Errorf("%+v: got %.300s, %v, want %s", step.call, got, err, step.want)
			}
		}
		if _, err := session.Catalog(t.Context(), spark.CatalogCall{Call: "getFunction", Name: "nosuch"}, spark.Options{}); err == nil || !strings.Contains(err.Error(), "UNRESOLVED_ROUTINE") {
			t.Errorf("got %v", err)
		}
	})
}

func TestCatalogPartitions(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		if engine == "sail" {
			_, err := session.Catalog(t.Context(), spark.CatalogCall{Call: "listPartitions", Name: "x"}, spark.Options{})
			if err == nil || !strings.Contains(err.Error(), "Sail does not have this") {
				t.Errorf("got %v", err)
			}
			return
		}
		table := uniqueName()
		df := spark.Range(0, 4, 1, 1).WithColumns([]string{"a"}, []*spark.Column{call("%", spark.Col("id"), spark.Lit(2))})
		if err := session.Write(t.Context(), df, spark.Write{Table: table, PartitionBy: []string{"a"}}, spark.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"recoverPartitions", "listPartitions", "dropTable"} {
			got, err := session.Catalog(t.Context(), spark.CatalogCall{Call: method, Name: table}, spark.Options{})
			want := "null"
			if method == "listPartitions" {
				want = `[{"partition":"a=0"},{"partition":"a=1"}]`
			}
			if err != nil || string(got) != want {
				t.Errorf("%s: got %s, %v", method, got, err)
			}
		}
	})
}

func TestWrongCatalogCalls(t *testing.T) {
	session := openWith(t, spark.Config{Remote: "sc://127.0.0.1:1"})
	for want, c := range map[string]spark.CatalogCall{
		`catalog method "drop" is unknown; there are analyzeTable, cacheTable, clearCache`: {Call: "drop", Name: "x"},
		"catalog.tableExists: no name is given":                                            {Call: "tableExists"},
		"catalog.currentDatabase takes no name":                                            {Call: "currentDatabase", Name: "x"},
		"catalog.dropTable takes no cascade":                                               {Call: "dropTable", Name: "x", Cascade: true},
	} {
		_, err := session.Catalog(t.Context(), c, spark.Options{})
		if _, ok := errors.AsType[*spark.ArgumentError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestConfOnEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		const key = "spark.sql.shuffle.partitions"
		conf := func(c spark.ConfCall) string {
			t.Helper()
			got, err := session.Conf(t.Context(), c)
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			return string(got)
		}
		other := "d"
		before := conf(spark.ConfCall{Call: "get", Key: key})
		for _, step := range []struct {
			call spark.ConfCall
			want string
		}{
			{spark.ConfCall{Call: "set", Key: key, Value: "7"}, "null"},
			{spark.ConfCall{Call: "get", Key: key}, `"7"`},
			{spark.ConfCall{Call: "get", Key: key, Default: &other}, `"7"`},
			{spark.ConfCall{Call: "get", Key: "spark.nosuch.key", Default: &other}, `"d"`},
			{spark.ConfCall{Call: "isModifiable", Key: key}, "true"},
			{spark.ConfCall{Call: "isModifiable", Key: "spark.master"}, "false"},
			{spark.ConfCall{Call: "set", Key: "spark.nosuch.password", Value: "hush"}, "null"},
			{spark.ConfCall{Call: "set", Key: "spark.nosuch.access.key", Value: "hush"}, "null"},
			{spark.ConfCall{Call: "unset", Key: key}, "null"},
		} {
			if got := conf(step.call); got != step.want {
				t.Errorf("%+v: got %s, want %s", step.call, got, step.want)
			}
		}
		if after := conf(spark.ConfCall{Call: "get", Key: key}); after == `"7"` {
			t.Errorf("unset left %s, before was %s", after, before)
		}
		if all := conf(spark.ConfCall{Call: "getAll"}); strings.Contains(all, "hush") || strings.Contains(all, "sparkstalk.session") || !strings.Contains(all, `"spark.`) {
			t.Errorf("got %.2000s", all)
		}
		for _, key := range []string{"spark.nosuch.password", "spark.nosuch.access.key"} {
			// Spark itself keeps some of them from being read.
			if got, err := session.Conf(t.Context(), spark.ConfCall{Call: "get", Key: key}); err == nil && string(got) != `"*********(redacted)"` {
				t.Errorf("%s: got %s", key, got)
			}
		}
		for _, c := range []spark.ConfCall{{Call: "set", Key: "spark.sparkstalk.session", Value: "x"}, {Call: "get"}, {Call: "got", Key: "x"}} {
			if _, err := session.Conf(t.Context(), c); err == nil {
				t.Errorf("%+v is no error", c)
			}
		}
		if _, err := session.Conf(t.Context(), spark.ConfCall{Call: "get", Key: "spark.nosuch.key"}); err == nil || !strings.Contains(err.Error(), "spark.nosuch.key") {
			t.Errorf("got %v", err)
		}
	})
}
