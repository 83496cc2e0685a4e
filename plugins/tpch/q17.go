package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q17Args struct {
	source
	Brand     string `arg:"brand,default=Brand#23" doc:"brand of the parts"`
	Container string `arg:"container,default=MED BOX" doc:"container of the parts"`
}

func init() { query(17, "small-quantity orders: yearly revenue lost without orders of few parts", q17) }

func q17(db tables, a q17Args) *spark.DataFrame {
	few := db.lineitem().
		GroupBy(F.Col("l_partkey").As("few_partkey")).
		Agg(exactly("0.2").Times(F.Avg("l_quantity")).As("few"))
	return db.part().Where(F.Col("p_brand").EqualTo(a.Brand).And(F.Col("p_container").EqualTo(a.Container))).
		Join(db.lineitem(), on("p_partkey", "l_partkey"), "inner").
		Join(few, on("p_partkey", "few_partkey").And(F.Col("l_quantity").Lt(F.Col("few"))), "inner").
		Agg(F.Sum("l_extendedprice").Divide(exactly("7.0")).As("avg_yearly"))
}
