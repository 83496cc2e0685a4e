package judgetest_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func wide(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT id, concat('row number ', id, ' of a few') AS s, array(id, id + 1) AS a, " +
		"named_struct('x', id, 'y', named_struct('z', 'deep')) AS st, CAST(NULL AS DOUBLE) AS n FROM range(25) ORDER BY id")
}

// allTypes has a column of each type that PySpark can collect.
const allTypes = `SELECT true AS b, -12Y AS i8, 2S AS i16, 3 AS i32, 9007199254740993L AS i64, float(0.1) AS f32, double('NaN') AS nan,
	double('-Infinity') AS inf, CAST(-1.5 AS DECIMAL(38,18)) AS dec, 'é"' AS s, X'00FF' AS bin, DATE'2024-01-02' AS d,
	TIMESTAMP'2024-01-02 03:04:05.678901+01:00' AS ts, TIMESTAMP_NTZ'2024-01-02 03:04:05' AS ntz, INTERVAL '-1 02:03:04.5' DAY TO SECOND AS dt,
	INTERVAL '90' MINUTE AS mins, array(1, NULL) AS a, map('k', 1, 'l', NULL) AS m, map(1, 'a', 2, 'b') AS mi,
	named_struct('x', 1, 'y', array(named_struct('z', DATE'2024-01-02'))) AS st, NULL AS n,
	parse_json('{"a":[9007199254740993,"x",true,null],"b":1e10}') AS v,
	to_variant_object(named_struct('d', 1.50BD, 'on', DATE'2024-01-02', 'at', TIMESTAMP'2024-01-02 03:04:05Z', 'raw', X'01')) AS vo,
	array(parse_json('1'), parse_json('"t"')) AS av`

func TestActionsAnswerAsPySparks(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.txt", "b.txt"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("one\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	type row struct {
		ID int64    `json:"id"`
		S  string   `json:"s"`
		A  []int64  `json:"a"`
		N  *float64 `json:"n"`
	}
	value := func(name string, f func(df *spark.DataFrame) (any, error)) judgetest.Case {
		return judgetest.Case{Name: name, Value: func(s *spark.Session) (any, error) { return f(wide(s)) }}
	}
	show := func(name string, n, truncate int, vertical bool) judgetest.Case {
		return value(name, func(df *spark.DataFrame) (any, error) { return df.ShowString(n, truncate, vertical) })
	}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/actions.py", Args: map[string]string{"folder": folder, "types": allTypes}, Cases: []judgetest.Case{
		show("shown", 20, 20, false),
		show("shown whole", 3, 0, false),
		show("shown cut", 3, 7, false),
		sailDiffers(show("shown vertical", 2, 20, true), "the column of names is narrower"),
		value("shown empty", func(df *spark.DataFrame) (any, error) { return df.Limit(0).ShowString(20, 20, false) }),
		value("html", func(df *spark.DataFrame) (any, error) { return df.HTMLString(3, 10) }),
		sailDiffers(value("tree", func(df *spark.DataFrame) (any, error) { return df.TreeString(0) }), "more fields are nullable"),
		sailDiffers(value("tree level", func(df *spark.DataFrame) (any, error) { return df.TreeString(1) }), "more fields are nullable"),
		value("dtypes", func(df *spark.DataFrame) (any, error) { return df.Dtypes() }),
		value("columns", func(df *spark.DataFrame) (any, error) { return df.Columns() }),
		value("is local", func(df *spark.DataFrame) (any, error) { return df.IsLocal() }),
		value("is streaming", func(df *spark.DataFrame) (any, error) { return df.IsStreaming() }),
		value("is empty", func(df *spark.DataFrame) (any, error) {
			some, err := df.IsEmpty()
			if err != nil {
				return nil, err
			}
			none, err := df.Limit(0).IsEmpty()
			return []bool{some, none}, err
		}),
		{Name: "input files", Value: func(s *spark.Session) (any, error) {
			files, err := s.Read().Text(folder).InputFiles()
			slices.Sort(files)
			return files, err
		}},
		{Name: "same semantics", SailLacks: "semantic", Value: func(s *spark.Session) (any, error) {
			df := s.Range(0, 10)
			same, err := df.Select("id").SameSemantics(s.Range(0, 10).Select("id"))
			if err != nil {
				return nil, err
			}
			other, err := df.SameSemantics(s.Range(0, 11))
			return []bool{same, other}, err
		}},
		{Name: "semantic hash", SailLacks: "semantic", Value: func(s *spark.Session) (any, error) {
			a, err := s.Range(0, 10).Select("id").SemanticHash()
			if err != nil {
				return nil, err
			}
			b, err := s.Range(0, 10).Select(F.Col("id")).SemanticHash()
			return a == b, err
		}},
		{Name: "storage level", SailLacks: "persist", Value: func(s *spark.Session) (any, error) {
			level, err := s.Range(0, 10).StorageLevel()
			return []bool{level.UseDisk, level.UseMemory, level.UseOffHeap, level.Deserialized}, err
		}},
		{Name: "all types", Frame: func(s *spark.Session) *spark.DataFrame { return s.SQL(allTypes) }},
		{Name: "to json", Frame: func(s *spark.Session) *spark.DataFrame { return wide(s).Limit(2).ToJSON() }},
		value("first take head", func(df *spark.DataFrame) (any, error) {
			first, err := df.First()
			if err != nil {
				return nil, err
			}
			ids := func(rows []spark.Row, err error) ([]any, error) {
				var list []any
				for _, r := range rows {
					list = append(list, r.Get("id"))
				}
				return list, err
			}
			take, err := ids(df.Take(2))
			if err != nil {
				return nil, err
			}
			head, err := ids(df.Head(3))
			return []any{first.Get("id"), take, head}, err
		}),
		value("local iterator", func(df *spark.DataFrame) (any, error) {
			var list []any
			for r, err := range df.ToLocalIterator() {
				if err != nil {
					return nil, err
				}
				deep := r.Get("st").(map[string]any)["y"].(map[string]any)["z"]
				list = append(list, []any{r.Get("id"), r.Get("s"), r.Get("a"), deep, r.Get("n")})
			}
			return list, nil
		}),
		value("iterated", func(df *spark.DataFrame) (any, error) {
			var list []any
			for r, err := range spark.Iterate[row](df) {
				if err != nil {
					return nil, err
				}
				list = append(list, []any{r.ID, r.S, r.A, r.N})
			}
			return list, nil
		}),
		{Name: "fails in action", SailLacks: "nope", Fails: "UNRESOLVED_COLUMN", Value: func(s *spark.Session) (any, error) {
			return wide(s).Select("nope").ShowString(3, 20, false)
		}},
	}})
}

func sailDiffers(c judgetest.Case, why string) judgetest.Case {
	c.SailDiffers = why
	return c
}
