package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q3Args struct {
	source
	Segment string `arg:"segment,default=BUILDING" doc:"market segment of the customers"`
	Date    date   `arg:"date,default=1995-03-15" doc:"day before which they ordered, and after which it was shipped"`
}

func init() { query(3, "shipping priority: the ten unshipped orders of most revenue", q3) }

func q3(db tables, a q3Args) *spark.DataFrame {
	return db.customer().Where(F.Col("c_mktsegment").EqualTo(a.Segment)).
		Join(db.orders().Where(F.Col("o_orderdate").Lt(a.Date.lit())), on("c_custkey", "o_custkey"), "inner").
		Join(db.lineitem().Where(F.Col("l_shipdate").Gt(a.Date.lit())), on("o_orderkey", "l_orderkey"), "inner").
		GroupBy("l_orderkey", "o_orderdate", "o_shippriority").
		Agg(F.Sum(discounted()).As("revenue")).
		Select("l_orderkey", "revenue", "o_orderdate", "o_shippriority").
		OrderBy(F.Desc("revenue"), "o_orderdate").
		Limit(10)
}
