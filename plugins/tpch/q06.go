package main

import (
	"encoding/json"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q6Args struct {
	source
	Date     date        `arg:"date,default=1994-01-01" doc:"first day of the year in which was shipped"`
	Discount json.Number `arg:"discount,default=0.06" doc:"discount, give or take 0.01"`
	Quantity int         `arg:"quantity,default=24" doc:"quantity below which lines count"`
}

func init() { query(6, "forecasting revenue change: what certain discounts cost in a year", q6) }

func q6(db tables, a q6Args) *spark.DataFrame {
	low, high := exactly(a.Discount).Minus(exactly("0.01")), exactly(a.Discount).Plus(exactly("0.01"))
	return db.lineitem().
		Where(within("l_shipdate", a.Date, a.Date.plus(1, 0, 0))).
		Where(F.Col("l_discount").Between(low, high).And(F.Col("l_quantity").Lt(a.Quantity))).
		Agg(F.Sum(F.Col("l_extendedprice").Times(F.Col("l_discount"))).As("revenue"))
}
