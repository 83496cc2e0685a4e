// Command tasks is the module that the host's own tests call: small tasks that
// answer, fail, wait and misbehave on request.
package main

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// version is changed by the tests that swap modules.
var version = "1"

type none struct{}

type echoArgs struct {
	Value json.RawMessage `arg:"value"`
}

type failArgs struct {
	Class   string `arg:"class"`
	Message string `arg:"message"`
}

type spinArgs struct {
	Seconds float64 `arg:"seconds"`
}

type rowsArgs struct {
	N int64 `arg:"n"`
}

// persisted has rows that Spark can compute again, unlike a checkpoint's.
var persisted = sdk.Cached("test.persisted", func(ctx *sdk.Context, rows int64) *spark.DataFrame {
	return ctx.Spark().Range(0, rows).GroupBy(F.Expr("id % 10").As("digit")).Count()
}, sdk.StorageLevel("MEMORY_AND_DISK"))

func init() {
	sdk.Task("test.noop", func(*sdk.Context, none) (none, error) { return none{}, nil })
	sdk.Task("test.quiet", func(*sdk.Context, none) (none, error) { return none{}, nil }, sdk.NoEvents())
	sdk.Task("test.version", func(*sdk.Context, none) (string, error) { return version, nil })
	sdk.Task("test.echo", func(_ *sdk.Context, a echoArgs) (json.RawMessage, error) { return a.Value, nil })
	sdk.Task("test.fail", func(_ *sdk.Context, a failArgs) (none, error) {
		return none{}, sdk.Errorf(a.Class, "%s", a.Message)
	})
	sdk.Task("test.panic", func(*sdk.Context, none) (none, error) { panic("on request") })
	sdk.Task("test.spin", spin)
	sdk.Task("test.spin_late", spin, sdk.AcksLate())
	sdk.Task("test.count_late", count, sdk.AcksLate())
	sdk.Task("test.spin_limited", spin, sdk.TimeLimit(time.Second))
	sdk.Task("test.progress", func(ctx *sdk.Context, _ none) (string, error) {
		return "done", ctx.UpdateState("PROGRESS", map[string]int{"current": 1, "total": 2})
	}, sdk.TrackStarted())
	sdk.Task("test.request", func(ctx *sdk.Context, _ none) (any, error) { return ctx.Request(), nil })
	sdk.Task("test.count", count)
	sdk.Task("test.persisted", func(ctx *sdk.Context, a rowsArgs) (int64, error) {
		return spark.Scalar[int64](persisted.Get(ctx, a.N).Agg(F.Sum("count")))
	})
	canvasTasks()
	sdk.Task("test.archive", archive)
	sdk.Task("test.slow_query", func(ctx *sdk.Context, _ none) (int64, error) {
		return ctx.Spark().Range(0, 200_000_000_000).Where(hashed).Count()
	})
}

// hashed makes a query over many numbers slow.
var hashed = F.Expr("hash(id) % 1000003 = 7")

// spin keeps the guest busy, so that only the host can end it.
func spin(_ *sdk.Context, a spinArgs) (string, error) {
	end := time.Now().Add(time.Duration(a.Seconds * float64(time.Second)))
	for time.Now().Before(end) {
	}
	return "spun", nil
}

func count(ctx *sdk.Context, a rowsArgs) (int64, error) {
	return ctx.Spark().Range(0, a.N).Count()
}

func main() {}

type archiveArgs struct {
	Path string `arg:"path"`
}

// archive writes, reads back what it wrote, and asks about it, in all the ways
// that there are.
func archive(ctx *sdk.Context, a archiveArgs) (any, error) {
	s := ctx.Spark()
	if err := s.Range(0, 6).WithColumn("part", F.Col("id").Mod(2)).CreateTempView("numbers"); err != nil {
		return nil, err
	}
	odd := s.SQL("SELECT * FROM numbers WHERE id > ?", 0)
	if err := odd.Write().Mode("overwrite").PartitionBy("part").Parquet(a.Path); err != nil {
		return nil, err
	}
	exists := odd.Write().JSON(a.Path)
	catalog := s.Catalog()
	table := "archive_" + strings.ReplaceAll(ctx.Request().ID, "-", "")
	if err := odd.Write().SaveAsTable(table); err != nil {
		return nil, err
	}
	if _, err := s.Exec("INSERT INTO " + table + " VALUES (100, 0)"); err != nil {
		return nil, err
	}
	tables, err := catalog.ListTables(spark.Like(table))
	if err != nil {
		return nil, err
	}
	columns, err := catalog.ListColumns(table)
	if err != nil {
		return nil, err
	}
	rows, err := s.Table(table).Count()
	if err != nil {
		return nil, err
	}
	if err := catalog.DropTable(table, spark.IfExists); err != nil {
		return nil, err
	}
	there, err := catalog.TableExists(table)
	if err != nil {
		return nil, err
	}
	if _, err := s.Conf().Get("spark.sql.shuffle.partitions"); err != nil {
		return nil, err
	}
	denied, _ := errors.AsType[*sdk.Error](s.Conf().Set("spark.sql.shuffle.partitions", 3))
	return map[string]any{
		"read":   s.Read().Schema("id BIGINT, part BIGINT").Parquet(a.Path).OrderBy("id"),
		"exists": exists != nil, "tables": len(tables), "type": columns[0].DataType, "rows": rows, "there": there, "denied": denied.Type,
	}, nil
}
