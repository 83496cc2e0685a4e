package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q13Args struct {
	source
	Word1 string `arg:"word1,default=special" doc:"first word in the comment of an order that does not count"`
	Word2 string `arg:"word2,default=requests" doc:"a later one"`
}

func init() { query(13, "customer distribution: how many customers have how many orders", q13) }

func q13(db tables, a q13Args) *spark.DataFrame {
	orders := db.orders().Where(F.Col("o_comment").Like("%" + a.Word1 + "%" + a.Word2 + "%").Not())
	return db.customer().
		Join(orders, on("c_custkey", "o_custkey"), "left").
		GroupBy("c_custkey").
		Agg(F.Count("o_orderkey").As("c_count")).
		GroupBy("c_count").
		Agg(F.Count("*").As("custdist")).
		OrderBy(F.Desc("custdist"), F.Desc("c_count"))
}
