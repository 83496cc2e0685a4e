package judgetest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// fine are timestamps finer than microseconds, which are a preview in Spark 4.3.
// PySpark's client cannot collect them: the judge is what Spark prints.
const fine = `SELECT id, CAST(t AS TIMESTAMP_NTZ(9)) AS ntz, CAST(concat(t, '+01:00') AS TIMESTAMP_LTZ(9)) AS ltz, CAST(t AS TIMESTAMP_NTZ(7)) AS tenths
	FROM VALUES (1, '2024-01-02 03:04:05.123456789'), (2, '1899-12-31 23:59:59.000000001'), (3, NULL), (4, '2262-04-11 03:04:05'), (5, '1678-01-02 00:00:00.9')
	AS v(id, t) ORDER BY id`

func fineTimestamps(s *spark.Session) (*spark.DataFrame, error) {
	return s.SQL(fine), s.Conf().Set("spark.sql.timestampNanosTypes.enabled", "true")
}

// asPrinted is a timestamp of a row as Spark prints it.
func asPrinted(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	text = strings.Replace(strings.TrimSuffix(text, "+00:00"), "T", " ", 1)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func TestTimestampsOfNanosecondsAreThoseOfSpark(t *testing.T) {
	columns := []string{"ntz", "ltz", "tenths"}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/nanos.py", Args: map[string]string{"fine": fine}, SparkOnly: true, Cases: []judgetest.Case{
		{Name: "collected", Value: func(s *spark.Session) (any, error) {
			df, err := fineTimestamps(s)
			if err != nil {
				return nil, err
			}
			rows, err := df.Collect()
			var out [][]any
			for _, row := range rows {
				var values []any
				for _, c := range columns {
					values = append(values, asPrinted(row.Get(c)))
				}
				out = append(out, values)
			}
			return out, err
		}},
		{Name: "types", Value: func(s *spark.Session) (any, error) {
			df, err := fineTimestamps(s)
			if err != nil {
				return nil, err
			}
			return df.Dtypes()
		}},
		{Name: "by a cursor", Value: func(s *spark.Session) (any, error) {
			df, err := fineTimestamps(s)
			if err != nil {
				return nil, err
			}
			type row struct {
				Ltz *time.Time `json:"ltz"`
			}
			var out []any
			for r, err := range spark.Iterate[row](df.Select("ltz")) {
				if err != nil {
					return nil, err
				}
				if r.Ltz == nil {
					out = append(out, nil)
					continue
				}
				out = append(out, asPrinted(r.Ltz.Format("2006-01-02T15:04:05.000000000")))
			}
			return out, nil
		}},
		// What was collected goes back as a literal and as local rows.
		{Name: "there and back", Value: func(s *spark.Session) (any, error) {
			if _, err := fineTimestamps(s); err != nil {
				return nil, err
			}
			at := time.Date(1899, 12, 31, 23, 59, 59, 123_456_789, time.UTC)
			local := s.CreateDataFrame([][]any{{at, at}, {nil, nil}}, "ntz timestamp_ntz(9), ltz timestamp_ltz(9)")
			df := local.Union(s.Range(0, 1).Select(spark.TypedLit(at, "timestamp_ntz(9)"), spark.TypedLit(at, "timestamp_ltz(9)")))
			return spark.CollectAs[[]*string](df.Select(F.Col("ntz").Cast("string"), F.Col("ltz").Cast("string")))
		}},
	}})
}
