package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestStatesAreShownOnOneLine(t *testing.T) {
	var out strings.Builder
	line := stateLine{out: &out}
	line.show("PROGRESS", json.RawMessage(`{"current":3,"total":8,"running":2,"stages":2,"bytes_read":3145728,"fraction":0.375}`))
	line.show("LOADING", json.RawMessage(`{"file":"x"}`))
	line.clear()
	want := eraseLine + "Spark 38%: 3 of 8 tasks in 2 stages, 2 running, 3.0 MiB read" + eraseLine + `LOADING {"file":"x"}` + eraseLine
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	none := stateLine{}
	none.show("PROGRESS", nil)
	none.clear()
}
