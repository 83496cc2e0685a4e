package term

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestStatesAreShownOnOneLine(t *testing.T) {
	var out strings.Builder
	line := StateLine{out: &out}
	line.Show("PROGRESS", json.RawMessage(`{"current":3,"total":8,"running":2,"stages":2,"bytes_read":3145728,"fraction":0.375}`))
	line.Show("LOADING", json.RawMessage(`{"file":"x"}`))
	line.Show("COUNTING", json.RawMessage(`{"current":1,"total":4,"file":"x"}`))
	line.Clear()
	want := eraseLine + "███████░░░░░░░░░░░░░  38%  3 of 8 tasks in 2 stages, 2 running, 3.0 MiB read" + eraseLine + `LOADING {"file":"x"}` +
		eraseLine + "█████░░░░░░░░░░░░░░░  25%  COUNTING: 1 of 4" + eraseLine
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	none := StateLine{}
	none.Show("PROGRESS", nil)
	none.Clear()
}
