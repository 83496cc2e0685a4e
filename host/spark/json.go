package spark

import (
	"fmt"
	"io"
)

// RowForm is the JSON shape of a row.
type RowForm int32

// The row forms.
const (
	RowArrays  RowForm = 0 // [[1,"a"],[2,"b"]]
	RowObjects RowForm = 1 // [{"n":1,"s":"a"},{"n":2,"s":"b"}]
)

// A TooLargeError says that rows take more JSON than they may.
type TooLargeError struct {
	Limit int64 // in bytes
	Rows  int64 // how many fit
}

// Error says what the limit is and how to go on.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the rows take more than %s as JSON, the limit for results; %d rows fit: "+
		"take fewer (filter, aggregate, limit), write them to a table or files, read them batch by batch within the task, "+
		"or raise the limit (setting result_limit)", byteSize(e.Limit), e.Rows)
}

// byteSize prints a limit as people set it.
func byteSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// WriteJSON writes the rows of s as one JSON array that Python's Celery client
// reads without loss:
//
//	bool, integers, strings     as JSON has them, integers of any size exact
//	float, double               as Python prints them, with NaN and Infinity
//	decimal                     {"__type__":"decimal","__value__":"1.10"}
//	date, time                  {"__type__":"date","__value__":"2026-01-02"}
//	timestamp                   {"__type__":"datetime","__value__":"2026-01-02T03:04:05.678901+00:00"}, in UTC
//	timestamp_ntz               the same without offset
//	timestamps of nanoseconds   string: "2026-01-02T03:04:05.678901234", with +00:00 if it has a zone
//	binary                      {"__type__":"base64","__value__":"//4="}
//	array                       array
//	struct                      object
//	map                         object if its keys are strings, else an array of [key,value]
//	variant                     what it holds, as a column of that type
//	geometry, geography         {"srid":0,"wkb":{"__type__":"base64",…}}
//	intervals                   string, as Spark prints them: "INTERVAL '1 02:03:04' DAY TO SECOND"
//
// Python's datetime ends with the year 9999 and at microseconds: dates and
// timestamps beyond are plain strings. Special values
// cannot be a map's key, so that such maps are arrays. So is a struct with two
// fields of one name, and what Celery would take for a special value: a struct
// or map of just __type__ and __value__.
//
// Rows of more than limit bytes end with a [*TooLargeError], after a part of
// them was written; a limit of zero or less is none. WriteJSON does not close s.
func WriteJSON(w io.Writer, s *Stream, form RowForm, limit int64) error {
	rows := newRowWriter(w, limit, s.Fields())
	for s.Next() {
		if err := rows.batch(s.Record(), form); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	return rows.end()
}
