package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q2Args struct {
	source
	Size   int    `arg:"size,default=15" doc:"size of the part"`
	Type   string `arg:"type,default=BRASS" doc:"what the part's type ends with"`
	Region string `arg:"region,default=EUROPE" doc:"region of the suppliers"`
}

func init() { query(2, "minimum cost supplier: who in a region sells certain parts cheapest", q2) }

func q2(db tables, a q2Args) *spark.DataFrame {
	parts := db.part().Where(F.Col("p_size").EqualTo(a.Size).And(F.Col("p_type").EndsWith(a.Type)))
	offers := db.partsupp().
		Join(db.supplier(), on("ps_suppkey", "s_suppkey"), "inner").
		Join(db.nationsOf(a.Region), on("s_nationkey", "n_nationkey"), "inner")
	cheapest := offers.
		GroupBy(F.Col("ps_partkey").As("cheapest_partkey")).
		Agg(F.Min("ps_supplycost").As("cheapest_cost"))
	return parts.
		Join(offers, on("p_partkey", "ps_partkey"), "inner").
		Join(cheapest, on("p_partkey", "cheapest_partkey").And(on("ps_supplycost", "cheapest_cost")), "inner").
		Select("s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment").
		OrderBy(F.Desc("s_acctbal"), "n_name", "s_name", "p_partkey").
		Limit(100)
}
