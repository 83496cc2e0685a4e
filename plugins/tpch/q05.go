package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q5Args struct {
	source
	Region string `arg:"region,default=ASIA" doc:"region of customers and suppliers"`
	Date   date   `arg:"date,default=1994-01-01" doc:"first day of the year in which was ordered"`
}

func init() { query(5, "local supplier volume: revenue within each nation of a region", q5) }

func q5(db tables, a q5Args) *spark.DataFrame {
	orders := db.orders().Where(within("o_orderdate", a.Date, a.Date.plus(1, 0, 0)))
	return db.customer().
		Join(orders, on("c_custkey", "o_custkey"), "inner").
		Join(db.lineitem(), on("o_orderkey", "l_orderkey"), "inner").
		Join(db.supplier(), on("l_suppkey", "s_suppkey").And(on("c_nationkey", "s_nationkey")), "inner").
		Join(db.nationsOf(a.Region), on("s_nationkey", "n_nationkey"), "inner").
		GroupBy("n_name").
		Agg(F.Sum(discounted()).As("revenue")).
		OrderBy(F.Desc("revenue"))
}
