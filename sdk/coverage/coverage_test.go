package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheTableIsFresh(t *testing.T) {
	t.Chdir("../..")
	if err := run(true); err != nil {
		t.Error(err)
	}
}

func TestNamesAreLookedUpOrExplained(t *testing.T) {
	exported := sdk{"dataframe.groupby": "DataFrame.GroupBy", "collectas": "CollectAs", "functions.abs": "Abs", "functions.tojson": "ToJSON"}
	names := pyspark{Spark: "4", Classes: map[string][]string{
		"DataFrame": {"collect", "groupBy", "group_by", "plot", "tail", "sample"},
		"functions": {"abs", "to_json", "udf"},
	}}
	mapping := map[string]class{
		"DataFrame": {Type: "DataFrame", Names: map[string]name{"collect": {Go: "CollectAs"}, "plot": {NA: "pictures"}, "tail": {Lacks: "slow"}}},
		"functions": {Package: "functions", Names: map[string]name{"udf": {NA: "Python"}}},
	}
	got, err := report(names, mapping, exported)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| DataFrame | 5 | 3 | 60.0 % |", "| functions | 2 | 2 | 100.0 % |", "| all | 7 | 5 | 71.4 % |",
		"Covered: `collect` → `CollectAs`, `groupBy`, `group_by`.", "| `plot` | pictures |", "| `tail` | slow |",
		"| `sample` | not there yet |", "Covered: `abs`, `to_json` → `ToJSON`.",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	mapping["DataFrame"].Names["nope"] = name{NA: "x"}
	delete(mapping, "functions")
	if _, err := report(names, mapping, exported); err == nil || !strings.Contains(err.Error(), "DataFrame has no nope") ||
		!strings.Contains(err.Error(), "nothing of functions") {
		t.Errorf("got %v", err)
	}
}

func TestExportedNamesAreRead(t *testing.T) {
	dir := t.TempDir()
	source := "package x\nconst A = 1\nvar b, C int\ntype T struct{}\nfunc F() {}\nfunc f() {}\nfunc (T) M() {}\nfunc (*T) N() {}\n"
	if err := os.WriteFile(dir+"/x.go", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readSDK(dir)
	if err != nil {
		t.Fatal(err)
	}
	base := dir[strings.LastIndexByte(dir, '/')+1:] + "."
	for _, want := range []string{"A", "C", "F", "T.M", "T.N"} {
		if got[key(base+want)] != want {
			t.Errorf("no %s in %v", want, got)
		}
	}
	if len(got) != 5 {
		t.Errorf("got %v", got)
	}
}
