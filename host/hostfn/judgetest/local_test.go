package judgetest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type localInner struct {
	A int16  `json:"a"`
	B string `json:"b"`
}

type localRow struct {
	ID    int64            `json:"id"`
	Name  string           `json:"name"`
	X     float64          `json:"x"`
	OK    bool             `json:"ok"`
	At    time.Time        `json:"at"`
	Raw   []byte           `json:"raw"`
	List  []int32          `json:"list"`
	Map   map[string]int64 `json:"map"`
	Inner localInner       `json:"inner"`
	Opt   *string          `json:"opt"`
}

type localMany struct {
	ID int64  `json:"id"`
	S  string `json:"s"`
}

func TestLocalDataIsThatOfPySpark(t *testing.T) {
	at := time.Date(2024, 1, 2, 4, 4, 5, 678901000, time.FixedZone("", 3600))
	set := "set"
	judgetest.Run(t, judgetest.Suite{Script: "testdata/local.py", Cases: []judgetest.Case{
		{Name: "structs", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.CreateDataFrame([]localRow{
				{1, "one", 1.5, true, at, []byte{0, 255}, []int32{1, 2}, map[string]int64{"k": 1}, localInner{7, "in"}, nil},
				{2, `zwölf "x"`, math.NaN(), false, at, []byte{}, []int32{}, map[string]int64{}, localInner{8, ""}, &set},
			}, "")
		}},
		{Name: "typed", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.CreateDataFrame([][]any{
				{spark.Decimal("-1.50"), "2024-01-02", "2024-01-02T03:04:05", 1, 2, 3.5, -24*time.Hour + 5*time.Second, map[int]string{1: "a"}, 9007199254740993},
				make([]any, 9),
			}, "dec decimal(10,2), d date, ntz timestamp_ntz, i8 tinyint, i16 smallint, f float, dt interval day to second, m map<int,string>, big bigint")
		}},
		{Name: "objects", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.CreateDataFrame([]map[string]any{{"s": "a", "n": 1}, {"n": 2}}, "n int, s string")
		}},
		{Name: "single", Frame: func(s *spark.Session) *spark.DataFrame { return s.CreateDataFrame([]int{1, 2, 3}, "value bigint") }},
		{Name: "none", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.CreateDataFrameFromJSON(json.RawMessage("[]"), "n int, s string")
		}},
		{Name: "joined", Frame: func(s *spark.Session) *spark.DataFrame {
			local := s.CreateDataFrameFromJSON(json.RawMessage(`[[1,"a"],{"s":"c","id":3}]`), "id bigint, s string")
			return s.Range(0, 5).Join(local, "id", "inner").OrderBy("id")
		}},
		// Over a mebibyte, which Spark gets as an artifact.
		{Name: "many", Frame: func(s *spark.Session) *spark.DataFrame {
			rows := make([]localMany, 60000)
			for n := range rows {
				rows[n] = localMany{int64(n), fmt.Sprintf("text number %d of many", n)}
			}
			return s.CreateDataFrame(rows, "").Where("id % 7 = 0").
				Agg(F.Count("*").As("n"), F.Sum("id").As("ids"), F.Sum(F.Length("s")).As("chars"))
		}},
	}})
}

// What was collected can be given back.
func TestCollectedRowsAreLocalDataAgain(t *testing.T) {
	eachSession(t, func(t *testing.T, s *spark.Session) {
		const schema = "b boolean, i bigint, x double, dec decimal(38,18), s string, raw binary, d date, ts timestamp, ntz timestamp_ntz, " +
			"a array<struct<d:date>>, m map<string,int>, mi map<int,string>, n void"
		text := `SELECT true AS b, 9007199254740993L AS i, double('-Infinity') AS x, CAST(1.5 AS DECIMAL(38,18)) AS dec, 'é"' AS s, X'00FF' AS raw,
			DATE'1969-01-02' AS d, TIMESTAMP'2024-01-02 03:04:05.678901Z' AS ts, TIMESTAMP_NTZ'0001-01-02 03:04:05' AS ntz,
			array(named_struct('d', DATE'2024-01-02')) AS a, map('k', 1, 'l', NULL) AS m, map(1, 'a') AS mi, NULL AS n`
		for _, form := range []int32{0, 1} {
			rows, err := s.SQL(text).CollectJSON(rowForm(form))
			if err != nil {
				t.Fatal(err)
			}
			again, err := s.CreateDataFrameFromJSON(rows, schema).CollectJSON(rowForm(form))
			if err != nil || string(again) != string(rows) {
				t.Errorf("got  %s, %v\nwant %s", again, err, rows)
			}
		}
		for rows, want := range map[string]string{
			`{"n":1}`:         "no JSON list",
			`[1]`:             "row 0",
			`[[1],["x"]]`:     "row 1",
			`[{"m":1}]`:       `no field "m"`,
			`[[1,2]]`:         "row 0",
			`[[1]`:            "does not end",
			`[[99999999999]]`: "no integer of 32 bits",
			`[null]`:          "it is null",
			`[[null]]`:        "NOT NULL",
		} {
			if _, err := s.CreateDataFrameFromJSON(json.RawMessage(rows), "n int not null").Count(); err == nil || !contains(err, want) {
				t.Errorf("%s: got %v, want %q", rows, err, want)
			}
		}
		if _, err := s.CreateDataFrame([]int{1}, "n what").Count(); err == nil || !contains(err, "type") {
			t.Errorf("got %v", err)
		}
		if _, err := s.CreateDataFrame(7, "n int").Count(); err == nil || !contains(err, "slice") {
			t.Errorf("got %v", err)
		}
	})
}
