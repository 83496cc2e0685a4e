package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q4Args struct {
	source
	Date date `arg:"date,default=1993-07-01" doc:"first day of the three months in which was ordered"`
}

func init() { query(4, "order priority checking: orders with a line that came late", q4) }

func q4(db tables, a q4Args) *spark.DataFrame {
	late := db.lineitem().Where(F.Col("l_commitdate").Lt(F.Col("l_receiptdate")))
	return db.orders().Where(within("o_orderdate", a.Date, a.Date.plus(0, 3, 0))).
		Join(late, on("o_orderkey", "l_orderkey"), "semi").
		GroupBy("o_orderpriority").
		Agg(F.Count("*").As("order_count")).
		OrderBy("o_orderpriority")
}
