package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q9Args struct {
	source
	Color string `arg:"color,default=green" doc:"what the part's name has in it"`
}

func init() { query(9, "product type profit: profit on a line of parts by nation and year", q9) }

func q9(db tables, a q9Args) *spark.DataFrame {
	amount := discounted().Minus(F.Col("ps_supplycost").Times(F.Col("l_quantity")))
	return db.part().Where(F.Col("p_name").Contains(a.Color)).
		Join(db.lineitem(), on("p_partkey", "l_partkey"), "inner").
		Join(db.supplier(), on("l_suppkey", "s_suppkey"), "inner").
		Join(db.partsupp(), on("l_suppkey", "ps_suppkey").And(on("l_partkey", "ps_partkey")), "inner").
		Join(db.orders(), on("l_orderkey", "o_orderkey"), "inner").
		Join(db.nation(), on("s_nationkey", "n_nationkey"), "inner").
		GroupBy(F.Col("n_name").As("nation"), F.Year("o_orderdate").As("o_year")).
		Agg(F.Sum(amount).As("sum_profit")).
		OrderBy("nation", F.Desc("o_year"))
}
