def customers(spark):
    return spark.sql("SELECT * FROM VALUES (1, 'ann'), (2, 'bob'), (3, 'cid') AS t(id, name)")


def orders(spark):
    return spark.sql("SELECT * FROM VALUES (1, 10), (1, 20), (3, 5) AS t(customer, total)")


def scalar(spark):
    return orders(spark).where(F.col("total") > orders(spark).select(F.avg("total")).scalar()).orderBy("total")


def scalar_of_each_row(spark):
    c, o = customers(spark).alias("c"), orders(spark).alias("o")
    most = o.where(F.col("o.customer") == F.col("c.id").outer()).select(F.max("total"))
    return c.select("id", most.scalar().alias("most")).orderBy("id")


def scalar_in_a_new_column(spark):
    return customers(spark).withColumn("n", orders(spark).agg(F.count("*")).scalar() + F.col("id")).orderBy("id")


def exists(spark):
    c, o = customers(spark).alias("c"), orders(spark).alias("o")
    return c.where(o.where(F.col("o.customer") == F.col("c.id").outer()).exists()).orderBy("id")


def not_exists(spark):
    c, o = customers(spark).alias("c"), orders(spark).alias("o")
    return c.where(~o.where(F.col("o.customer") == F.col("c.id").outer()).exists()).orderBy("id")


def is_in(spark):
    return customers(spark).where(F.col("id").isin(orders(spark).select("customer"))).orderBy("id")


def several_are_in(spark):
    pair = F.struct(F.col("id"), F.col("id") * 10)
    return customers(spark).where(pair.isin(orders(spark).select("customer", "total"))).orderBy("id")


def in_an_aggregate(spark):
    largest = customers(spark).agg(F.max("id")).scalar()
    return orders(spark).groupBy("customer").agg(F.sum(F.col("total") + largest).alias("s")).orderBy("customer")


def within_a_subquery(spark):
    most = orders(spark).agg(F.max("total")).scalar()
    largest = orders(spark).where(F.col("total") == most).select("customer")
    return customers(spark).where(F.col("id").isin(largest)).select("name")


def used_above(spark):
    c = customers(spark).where(F.col("id").isin(orders(spark).select("customer")))
    o = orders(spark)
    return c.join(o, c.id == o.customer).select(c.name, o.total).orderBy("total")


def more_than_one_row(spark):
    return customers(spark).select(orders(spark).select("total").scalar())


def sql_reads_frames(spark):
    return spark.sql(
        "SELECT c.name, o.total FROM {c} c JOIN {o} o ON c.id = o.customer "
        "WHERE o.total > :least AND o.total <= (SELECT max(total) FROM {o}) ORDER BY o.total",
        args={"least": 5}, c=customers(spark), o=orders(spark))


def sql_result_used_further(spark):
    return spark.sql("SELECT customer FROM {o} GROUP BY customer", o=orders(spark)).where("customer > 1")
