package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q10Args struct {
	source
	Date date `arg:"date,default=1993-10-01" doc:"first day of the three months in which was ordered"`
}

func init() { query(10, "returned items: the twenty customers who sent back most", q10) }

func q10(db tables, a q10Args) *spark.DataFrame {
	orders := db.orders().Where(within("o_orderdate", a.Date, a.Date.plus(0, 3, 0)))
	returned := db.lineitem().Where(F.Col("l_returnflag").EqualTo("R"))
	return db.customer().
		Join(orders, on("c_custkey", "o_custkey"), "inner").
		Join(returned, on("o_orderkey", "l_orderkey"), "inner").
		Join(db.nation(), on("c_nationkey", "n_nationkey"), "inner").
		GroupBy("c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment").
		Agg(F.Sum(discounted()).As("revenue")).
		Select("c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment").
		OrderBy(F.Desc("revenue")).
		Limit(20)
}
