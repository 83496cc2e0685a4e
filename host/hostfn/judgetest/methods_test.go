package judgetest_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func newName() string { return "m" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12] }

// tried keeps the first error of several calls.
type tried struct{ err error }

func (t *tried) do(err error) {
	if t.err == nil {
		t.err = err
	}
}

func got[T any](t *tried) func(v T, err error) T {
	return func(v T, err error) T {
		t.do(err)
		return v
	}
}

func databases(s *spark.Session) (any, error) {
	c, d, t := s.Catalog(), newName(), &tried{}
	t.do(c.CreateDatabase(d))
	t.do(c.CreateDatabase(d, spark.IfNotExists))
	found := got[spark.Database](t)(c.GetDatabase(d))
	var listed []bool
	for _, x := range got[[]spark.Database](t)(c.ListDatabases(spark.Like(d))) {
		listed = append(listed, x.Name == d)
	}
	got[*spark.DataFrame](t)(c.CreateTable(d+".t", spark.TableSpec{Source: "parquet", Schema: "id bigint", Description: "a table"}))
	table := got[spark.Table](t)(c.GetTable(d + ".t"))
	var columns []string
	for _, x := range got[[]spark.TableColumn](t)(c.ListColumns(d + ".t")) {
		columns = append(columns, x.Name)
	}
	t.do(c.DropDatabase(d, spark.Cascade))
	t.do(c.DropDatabase(d, spark.IfExists))
	there := got[bool](t)(c.DatabaseExists(d))
	return []any{found.Name == d, found.Catalog, listed, table.Description, columns, there}, t.err
}

func catalogsAndFunctions(s *spark.Session) (any, error) {
	t := &tried{}
	var names []string
	for _, c := range got[[]spark.CatalogMetadata](t)(s.Catalog().ListCatalogs()) {
		names = append(names, c.Name)
	}
	abs := got[spark.Function](t)(s.Catalog().GetFunction("abs"))
	return []any{names, abs.Name, abs.ClassName, abs.IsTemporary}, t.err
}

func partitions(s *spark.Session) (any, error) {
	c, table, t := s.Catalog(), newName(), &tried{}
	t.do(three(s).Write().Format("parquet").PartitionBy("b").SaveAsTable(table))
	t.do(c.RecoverPartitions(table))
	parts := got[[]string](t)(c.ListPartitions(table))
	slices.Sort(parts)
	t.do(c.DropTable(table))
	return parts, t.err
}

func cachedTable(s *spark.Session) (any, error) {
	c, table, t := s.Catalog(), newName(), &tried{}
	t.do(three(s).Write().Format("parquet").SaveAsTable(table))
	before := got[bool](t)(c.IsCached(table))
	t.do(c.CacheTable(table, ""))
	cached := got[bool](t)(c.IsCached(table))
	t.do(c.UncacheTable(table))
	after := got[bool](t)(c.IsCached(table))
	t.do(c.RefreshTable(table))
	t.do(c.RefreshByPath("/nowhere"))
	t.do(c.AnalyzeTable(table))
	text, _, _ := strings.Cut(strings.ReplaceAll(got[string](t)(c.GetCreateTableString(table)), table, "T"), "TBLPROPERTIES")
	owner := []string{}
	if _, ok := got[map[string]string](t)(c.GetTableProperties(table))["owner"]; ok {
		owner = append(owner, "owner")
	}
	t.do(c.DropTable(table))
	return []any{before, cached, after, owner, text}, t.err
}

func listedViews(s *spark.Session) (any, error) {
	c, view, t := s.Catalog(), newName(), &tried{}
	got[*spark.DataFrame](t)(s.Exec("CREATE VIEW " + view + " AS SELECT 1 AS one"))
	list := func() []bool {
		out := []bool{}
		for _, v := range got[[]spark.Table](t)(c.ListViews(spark.Like(view))) {
			out = append(out, v.Name == view)
		}
		return out
	}
	there := list()
	t.do(c.DropView(view))
	return []any{there, list()}, t.err
}

func globalViews(s *spark.Session) (any, error) {
	c, view, t := s.Catalog(), newName(), &tried{}
	t.do(three(s).CreateGlobalTempView(view))
	t.do(three(s).Limit(2).CreateOrReplaceGlobalTempView(view))
	n := got[int64](t)(s.Table("global_temp." + view).Count())
	dropped := got[bool](t)(c.DropGlobalTempView(view))
	again := got[bool](t)(c.DropGlobalTempView(view))
	return []any{n, dropped, again}, t.err
}

func setAndUnset(s *spark.Session) (any, error) {
	const key = "spark.sql.shuffle.partitions"
	c, t := s.Conf(), &tried{}
	before := got[string](t)(c.Get(key))
	t.do(c.Set(key, 7))
	all := got[map[string]string](t)(c.GetAll())
	t.do(c.Unset(key))
	after := got[string](t)(c.Get(key))
	return []any{all[key], after == before}, t.err
}

// printedSchema is what PrintSchema prints for a task's log.
func printedSchema(s *spark.Session) (any, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stdout := os.Stdout
	os.Stdout = w
	err = three(s).WithColumn("l", F.Array(F.Struct("id"))).PrintSchema()
	os.Stdout = stdout
	var text bytes.Buffer
	_, copied := io.Copy(&text, closing(r, w))
	return text.String(), errors.Join(err, copied)
}

// closing reads from r to the end that closing w makes.
func closing(r io.Reader, w io.Closer) io.Reader {
	if err := w.Close(); err != nil {
		return io.MultiReader()
	}
	return r
}

func vectors(s *spark.Session) (any, error) {
	id := F.Col("id").Minus(1)
	df := s.Range(0, 3).Select(id.Cast("tinyint").As("b"), id.Cast("smallint").As("s"), id.Cast("float").As("f"))
	var bytes []int8
	var shorts []int16
	var floats []float32
	t := &tried{}
	for batch, err := range df.Batches(0) {
		if err != nil {
			return nil, err
		}
		bytes = append(bytes, got[*spark.Vector](t)(batch.Column("b")).Int8s()...)
		shorts = append(shorts, got[*spark.Vector](t)(batch.Column("s")).Int16s()...)
		floats = append(floats, got[*spark.Vector](t)(batch.Column("f")).Float32s()...)
	}
	return []any{bytes, shorts, floats}, t.err
}

// Methods that catalogs, settings and table functions have beside those of the
// other tests. They are Spark's: Sail's catalog is compared in package spark.
func TestMethodsAreThoseOfPySpark(t *testing.T) {
	exploded := func(f func(spark.TableFunctions, spark.Column) *spark.DataFrame, json string) func(*spark.Session) *spark.DataFrame {
		return func(s *spark.Session) *spark.DataFrame {
			return f(s.TVF(), F.Expr("parse_json('"+json+"')")).Select("pos", "key", F.Col("value").Cast("string"))
		}
	}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/methods.py", SparkOnly: true, Cases: []judgetest.Case{
		{Name: "databases", Value: databases},
		{Name: "catalogs and functions", Value: catalogsAndFunctions},
		{Name: "partitions", Value: partitions},
		{Name: "cached table", Value: cachedTable},
		{Name: "views", Value: listedViews},
		{Name: "global views", Value: globalViews},
		{Name: "settings", Value: setAndUnset},
		{Name: "tree", Value: printedSchema},
		{Name: "vectors", Value: vectors},
		{Name: "raw", Frame: func(s *spark.Session) *spark.DataFrame {
			plan, err := proto.Marshal(&sparkpb.Relation{RelType: &sparkpb.Relation_Range{Range: &sparkpb.Range{Start: new(int64), End: 10, Step: 3}}})
			if err != nil {
				return spark.InvalidFrame(err)
			}
			return s.Raw(plan)
		}},
		{Name: "variants", Frame: exploded(spark.TableFunctions.VariantExplode, `{"a": 1, "b": [true, "x"]}`)},
		{Name: "no variants", Frame: exploded(spark.TableFunctions.VariantExplodeOuter, `[]`)},
		{Name: "collations", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.TVF().Collations().Where("NAME LIKE 'UTF8%'").OrderBy("NAME")
		}},
		{Name: "keywords", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.TVF().SQLKeywords().OrderBy("keyword").Limit(20)
		}},
	}})
}
