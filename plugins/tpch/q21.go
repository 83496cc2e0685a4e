package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q21Args struct {
	source
	Nation string `arg:"nation,default=SAUDI ARABIA" doc:"nation of the suppliers"`
}

func init() {
	query(21, "suppliers who kept orders waiting: who alone was late with a part of an order", q21)
}

func q21(db tables, a q21Args) *spark.DataFrame {
	late := db.lineitem().Where(F.Col("l_receiptdate").Gt(F.Col("l_commitdate")))
	// another says that the line of other is a further supplier's in the same order.
	another := func(other string) F.Column {
		return on("l1.l_orderkey", other+".l_orderkey").And(F.Col("l1.l_suppkey").NotEqual(F.Col(other + ".l_suppkey")))
	}
	return late.Alias("l1").
		Join(db.supplier(), on("l1.l_suppkey", "s_suppkey"), "inner").
		Join(db.orders().Where(F.Col("o_orderstatus").EqualTo("F")), on("l1.l_orderkey", "o_orderkey"), "inner").
		Join(db.nation().Where(F.Col("n_name").EqualTo(a.Nation)), on("s_nationkey", "n_nationkey"), "inner").
		Join(db.lineitem().Alias("l2"), another("l2"), "semi").
		Join(late.Alias("l3"), another("l3"), "anti").
		GroupBy("s_name").
		Agg(F.Count("*").As("numwait")).
		OrderBy(F.Desc("numwait"), "s_name").
		Limit(100)
}
