package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q1Args struct {
	source
	Delta int `arg:"delta,default=90" doc:"days before 1998-12-01 until which lines were shipped"`
}

func init() { query(1, "pricing summary: totals and means of the lines shipped until a day", q1) }

func q1(db tables, a q1Args) *spark.DataFrame {
	last := day(1998, 12, 1).plus(0, 0, -a.Delta)
	return db.lineitem().
		Where(F.Col("l_shipdate").Le(last.lit())).
		GroupBy("l_returnflag", "l_linestatus").
		Agg(
			F.Sum("l_quantity").As("sum_qty"),
			F.Sum("l_extendedprice").As("sum_base_price"),
			F.Sum(discounted()).As("sum_disc_price"),
			F.Sum(discounted().Times(F.Lit(1).Plus(F.Col("l_tax")))).As("sum_charge"),
			F.Avg("l_quantity").As("avg_qty"),
			F.Avg("l_extendedprice").As("avg_price"),
			F.Avg("l_discount").As("avg_disc"),
			F.Count("*").As("count_order"),
		).
		OrderBy("l_returnflag", "l_linestatus")
}
