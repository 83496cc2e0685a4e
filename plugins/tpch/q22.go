package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q22Args struct {
	source
	Codes []string `arg:"codes,default=[\"13\", \"31\", \"23\", \"29\", \"30\", \"18\", \"17\"]" doc:"country codes that phone numbers begin with"`
}

func init() { query(22, "global sales opportunity: customers of means who never ordered", q22) }

func q22(db tables, a q22Args) *spark.DataFrame {
	customers := db.customer().
		WithColumn("cntrycode", F.Substring("c_phone", 1, 2)).
		Where(F.Col("cntrycode").IsIn(values(a.Codes)...))
	mean := customers.Where(F.Col("c_acctbal").Gt(exactly("0.00"))).Agg(F.Avg("c_acctbal").As("mean"))
	return customers.
		CrossJoin(mean).
		Where(F.Col("c_acctbal").Gt(F.Col("mean"))).
		Join(db.orders(), on("c_custkey", "o_custkey"), "anti").
		GroupBy("cntrycode").
		Agg(F.Count("*").As("numcust"), F.Sum("c_acctbal").As("totacctbal")).
		OrderBy("cntrycode")
}
