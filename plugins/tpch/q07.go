package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q7Args struct {
	source
	Nation1 string `arg:"nation1,default=FRANCE" doc:"a nation"`
	Nation2 string `arg:"nation2,default=GERMANY" doc:"the nation that it trades with"`
}

func init() { query(7, "volume shipping: trade between two nations by year, both ways", q7) }

func q7(db tables, a q7Args) *spark.DataFrame {
	pair := func(supplier, customer string) F.Column {
		return F.Col("supp_nation").EqualTo(supplier).And(F.Col("cust_nation").EqualTo(customer))
	}
	shipped := db.lineitem().Where(F.Col("l_shipdate").Between(day(1995, 1, 1).lit(), day(1996, 12, 31).lit()))
	return db.supplier().
		Join(shipped, on("s_suppkey", "l_suppkey"), "inner").
		Join(db.orders(), on("l_orderkey", "o_orderkey"), "inner").
		Join(db.customer(), on("o_custkey", "c_custkey"), "inner").
		Join(db.nationAs("supp_nationkey", "supp_nation"), on("s_nationkey", "supp_nationkey"), "inner").
		Join(db.nationAs("cust_nationkey", "cust_nation"), on("c_nationkey", "cust_nationkey"), "inner").
		Where(pair(a.Nation1, a.Nation2).Or(pair(a.Nation2, a.Nation1))).
		GroupBy("supp_nation", "cust_nation", F.Year("l_shipdate").As("l_year")).
		Agg(F.Sum(discounted()).As("revenue")).
		OrderBy("supp_nation", "cust_nation", "l_year")
}
