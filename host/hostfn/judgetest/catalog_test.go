package judgetest_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func three(s *spark.Session) *spark.DataFrame {
	return s.Range(0, 3).WithColumn("b", F.Col("id").Multiply(10))
}

// withTable writes three as a table, and drops it after use.
func withTable(s *spark.Session, use func(table string) (any, error)) (_ any, err error) {
	table := "j" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := three(s).Write().Format("parquet").SaveAsTable(table); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Catalog().DropTable(table)) }()
	return use(table)
}

// added is what a table has once a row was added by write.
func added(write func(row *spark.DataFrame, table string) error) func(*spark.Session) (any, error) {
	return func(s *spark.Session) (any, error) {
		return withTable(s, func(table string) (any, error) {
			row := s.Range(0, 1).Select(F.Lit(7).Cast("bigint").As("b"), F.Lit(8).Cast("bigint").As("id"))
			if err := write(row, table); err != nil {
				return nil, err
			}
			rows, err := s.Table(table).OrderBy("id").CollectJSON(abi.RowArrays)
			return json.RawMessage(rows), err
		})
	}
}

// inTheCatalog is what the catalog says of a table.
func inTheCatalog(s *spark.Session) (any, error) {
	c := s.Catalog()
	return withTable(s, func(table string) (any, error) {
		found, err := c.GetTable(table)
		exists, err1 := c.TableExists(table)
		missing, err2 := c.TableExists(table + "x")
		listed, err3 := c.ListTables(spark.Like(table))
		in, err4 := c.ListTables(spark.InDatabase("default"), spark.Like(table[:6]+"*"))
		columns, err5 := c.ListColumns(table)
		var described [][]any
		for _, column := range columns {
			described = append(described, []any{column.Name, column.DataType, column.IsPartition})
		}
		database, err6 := c.DatabaseExists("default")
		current, err7 := c.CurrentDatabase()
		databases, err8 := c.ListDatabases(spark.Like("defau*"))
		functions, err9 := c.ListFunctions(spark.Like("abs"))
		var names []string
		for _, f := range functions {
			names = append(names, f.Name)
		}
		abs, err10 := c.FunctionExists("abs")
		nosuch, err11 := c.FunctionExists("nosuch")
		return []any{
			found.Name == table, found.Namespace, found.TableType, found.IsTemporary, exists, missing, len(listed), len(in), described,
			database, current, len(databases), names, abs, nosuch, false,
		}, errors.Join(err, err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	})
}

func TestTablesAndViewsAreThoseOfPySpark(t *testing.T) {
	taken := t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	exists := func(s *spark.Session) (any, error) { return nil, three(s).Write().Parquet(taken) }
	judgetest.Run(t, judgetest.Suite{Script: "testdata/catalog.py", Args: map[string]string{"taken": taken}, Cases: []judgetest.Case{
		{Name: "insert goes by position", Value: added(func(row *spark.DataFrame, table string) error { return row.Write().InsertInto(table, false) })},
		{Name: "append goes by name", Value: added(func(row *spark.DataFrame, table string) error { return row.Write().Mode("append").SaveAsTable(table) })},
		{Name: "table in the catalog", Value: inTheCatalog},
		{Name: "view and query", Frame: func(s *spark.Session) *spark.DataFrame {
			if err := three(s).CreateOrReplaceTempView("numbers"); err != nil {
				return spark.InvalidFrame(err)
			}
			if err := s.Table("numbers").Where("id > 0").CreateOrReplaceTempView("Positive"); err != nil {
				return spark.InvalidFrame(err)
			}
			return s.SQL("WITH twice AS (SELECT id * 2 AS n FROM positive) SELECT n, numbers.b FROM twice JOIN numbers ON id = n - 1 WHERE n > ? ORDER BY n", 1)
		}},
		{Name: "view of a name taken", Fails: "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", Value: func(s *spark.Session) (any, error) {
			return nil, errors.Join(three(s).CreateTempView("taken"), three(s).CreateTempView("TAKEN"))
		}},
		{Name: "view is dropped", Value: func(s *spark.Session) (any, error) {
			err := three(s).CreateTempView("gone")
			dropped, err1 := s.Catalog().DropTempView("gone")
			there, err2 := s.Catalog().TableExists("gone")
			return []any{dropped, there}, errors.Join(err, err1, err2)
		}},
		{Name: "named arguments", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT :text AS t, :n + 1 AS n, :f AS f, :b AS b, :none AS o", map[string]any{"text": "it's", "n": 1, "f": 1.5, "b": true, "none": nil})
		}},
		{Name: "settings", Value: func(s *spark.Session) (any, error) {
			other, err := s.Conf().GetOr("spark.nosuch.x", "other")
			can, err1 := s.Conf().IsModifiable("spark.sql.shuffle.partitions")
			cannot, err2 := s.Conf().IsModifiable("spark.master")
			return []any{other, can, cannot}, errors.Join(err, err1, err2)
		}},
		{Name: "write over a file", Fails: "PATH_ALREADY_EXISTS", SailLacks: "already exists", Value: exists},
		{Name: "no such table", Fails: "TABLE_OR_VIEW_NOT_FOUND", Value: func(s *spark.Session) (any, error) {
			return nil, three(s).Write().InsertInto("j"+strings.ReplaceAll(uuid.NewString(), "-", ""), false)
		}},
	}})
}
