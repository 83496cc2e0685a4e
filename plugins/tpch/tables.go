package main

import (
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// source is the parameter that every query begins with.
type source struct {
	Data string `arg:"data" doc:"folder of the eight tables as Parquet files or folders: lineitem.parquet, orders.parquet, …"`
}

func (s source) folder() string { return s.Data }

// tables reads the tables of one folder. Reading a table costs nothing by
// itself: the engine takes from the files the columns that a query needs.
type tables struct {
	read *spark.Reader
	data string
}

func (t tables) table(name string) *spark.DataFrame {
	return t.read.Parquet(t.data + "/" + name + ".parquet")
}

func (t tables) customer() *spark.DataFrame { return t.table("customer") }
func (t tables) lineitem() *spark.DataFrame { return t.table("lineitem") }
func (t tables) nation() *spark.DataFrame   { return t.table("nation") }
func (t tables) orders() *spark.DataFrame   { return t.table("orders") }
func (t tables) part() *spark.DataFrame     { return t.table("part") }
func (t tables) partsupp() *spark.DataFrame { return t.table("partsupp") }
func (t tables) region() *spark.DataFrame   { return t.table("region") }
func (t tables) supplier() *spark.DataFrame { return t.table("supplier") }

// nationsOf returns the nations of a region.
func (t tables) nationsOf(region string) *spark.DataFrame {
	return t.nation().Join(t.region().Where(F.Col("r_name").EqualTo(region)), on("n_regionkey", "r_regionkey"), "inner")
}

// nationAs returns the nations' keys and names under other names, for queries
// in which the nations of suppliers and customers meet.
func (t tables) nationAs(key, name string) *spark.DataFrame {
	return t.nation().Select(F.Col("n_nationkey").As(key), F.Col("n_name").As(name))
}

// on is the condition of a join by a column of each side. TPC-H's columns have
// the table's initial before their names, so that they differ everywhere.
func on(left, right string) F.Column { return F.Col(left).EqualTo(F.Col(right)) }

// discounted is what is paid for a line before tax, which the benchmark calls
// revenue or volume.
func discounted() F.Column {
	return F.Col("l_extendedprice").Times(F.Lit(1).Minus(F.Col("l_discount")))
}

// within says that a date lies from one day on and before another.
func within(column string, from, until date) F.Column {
	return F.Col(column).Ge(from.lit()).And(F.Col(column).Lt(until.lit()))
}
