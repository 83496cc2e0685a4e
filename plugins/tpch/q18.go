package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q18Args struct {
	source
	Quantity int `arg:"quantity,default=300" doc:"quantity that the order exceeds"`
}

func init() {
	query(18, "large volume customers: the hundred dearest of the orders of many items", q18)
}

func q18(db tables, a q18Args) *spark.DataFrame {
	large := db.lineitem().
		GroupBy(F.Col("l_orderkey").As("large_orderkey")).
		Agg(F.Sum("l_quantity").As("items")).
		Where(F.Col("items").Gt(a.Quantity))
	return db.customer().
		Join(db.orders(), on("c_custkey", "o_custkey"), "inner").
		Join(large, on("o_orderkey", "large_orderkey"), "semi").
		Join(db.lineitem(), on("o_orderkey", "l_orderkey"), "inner").
		GroupBy("c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice").
		Agg(F.Sum("l_quantity").As("sum_qty")).
		OrderBy(F.Desc("o_totalprice"), "o_orderdate").
		Limit(100)
}
