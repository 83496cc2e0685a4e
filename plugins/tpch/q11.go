package main

import (
	"encoding/json"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q11Args struct {
	source
	Nation   string      `arg:"nation,default=GERMANY" doc:"nation of the suppliers"`
	Fraction json.Number `arg:"fraction,default=0.0001" doc:"least part of the whole stock's value; 0.0001 / scale factor by the specification"`
}

func init() { query(11, "important stock: parts that are much of the value of a nation's stock", q11) }

func q11(db tables, a q11Args) *spark.DataFrame {
	stock := db.partsupp().
		Join(db.supplier(), on("ps_suppkey", "s_suppkey"), "inner").
		Join(db.nation().Where(F.Col("n_name").EqualTo(a.Nation)), on("s_nationkey", "n_nationkey"), "inner")
	value := F.Sum(F.Col("ps_supplycost").Times(F.Col("ps_availqty")))
	least := stock.Agg(value.Times(exactly(a.Fraction)).As("least"))
	return stock.
		GroupBy("ps_partkey").
		Agg(value.As("value")).
		CrossJoin(least).
		Where(F.Col("value").Gt(F.Col("least"))).
		Select("ps_partkey", "value").
		OrderBy(F.Desc("value"))
}
