package judgetest_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func TestJudge(t *testing.T) {
	judgetest.Run(t, judgetest.Suite{Script: "testdata/judge.py", Cases: []judgetest.Case{
		{Name: "types", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT 1 AS i, 1.5D AS d, double('nan') AS n, DATE'2024-01-02' AS day, TIMESTAMP'2024-01-02 03:04:05' AS ts, " +
				"CAST(1.50 AS DECIMAL(5,2)) AS dec, X'00FF' AS bin, array(1, 2) AS a, map('k', 1) AS m, named_struct('x', 1, 'y', 's') AS st, CAST(NULL AS INT) AS nul")
		}},
		{Name: "counts of groups", Unordered: true, Frame: func(s *spark.Session) *spark.DataFrame {
			return s.Range(0, 10).GroupBy(F.Col("id").Mod(3).As("k")).Agg(F.Sum("id").As("s"), F.Avg("id").As("a"))
		}},
		{Name: "a count", Value: func(s *spark.Session) (any, error) { return s.Range(0, 10).Count() }},
		{Name: "no such column", Fails: "UNRESOLVED_COLUMN", SailLacks: "nope", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.Range(0, 10).Select("nope")
		}},
	}})
}
