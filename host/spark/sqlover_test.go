package spark

import (
	"errors"
	"strings"
	"testing"
)

func TestViewsAreFoundInQueries(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT * FROM sales":                  "sales",
		"select SALES.id from x join Sales":    "SALES",
		"SELECT * FROM `Sales`":                "Sales",
		"SELECT(SELECT 1 FROM sales)":          "sales",
		"SELECT * FROM shop.sales":             "",
		"SELECT * FROM `shop`.`sales`":         "",
		"SELECT * FROM wholesales, sales_2026": "",
		"SELECT * FROM shop.sales, sales":      "sales",
		"":                                     "",
	} {
		if got := mentioned(text, "sales"); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"SELECT 1": true, " \n(( select 1))": true, "-- x\nFROM t": true, "/* a */ WITH a AS (SELECT 1) SELECT 1": true, "VALUES (1)": true, "TABLE t": true,
		"INSERT INTO t SELECT 1": false, "": false, "-- SELECT": false, "/* SELECT": false, "DROP TABLE t": false,
	} {
		if got := mayBeQuery(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
	views := []View{{"sales", Range(0, 1, 1, 1)}}
	if err := SQLOver("DELETE FROM sales", nil, nil, views).Err(); err == nil || !strings.Contains(err.Error(), "which only queries can") {
		t.Errorf("got %v", err)
	} else if _, ok := errors.AsType[*ArgumentError](err); !ok {
		t.Errorf("got %T", err)
	}
	if err := SQLOver("DELETE FROM shop.sales", nil, nil, views).Err(); err != nil {
		t.Error(err)
	}
}

func TestReferencesHaveNamesOfTheirOwnWhenSent(t *testing.T) {
	over := func() *DataFrame {
		return SQLOver("SELECT * FROM sales", nil, nil, []View{{"sales", Range(0, 1, 1, 1)}})
	}
	names := make(map[string]bool)
	df := over()
	for range 3 {
		with := df.relation().GetWithRelations()
		name := with.GetReferences()[0].GetSubqueryAlias().GetAlias()
		if want := "WITH `sales` AS (SELECT * FROM `" + name + "`) (\nSELECT * FROM sales\n)"; with.GetRoot().GetSql().GetQuery() != want {
			t.Errorf("got %s, want %s", with.GetRoot().GetSql().GetQuery(), want)
		}
		names[name] = true
	}
	if len(names) != 3 {
		t.Errorf("three requests have the names %v", names)
	}
	if a, b := hashOf(t, df), hashOf(t, over()); a != b {
		t.Error("the names count in the hash")
	}
}
