package judgetest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// all is what an iteration gives until it ends, and its error.
func all[T any](df *spark.DataFrame) ([]T, error) {
	var list []T
	for v, err := range spark.Iterate[T](df) {
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}

func TestIterateReadsWhatCollectAsReads(t *testing.T) {
	type row struct {
		I8  int8              `json:"i8"`
		I16 *int16            `json:"i16"`
		I32 int64             `json:"i32"` // wider than its column
		I64 int               `json:"i64"`
		F32 float32           `json:"f32"`
		F64 *float64          `json:"f64"`
		B   bool              `json:"b"`
		BP  *bool             `json:"bp"`
		S   string            `json:"s"`
		SP  *string           `json:"sp"`
		Raw []byte            `json:"raw"`
		D   time.Time         `json:"d"`
		TS  *time.Time        `json:"ts"`
		Dec json.Number       `json:"dec"`
		A   []int64           `json:"a"`
		M   map[string]string `json:"m"`
		St  struct{ X int64 } `json:"st"`
		Any any               `json:"any"`
	}
	const query = `SELECT CAST(id % 100 AS TINYINT) AS i8, IF(id % 2 = 0, NULL, CAST(id AS SMALLINT)) AS i16, CAST(id AS INT) AS i32, id AS i64,
		CAST(id AS FLOAT) AS f32, IF(id % 3 = 0, NULL, id * 0.5D) AS f64, id % 2 = 0 AS b, IF(id % 5 = 0, NULL, id % 2 = 0) AS bp,
		concat('row ', id) AS s, IF(id % 7 = 0, NULL, concat('é', id)) AS sp, encode(CAST(id AS STRING), 'UTF-8') AS raw,
		date_add(DATE'1969-12-01', CAST(id AS INT)) AS d, IF(id % 4 = 0, NULL, timestamp_micros(id * 1000001 - 5000000)) AS ts,
		CAST(id - 5 AS DECIMAL(20,3)) AS dec, array(id, NULL, id + 1) AS aa, array(id, id + 1) AS a, map('k', concat('v', id)) AS m,
		named_struct('X', id) AS st, IF(id % 2 = 0, NULL, named_struct('y', id)) AS any FROM range(0, 200, 1, 1)`
	eachSession(t, func(t *testing.T, s *spark.Session) {
		df := s.SQL(query)
		want, err := spark.CollectAs[row](df)
		if err != nil {
			t.Fatal(err)
		}
		got, err := all[row](df)
		a, errA := json.Marshal(got)
		b, errB := json.Marshal(want)
		if err := errors.Join(err, errA, errB); err != nil || len(want) != 200 || string(a) != string(b) {
			t.Errorf("got %v\n%s\nwant\n%s", err, a, b)
		}
		ids, err := all[int64](df.Select("i64"))
		if err != nil || len(ids) != 200 || ids[199] != 199 {
			t.Errorf("one column: %v, %v", ids, err)
		}
		maps, err := all[map[string]any](df.Select("i64", "s").Limit(2))
		if err != nil || fmt.Sprint(maps) != "[map[i64:0 s:row 0] map[i64:1 s:row 1]]" {
			t.Errorf("maps: %v, %v", maps, err)
		}
		lists, err := all[[]any](df.Select("i64", "sp").Limit(2))
		if err != nil || fmt.Sprint(lists) != "[[0 <nil>] [1 é1]]" {
			t.Errorf("lists: %v, %v", lists, err)
		}
		narrow, err := all[struct {
			I64 int8 `json:"i64"`
		}](df)
		if err == nil || len(narrow) != 128 || !contains(err, "row 128") {
			t.Errorf("128 as an int8: %d rows, %v", len(narrow), err)
		}
		nulls, err := all[struct {
			SP string `json:"sp"`
		}](df.Where("i64 > 1"))
		if err == nil || len(nulls) != 5 || !contains(err, "row 5: column sp is no string but NULL; a pointer takes it") {
			t.Errorf("NULL as a string: %d rows, %v", len(nulls), err)
		}
		if _, err := all[struct{ Nope int }](df); err == nil || !contains(err, `no column "Nope"`) {
			t.Errorf("got %v", err)
		}
		if _, err := all[int](df); err == nil || !contains(err, "19 columns, not one") {
			t.Errorf("got %v", err)
		}
	})
}

// A loop that is left early closes its cursor, so that any number of them fit.
func TestLoopsThatEndEarlyLeaveNothingOpen(t *testing.T) {
	eachSession(t, func(t *testing.T, s *spark.Session) {
		df := s.Range(0, 100_000)
		for range 20 {
			for batch, err := range df.Batches(10) {
				if err != nil {
					t.Fatal(err)
				}
				if ids, err := batch.Column("id"); err != nil || len(ids.Int64s()) != 10 || ids.Int64s()[9] != 9 {
					t.Fatalf("%v, %v", ids, err)
				}
				if _, err := batch.Column("nope"); err == nil || !contains(err, "there are id") {
					t.Fatal(err)
				}
				break
			}
			for _, err := range df.ToLocalIterator() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		// A row stays good when later batches have come.
		var kept []spark.Row
		for row, err := range s.Range(0, 30_000).ToLocalIterator() {
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, row)
		}
		for i, row := range kept {
			if row.Get("id") != int64(i) {
				t.Fatalf("row %d is %v", i, row)
			}
		}
		var failed error
		for _, err := range s.Range(0, 10).Where("raise_error('boom') IS NULL").Batches(0) {
			failed = errors.Join(failed, err)
		}
		if failed == nil || !contains(failed, "boom") {
			t.Errorf("got %v", failed)
		}
	})
}
