package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q12Args struct {
	source
	Mode1 string `arg:"shipmode1,default=MAIL" doc:"a ship mode"`
	Mode2 string `arg:"shipmode2,default=SHIP" doc:"another one"`
	Date  date   `arg:"date,default=1994-01-01" doc:"first day of the year in which was received"`
}

func init() { query(12, "shipping modes and order priority: late lines by ship mode", q12) }

func q12(db tables, a q12Args) *spark.DataFrame {
	late := db.lineitem().
		Where(F.Col("l_shipmode").IsIn(a.Mode1, a.Mode2)).
		Where(F.Col("l_commitdate").Lt(F.Col("l_receiptdate")).And(F.Col("l_shipdate").Lt(F.Col("l_commitdate")))).
		Where(within("l_receiptdate", a.Date, a.Date.plus(1, 0, 0)))
	urgent := F.Col("o_orderpriority").IsIn("1-URGENT", "2-HIGH")
	return db.orders().
		Join(late, on("o_orderkey", "l_orderkey"), "inner").
		GroupBy("l_shipmode").
		Agg(
			F.Sum(F.When(urgent, 1).Otherwise(0)).As("high_line_count"),
			F.Sum(F.When(urgent.Not(), 1).Otherwise(0)).As("low_line_count"),
		).
		OrderBy("l_shipmode")
}
