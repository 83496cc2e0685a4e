package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q20Args struct {
	source
	Color  string `arg:"color,default=forest" doc:"what the part's name begins with"`
	Date   date   `arg:"date,default=1994-01-01" doc:"first day of the year in which was shipped"`
	Nation string `arg:"nation,default=CANADA" doc:"nation of the suppliers"`
}

func init() {
	query(20, "potential part promotion: suppliers with more than half a year's sales in stock", q20)
}

func q20(db tables, a q20Args) *spark.DataFrame {
	half := db.lineitem().
		Where(within("l_shipdate", a.Date, a.Date.plus(1, 0, 0))).
		GroupBy("l_partkey", "l_suppkey").
		Agg(exactly("0.5").Times(F.Sum("l_quantity")).As("half"))
	ample := db.partsupp().
		Join(db.part().Where(F.Col("p_name").StartsWith(a.Color)), on("ps_partkey", "p_partkey"), "semi").
		Join(half, on("ps_partkey", "l_partkey").And(on("ps_suppkey", "l_suppkey")), "inner").
		Where(F.Col("ps_availqty").Gt(F.Col("half")))
	return db.supplier().
		Join(ample, on("s_suppkey", "ps_suppkey"), "semi").
		Join(db.nation().Where(F.Col("n_name").EqualTo(a.Nation)), on("s_nationkey", "n_nationkey"), "inner").
		Select("s_name", "s_address").
		OrderBy("s_name")
}
