package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q16Args struct {
	source
	Brand string `arg:"brand,default=Brand#45" doc:"brand of parts that do not count"`
	Type  string `arg:"type,default=MEDIUM POLISHED" doc:"what the type of parts that do not count begins with"`
	Sizes []int  `arg:"sizes,default=[49, 14, 23, 45, 19, 3, 36, 9]" doc:"sizes of parts that count"`
}

func init() {
	query(16, "parts/supplier relationship: how many suppliers without complaints sell parts of a kind", q16)
}

func q16(db tables, a q16Args) *spark.DataFrame {
	parts := db.part().
		Where(F.Col("p_brand").NotEqual(a.Brand)).
		Where(F.Col("p_type").StartsWith(a.Type).Not()).
		Where(F.Col("p_size").IsIn(values(a.Sizes)...))
	complaints := db.supplier().Where(F.Col("s_comment").Like("%Customer%Complaints%"))
	return db.partsupp().
		Join(parts, on("ps_partkey", "p_partkey"), "inner").
		Join(complaints, on("ps_suppkey", "s_suppkey"), "anti").
		GroupBy("p_brand", "p_type", "p_size").
		Agg(F.CountDistinct("ps_suppkey").As("supplier_cnt")).
		OrderBy(F.Desc("supplier_cnt"), "p_brand", "p_type", "p_size")
}
