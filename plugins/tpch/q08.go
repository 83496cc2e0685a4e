package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q8Args struct {
	source
	Nation string `arg:"nation,default=BRAZIL" doc:"nation of the suppliers"`
	Region string `arg:"region,default=AMERICA" doc:"region of the customers"`
	Type   string `arg:"type,default=ECONOMY ANODIZED STEEL" doc:"type of the parts"`
}

func init() { query(8, "national market share: a nation's part of a region's trade by year", q8) }

func q8(db tables, a q8Args) *spark.DataFrame {
	orders := db.orders().Where(F.Col("o_orderdate").Between(day(1995, 1, 1).lit(), day(1996, 12, 31).lit()))
	return db.part().Where(F.Col("p_type").EqualTo(a.Type)).
		Join(db.lineitem(), on("p_partkey", "l_partkey"), "inner").
		Join(db.supplier(), on("l_suppkey", "s_suppkey"), "inner").
		Join(orders, on("l_orderkey", "o_orderkey"), "inner").
		Join(db.customer(), on("o_custkey", "c_custkey"), "inner").
		Join(db.nationsOf(a.Region), on("c_nationkey", "n_nationkey"), "inner").
		Join(db.nationAs("supp_nationkey", "nation"), on("s_nationkey", "supp_nationkey"), "inner").
		Select(F.Year("o_orderdate").As("o_year"), discounted().As("volume"), "nation").
		GroupBy("o_year").
		Agg(
			F.Sum(F.When(F.Col("nation").EqualTo(a.Nation), F.Col("volume")).Otherwise(0)).
				Divide(F.Sum("volume")).As("mkt_share"),
		).
		OrderBy("o_year")
}
