"""usage: tpch.py REMOTE TABLES: the plans of plugins/tpch, with the same parameters,
built and collected by PySpark's Connect client. Reads a query's number a line;
answers each with a line of JSON, the milliseconds from the plan's first part to
its last row and the rows, with dates and decimals as Celery has them."""

import datetime
import decimal
import json
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.functions import col, lit

remote, tables = sys.argv[1:]
spark = SparkSession.builder.remote(remote).create()


def table(name):
    return spark.read.parquet(f"{tables}/{name}.parquet")


def nations_of(region):
    return table("nation").join(table("region").where(col("r_name") == region), on("n_regionkey", "r_regionkey"))


def nation_as(key, name):
    return table("nation").select(col("n_nationkey").alias(key), col("n_name").alias(name))


def on(left, right):
    return col(left) == col(right)


def day(text):
    return lit(datetime.date.fromisoformat(text))


def within(column, start, end):
    return (col(column) >= day(start)) & (col(column) < day(end))


def discounted():
    return col("l_extendedprice") * (1 - col("l_discount"))


def exactly(text):
    whole, _, fraction = text.partition(".")
    precision = max(len(whole.lstrip("0")) + len(fraction), 1)
    return lit(text).cast(f"decimal({precision},{len(fraction)})")


def q1():
    return (
        table("lineitem")
        .where(col("l_shipdate") <= day("1998-09-02"))
        .groupBy("l_returnflag", "l_linestatus")
        .agg(
            F.sum("l_quantity").alias("sum_qty"),
            F.sum("l_extendedprice").alias("sum_base_price"),
            F.sum(discounted()).alias("sum_disc_price"),
            F.sum(discounted() * (1 + col("l_tax"))).alias("sum_charge"),
            F.avg("l_quantity").alias("avg_qty"),
            F.avg("l_extendedprice").alias("avg_price"),
            F.avg("l_discount").alias("avg_disc"),
            F.count("*").alias("count_order"),
        )
        .orderBy("l_returnflag", "l_linestatus")
    )


def q2():
    parts = table("part").where((col("p_size") == 15) & col("p_type").endswith("BRASS"))
    offers = (
        table("partsupp")
        .join(table("supplier"), on("ps_suppkey", "s_suppkey"))
        .join(nations_of("EUROPE"), on("s_nationkey", "n_nationkey"))
    )
    cheapest = offers.groupBy(col("ps_partkey").alias("cheapest_partkey")).agg(
        F.min("ps_supplycost").alias("cheapest_cost")
    )
    return (
        parts.join(offers, on("p_partkey", "ps_partkey"))
        .join(cheapest, on("p_partkey", "cheapest_partkey") & on("ps_supplycost", "cheapest_cost"))
        .select("s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment")
        .orderBy(F.desc("s_acctbal"), "n_name", "s_name", "p_partkey")
        .limit(100)
    )


def q3():
    return (
        table("customer")
        .where(col("c_mktsegment") == "BUILDING")
        .join(table("orders").where(col("o_orderdate") < day("1995-03-15")), on("c_custkey", "o_custkey"))
        .join(table("lineitem").where(col("l_shipdate") > day("1995-03-15")), on("o_orderkey", "l_orderkey"))
        .groupBy("l_orderkey", "o_orderdate", "o_shippriority")
        .agg(F.sum(discounted()).alias("revenue"))
        .select("l_orderkey", "revenue", "o_orderdate", "o_shippriority")
        .orderBy(F.desc("revenue"), "o_orderdate")
        .limit(10)
    )


def q4():
    late = table("lineitem").where(col("l_commitdate") < col("l_receiptdate"))
    return (
        table("orders")
        .where(within("o_orderdate", "1993-07-01", "1993-10-01"))
        .join(late, on("o_orderkey", "l_orderkey"), "semi")
        .groupBy("o_orderpriority")
        .agg(F.count("*").alias("order_count"))
        .orderBy("o_orderpriority")
    )


def q5():
    orders = table("orders").where(within("o_orderdate", "1994-01-01", "1995-01-01"))
    return (
        table("customer")
        .join(orders, on("c_custkey", "o_custkey"))
        .join(table("lineitem"), on("o_orderkey", "l_orderkey"))
        .join(table("supplier"), on("l_suppkey", "s_suppkey") & on("c_nationkey", "s_nationkey"))
        .join(nations_of("ASIA"), on("s_nationkey", "n_nationkey"))
        .groupBy("n_name")
        .agg(F.sum(discounted()).alias("revenue"))
        .orderBy(F.desc("revenue"))
    )


def q6():
    low, high = exactly("0.06") - exactly("0.01"), exactly("0.06") + exactly("0.01")
    return (
        table("lineitem")
        .where(within("l_shipdate", "1994-01-01", "1995-01-01"))
        .where(col("l_discount").between(low, high) & (col("l_quantity") < 24))
        .agg(F.sum(col("l_extendedprice") * col("l_discount")).alias("revenue"))
    )


def q7():
    def pair(supplier, customer):
        return (col("supp_nation") == supplier) & (col("cust_nation") == customer)

    shipped = table("lineitem").where(col("l_shipdate").between(day("1995-01-01"), day("1996-12-31")))
    return (
        table("supplier")
        .join(shipped, on("s_suppkey", "l_suppkey"))
        .join(table("orders"), on("l_orderkey", "o_orderkey"))
        .join(table("customer"), on("o_custkey", "c_custkey"))
        .join(nation_as("supp_nationkey", "supp_nation"), on("s_nationkey", "supp_nationkey"))
        .join(nation_as("cust_nationkey", "cust_nation"), on("c_nationkey", "cust_nationkey"))
        .where(pair("FRANCE", "GERMANY") | pair("GERMANY", "FRANCE"))
        .groupBy("supp_nation", "cust_nation", F.year("l_shipdate").alias("l_year"))
        .agg(F.sum(discounted()).alias("revenue"))
        .orderBy("supp_nation", "cust_nation", "l_year")
    )


def q8():
    orders = table("orders").where(col("o_orderdate").between(day("1995-01-01"), day("1996-12-31")))
    brazilian = F.when(col("nation") == "BRAZIL", col("volume")).otherwise(0)
    return (
        table("part")
        .where(col("p_type") == "ECONOMY ANODIZED STEEL")
        .join(table("lineitem"), on("p_partkey", "l_partkey"))
        .join(table("supplier"), on("l_suppkey", "s_suppkey"))
        .join(orders, on("l_orderkey", "o_orderkey"))
        .join(table("customer"), on("o_custkey", "c_custkey"))
        .join(nations_of("AMERICA"), on("c_nationkey", "n_nationkey"))
        .join(nation_as("supp_nationkey", "nation"), on("s_nationkey", "supp_nationkey"))
        .select(F.year("o_orderdate").alias("o_year"), discounted().alias("volume"), "nation")
        .groupBy("o_year")
        .agg((F.sum(brazilian) / F.sum("volume")).alias("mkt_share"))
        .orderBy("o_year")
    )


def q9():
    amount = discounted() - col("ps_supplycost") * col("l_quantity")
    return (
        table("part")
        .where(col("p_name").contains("green"))
        .join(table("lineitem"), on("p_partkey", "l_partkey"))
        .join(table("supplier"), on("l_suppkey", "s_suppkey"))
        .join(table("partsupp"), on("l_suppkey", "ps_suppkey") & on("l_partkey", "ps_partkey"))
        .join(table("orders"), on("l_orderkey", "o_orderkey"))
        .join(table("nation"), on("s_nationkey", "n_nationkey"))
        .groupBy(col("n_name").alias("nation"), F.year("o_orderdate").alias("o_year"))
        .agg(F.sum(amount).alias("sum_profit"))
        .orderBy("nation", F.desc("o_year"))
    )


def q10():
    orders = table("orders").where(within("o_orderdate", "1993-10-01", "1994-01-01"))
    returned = table("lineitem").where(col("l_returnflag") == "R")
    return (
        table("customer")
        .join(orders, on("c_custkey", "o_custkey"))
        .join(returned, on("o_orderkey", "l_orderkey"))
        .join(table("nation"), on("c_nationkey", "n_nationkey"))
        .groupBy("c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment")
        .agg(F.sum(discounted()).alias("revenue"))
        .select("c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment")
        .orderBy(F.desc("revenue"))
        .limit(20)
    )


def q11():
    stock = (
        table("partsupp")
        .join(table("supplier"), on("ps_suppkey", "s_suppkey"))
        .join(table("nation").where(col("n_name") == "GERMANY"), on("s_nationkey", "n_nationkey"))
    )
    value = F.sum(col("ps_supplycost") * col("ps_availqty"))
    least = stock.agg((value * exactly("0.0001")).alias("least"))
    return (
        stock.groupBy("ps_partkey")
        .agg(value.alias("value"))
        .crossJoin(least)
        .where(col("value") > col("least"))
        .select("ps_partkey", "value")
        .orderBy(F.desc("value"))
    )


def q12():
    late = (
        table("lineitem")
        .where(col("l_shipmode").isin("MAIL", "SHIP"))
        .where((col("l_commitdate") < col("l_receiptdate")) & (col("l_shipdate") < col("l_commitdate")))
        .where(within("l_receiptdate", "1994-01-01", "1995-01-01"))
    )
    urgent = col("o_orderpriority").isin("1-URGENT", "2-HIGH")
    return (
        table("orders")
        .join(late, on("o_orderkey", "l_orderkey"))
        .groupBy("l_shipmode")
        .agg(
            F.sum(F.when(urgent, 1).otherwise(0)).alias("high_line_count"),
            F.sum(F.when(~urgent, 1).otherwise(0)).alias("low_line_count"),
        )
        .orderBy("l_shipmode")
    )


def q13():
    orders = table("orders").where(~col("o_comment").like("%special%requests%"))
    return (
        table("customer")
        .join(orders, on("c_custkey", "o_custkey"), "left")
        .groupBy("c_custkey")
        .agg(F.count("o_orderkey").alias("c_count"))
        .groupBy("c_count")
        .agg(F.count("*").alias("custdist"))
        .orderBy(F.desc("custdist"), F.desc("c_count"))
    )


def q14():
    promoted = F.when(col("p_type").startswith("PROMO"), discounted()).otherwise(0)
    return (
        table("lineitem")
        .where(within("l_shipdate", "1995-09-01", "1995-10-01"))
        .join(table("part"), on("l_partkey", "p_partkey"))
        .agg((exactly("100.00") * F.sum(promoted) / F.sum(discounted())).alias("promo_revenue"))
    )


def q15():
    revenue = (
        table("lineitem")
        .where(within("l_shipdate", "1996-01-01", "1996-04-01"))
        .groupBy(col("l_suppkey").alias("supplier_no"))
        .agg(F.sum(discounted()).alias("total_revenue"))
    )
    most = revenue.agg(F.max("total_revenue").alias("most"))
    return (
        table("supplier")
        .join(revenue, on("s_suppkey", "supplier_no"))
        .join(most, on("total_revenue", "most"))
        .select("s_suppkey", "s_name", "s_address", "s_phone", "total_revenue")
        .orderBy("s_suppkey")
    )


def q16():
    parts = (
        table("part")
        .where(~(col("p_brand") == "Brand#45"))
        .where(~col("p_type").startswith("MEDIUM POLISHED"))
        .where(col("p_size").isin(49, 14, 23, 45, 19, 3, 36, 9))
    )
    complaints = table("supplier").where(col("s_comment").like("%Customer%Complaints%"))
    return (
        table("partsupp")
        .join(parts, on("ps_partkey", "p_partkey"))
        .join(complaints, on("ps_suppkey", "s_suppkey"), "anti")
        .groupBy("p_brand", "p_type", "p_size")
        .agg(F.countDistinct("ps_suppkey").alias("supplier_cnt"))
        .orderBy(F.desc("supplier_cnt"), "p_brand", "p_type", "p_size")
    )


def q17():
    few = (
        table("lineitem")
        .groupBy(col("l_partkey").alias("few_partkey"))
        .agg((exactly("0.2") * F.avg("l_quantity")).alias("few"))
    )
    return (
        table("part")
        .where((col("p_brand") == "Brand#23") & (col("p_container") == "MED BOX"))
        .join(table("lineitem"), on("p_partkey", "l_partkey"))
        .join(few, on("p_partkey", "few_partkey") & (col("l_quantity") < col("few")))
        .agg((F.sum("l_extendedprice") / exactly("7.0")).alias("avg_yearly"))
    )


def q18():
    large = (
        table("lineitem")
        .groupBy(col("l_orderkey").alias("large_orderkey"))
        .agg(F.sum("l_quantity").alias("items"))
        .where(col("items") > 300)
    )
    return (
        table("customer")
        .join(table("orders"), on("c_custkey", "o_custkey"))
        .join(large, on("o_orderkey", "large_orderkey"), "semi")
        .join(table("lineitem"), on("o_orderkey", "l_orderkey"))
        .groupBy("c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice")
        .agg(F.sum("l_quantity").alias("sum_qty"))
        .orderBy(F.desc("o_totalprice"), "o_orderdate")
        .limit(100)
    )


def q19():
    def kind(brand, quantity, size, *containers):
        return (
            (col("p_brand") == brand)
            & col("p_container").isin(*containers)
            & col("l_quantity").between(quantity, quantity + 10)
            & col("p_size").between(1, size)
        )

    small = kind("Brand#12", 1, 5, "SM CASE", "SM BOX", "SM PACK", "SM PKG")
    medium = kind("Brand#23", 10, 10, "MED BAG", "MED BOX", "MED PKG", "MED PACK")
    large = kind("Brand#34", 20, 15, "LG CASE", "LG BOX", "LG PACK", "LG PKG")
    by_hand = table("lineitem").where(
        col("l_shipmode").isin("AIR", "AIR REG") & (col("l_shipinstruct") == "DELIVER IN PERSON")
    )
    return by_hand.join(table("part"), on("l_partkey", "p_partkey") & (small | medium | large)).agg(
        F.sum(discounted()).alias("revenue")
    )


def q20():
    half = (
        table("lineitem")
        .where(within("l_shipdate", "1994-01-01", "1995-01-01"))
        .groupBy("l_partkey", "l_suppkey")
        .agg((exactly("0.5") * F.sum("l_quantity")).alias("half"))
    )
    ample = (
        table("partsupp")
        .join(table("part").where(col("p_name").startswith("forest")), on("ps_partkey", "p_partkey"), "semi")
        .join(half, on("ps_partkey", "l_partkey") & on("ps_suppkey", "l_suppkey"))
        .where(col("ps_availqty") > col("half"))
    )
    return (
        table("supplier")
        .join(ample, on("s_suppkey", "ps_suppkey"), "semi")
        .join(table("nation").where(col("n_name") == "CANADA"), on("s_nationkey", "n_nationkey"))
        .select("s_name", "s_address")
        .orderBy("s_name")
    )


def q21():
    late = table("lineitem").where(col("l_receiptdate") > col("l_commitdate"))

    def another(other):
        return on("l1.l_orderkey", f"{other}.l_orderkey") & ~on("l1.l_suppkey", f"{other}.l_suppkey")

    return (
        late.alias("l1")
        .join(table("supplier"), on("l1.l_suppkey", "s_suppkey"))
        .join(table("orders").where(col("o_orderstatus") == "F"), on("l1.l_orderkey", "o_orderkey"))
        .join(table("nation").where(col("n_name") == "SAUDI ARABIA"), on("s_nationkey", "n_nationkey"))
        .join(table("lineitem").alias("l2"), another("l2"), "semi")
        .join(late.alias("l3"), another("l3"), "anti")
        .groupBy("s_name")
        .agg(F.count("*").alias("numwait"))
        .orderBy(F.desc("numwait"), "s_name")
        .limit(100)
    )


def q22():
    customers = (
        table("customer")
        .withColumn("cntrycode", F.substring("c_phone", 1, 2))
        .where(col("cntrycode").isin("13", "31", "23", "29", "30", "18", "17"))
    )
    mean = customers.where(col("c_acctbal") > exactly("0.00")).agg(F.avg("c_acctbal").alias("mean"))
    return (
        customers.crossJoin(mean)
        .where(col("c_acctbal") > col("mean"))
        .join(table("orders"), on("c_custkey", "o_custkey"), "anti")
        .groupBy("cntrycode")
        .agg(F.count("*").alias("numcust"), F.sum("c_acctbal").alias("totacctbal"))
        .orderBy("cntrycode")
    )


def special(value):
    kind = {decimal.Decimal: "decimal", datetime.date: "date"}[type(value)]
    return {"__type__": kind, "__value__": str(value)}


for line in sys.stdin:
    query = globals()["q" + line.strip()]
    start = time.perf_counter()
    rows = query().collect()
    took = (time.perf_counter() - start) * 1000
    print(json.dumps({"ms": took, "rows": [list(row) for row in rows]}, default=special), flush=True)
