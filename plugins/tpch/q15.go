package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q15Args struct {
	source
	Date date `arg:"date,default=1996-01-01" doc:"first day of the three months in which was shipped"`
}

func init() { query(15, "top supplier: who brought the most revenue in three months", q15) }

func q15(db tables, a q15Args) *spark.DataFrame {
	revenue := db.lineitem().
		Where(within("l_shipdate", a.Date, a.Date.plus(0, 3, 0))).
		GroupBy(F.Col("l_suppkey").As("supplier_no")).
		Agg(F.Sum(discounted()).As("total_revenue"))
	most := revenue.Agg(F.Max("total_revenue").As("most"))
	return db.supplier().
		Join(revenue, on("s_suppkey", "supplier_no"), "inner").
		Join(most, on("total_revenue", "most"), "inner").
		Select("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue").
		OrderBy("s_suppkey")
}
