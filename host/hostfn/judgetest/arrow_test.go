package judgetest_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// arrowTables has pyarrow write the tables of testdata/arrow.py, and returns what
// reads one of them as it is handed in.
func arrowTables(t *testing.T) func(s *spark.Session, table, schema string) *spark.DataFrame {
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), proctest.PySpark(t), "testdata/arrow.py", folder).CombinedOutput(); err != nil {
		t.Fatalf("write the tables: %v\n%s", err, out)
	}
	return func(s *spark.Session, table, schema string) *spark.DataFrame {
		stream, err := os.ReadFile(filepath.Join(folder, table+".arrows"))
		if err != nil {
			return spark.InvalidFrame(err)
		}
		return s.CreateDataFrameFromArrow(stream, schema)
	}
}

func TestArrowTablesAreThoseOfPySpark(t *testing.T) {
	read := arrowTables(t)
	table := func(name string) func(s *spark.Session) *spark.DataFrame {
		return func(s *spark.Session) *spark.DataFrame { return read(s, name, "") }
	}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/arrow.py", Cases: []judgetest.Case{
		{Name: "simple", Frame: table("simple")},
		{Name: "decimals", Frame: table("decimals")},
		{Name: "times", Frame: table("times")},
		{Name: "nested", Frame: table("nested")},
		{Name: "words", Frame: table("words")},
		{Name: "batches", Frame: func(s *spark.Session) *spark.DataFrame { return read(s, "batches", "").Where("id % 1000 < 3") }},
		{Name: "empty", Frame: table("empty")},
		{Name: "strict", Value: func(s *spark.Session) (any, error) {
			schema, err := read(s, "strict", "").Schema()
			var columns [][]any
			for _, c := range schema.Columns {
				columns = append(columns, []any{c.Name, c.Type, c.Nullable})
			}
			return columns, err
		}},
		{Name: "cast", Frame: func(s *spark.Session) *spark.DataFrame { return read(s, "strict", "id bigint, s string") }},
		// Over a mebibyte, which Spark gets as an artifact.
		{Name: "many", Frame: func(s *spark.Session) *spark.DataFrame {
			return read(s, "many", "").Where("id % 7 = 0").Agg(F.Count("*").As("n"), F.Sum("id").As("ids"), F.Sum(F.Length("s")).As("chars"))
		}},
		{Name: "joined", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.Range(0, 5).Join(read(s, "strict", ""), "id", "inner").OrderBy("id")
		}},
		{Name: "unsigned", Fails: "column u: no type of Spark's is for Arrow's uint32", Frame: table("unsigned")},
		{Name: "union", Fails: "no type of Spark's is for one of kind 14 union", Frame: table("union")},
	}})
}

// What depends on settings of the session: timestamps of no time zone are of the
// session's, or of none where timestamps are so by default.
func TestArrowTimesAreThoseOfPySpark(t *testing.T) {
	read := arrowTables(t)
	table := func(name string) func(s *spark.Session) *spark.DataFrame {
		return func(s *spark.Session) *spark.DataFrame { return read(s, name, "") }
	}
	for _, c := range []struct {
		judgetest.Case
		conf  map[string]string
		spark bool
	}{
		{Case: judgetest.Case{Name: "in the zone", Frame: table("local")}, conf: map[string]string{"spark.sql.session.timeZone": "America/New_York"}},
		{Case: judgetest.Case{Name: "without a zone", Frame: table("local")}, conf: map[string]string{
			"spark.sql.session.timeZone": "America/New_York", "spark.sql.timestampType": "TIMESTAMP_NTZ"}},
		{Case: judgetest.Case{Name: "clocks", Frame: table("clocks")}, conf: map[string]string{"spark.sql.timeType.enabled": "true"}},
		{Case: judgetest.Case{Name: "fine", Value: func(s *spark.Session) (any, error) {
			df := read(s, "fine", "ltz timestamp_ltz(9), ntz timestamp_ntz(9)")
			return spark.CollectAs[[]*string](df.Select(F.Col("ltz").Cast("string"), F.Col("ntz").Cast("string")))
		}}, conf: map[string]string{"spark.sql.timestampNanosTypes.enabled": "true"}, spark: true},
	} {
		t.Run(c.Name, func(t *testing.T) {
			set := func(s *spark.Session) (err error) {
				for key, value := range c.conf {
					err = errors.Join(err, s.Conf().Set(key, value))
				}
				return err
			}
			frame, value := c.Frame, c.Value
			if c.Frame != nil {
				c.Frame = func(s *spark.Session) *spark.DataFrame {
					if err := set(s); err != nil {
						return spark.InvalidFrame(err)
					}
					return frame(s)
				}
			} else {
				c.Value = func(s *spark.Session) (any, error) {
					if err := set(s); err != nil {
						return nil, err
					}
					return value(s)
				}
			}
			judgetest.Run(t, judgetest.Suite{Script: "testdata/arrow.py", SparkOnly: c.spark, Cases: []judgetest.Case{c.Case}})
		})
	}
}
