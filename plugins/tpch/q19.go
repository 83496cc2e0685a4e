package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type q19Args struct {
	source
	Quantity1 int    `arg:"quantity1,default=1" doc:"least quantity in small containers"`
	Quantity2 int    `arg:"quantity2,default=10" doc:"least quantity in medium containers"`
	Quantity3 int    `arg:"quantity3,default=20" doc:"least quantity in large containers"`
	Brand1    string `arg:"brand1,default=Brand#12" doc:"brand in small containers"`
	Brand2    string `arg:"brand2,default=Brand#23" doc:"brand in medium containers"`
	Brand3    string `arg:"brand3,default=Brand#34" doc:"brand in large containers"`
}

func init() {
	query(19, "discounted revenue: of three brands, in quantities that are carried by hand", q19)
}

func q19(db tables, a q19Args) *spark.DataFrame {
	kind := func(brand string, quantity, size int, containers ...any) F.Column {
		return F.Col("p_brand").EqualTo(brand).
			And(F.Col("p_container").IsIn(containers...)).
			And(F.Col("l_quantity").Between(quantity, quantity+10)).
			And(F.Col("p_size").Between(1, size))
	}
	small := kind(a.Brand1, a.Quantity1, 5, "SM CASE", "SM BOX", "SM PACK", "SM PKG")
	medium := kind(a.Brand2, a.Quantity2, 10, "MED BAG", "MED BOX", "MED PKG", "MED PACK")
	large := kind(a.Brand3, a.Quantity3, 15, "LG CASE", "LG BOX", "LG PACK", "LG PKG")
	byHand := db.lineitem().Where(
		F.Col("l_shipmode").IsIn("AIR", "AIR REG").And(F.Col("l_shipinstruct").EqualTo("DELIVER IN PERSON")))
	return byHand.
		Join(db.part(), on("l_partkey", "p_partkey").And(small.Or(medium).Or(large)), "inner").
		Agg(F.Sum(discounted()).As("revenue"))
}
