package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q14Args struct {
	source
	Date date `arg:"date,default=1995-09-01" doc:"first day of the month in which was shipped"`
}

func init() { query(14, "promotion effect: percentage of a month's revenue from promoted parts", q14) }

func q14(db tables, a q14Args) *spark.DataFrame {
	promoted := F.When(F.Col("p_type").StartsWith("PROMO"), discounted()).Otherwise(0)
	return db.lineitem().Where(within("l_shipdate", a.Date, a.Date.plus(0, 1, 0))).
		Join(db.part(), on("l_partkey", "p_partkey"), "inner").
		Agg(exactly("100.00").Times(F.Sum(promoted)).Divide(F.Sum(discounted())).As("promo_revenue"))
}
