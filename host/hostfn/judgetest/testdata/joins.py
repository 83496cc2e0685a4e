def people(spark):
    return spark.sql("SELECT * FROM VALUES (1,'ann',10,2.5D), (2,'bob',20,1.5D), (3,'cid',NULL,0.5D), (2,'bob',20,1.5D) AS t(id, name, age, w)")


def letters(spark):
    return spark.sql("SELECT * FROM VALUES (1,'x'), (2,'y'), (9,'z') AS t(id, s)")


def trades(spark):
    return spark.sql("SELECT * FROM VALUES (10,'a',1), (20,'a',2), (25,'b',3), (40,'a',4) AS t(time, sym, n)")


def quotes(spark):
    return spark.sql("SELECT * FROM VALUES (9,'a',100), (20,'a',101), (26,'b',200), (38,'a',102) AS t(time, sym, price)")


def broadcast(spark):
    return people(spark).join(F.broadcast(letters(spark)), "id").orderBy("name")


def hints_with_parameters(spark):
    return people(spark).hint("rebalance", F.col("id")).hint("nonsense", 3, "a", 1.5).hint("repartition", 2).orderBy("id")


def several_conditions(spark):
    p, q = people(spark), letters(spark)
    return p.join(q, [p.id == q.id, q.s == "y"]).orderBy("name")


def columns_of_aliases(spark):
    a, b = people(spark).alias("a"), people(spark).alias("b")
    return a.join(b, F.col("a.id") < F.col("b.id")).select("a.name", F.col("b.name").alias("other")).orderBy("name", "other")


def drop_one_of_two(spark):
    p, q = people(spark), letters(spark)
    return p.join(q, p.id == q.id).drop(q.id, "age", "nothing").orderBy("id")


def as_of(spark):
    t = trades(spark)
    return t._joinAsOf(quotes(spark), "time", "time").orderBy(t.time)


def as_of_with_all(spark):
    t, q = trades(spark), quotes(spark)
    return t._joinAsOf(q, t.time, q.time, on="sym", how="left", tolerance=F.lit(5), allowExactMatches=False, direction="nearest").orderBy(t.time)


def as_of_in_no_direction(spark):
    return trades(spark)._joinAsOf(quotes(spark), "time", "time", direction="sideways")


def lateral(spark):
    right = letters(spark).alias("l").where(F.col("p.id").outer() == F.col("l.id"))
    return people(spark).alias("p").lateralJoin(right).orderBy("name")


def lateral_left(spark):
    right = letters(spark).alias("l").where(F.col("p.id").outer() == F.col("l.id")).select("s")
    return people(spark).alias("p").lateralJoin(right, F.col("s") != "y", "left").orderBy("name")


def lateral_full(spark):
    return people(spark).lateralJoin(letters(spark), how="full")


def join_of_no_type(spark):
    return people(spark).join(letters(spark), "id", "sideways")


def lateral_table_function(spark):
    x = spark.sql("SELECT 1 AS id, array(1, 2) AS a").alias("x")
    return x.lateralJoin(spark.tvf.explode(F.col("x.a").outer()))


def table_functions(spark):
    letters = spark.tvf.posexplode(F.array(F.lit("a"), F.lit("b")))
    return letters.crossJoin(spark.tvf.stack(F.lit(2), F.lit(1), F.lit(2))).orderBy(1, -3)


def table_function_range(spark):
    return spark.tvf.range(1, 8, 3, 1)


def nearest_by(spark):
    p, q = people(spark), letters(spark)
    return p.nearestByJoin(q, F.abs(p.id - q.id), 2, "exact", "distance", joinType="left").orderBy(p.name, q.id)


def nearest_by_none(spark):
    p, q = people(spark), letters(spark)
    return p.nearestByJoin(q, p.id - q.id, 0, "exact", "distance")


def nearest_by_nothing(spark):
    p, q = people(spark), letters(spark)
    return p.nearestByJoin(q, p.id - q.id, 1, "guess", "distance")


def zip(spark):
    p = people(spark).orderBy("name", "w")
    return p.select("id", F.upper("name").alias("name")).zip(p.withColumn("twice", F.col("age") * 2).drop("w"))


def zip_with_itself(spark):
    p = letters(spark)
    return p.zip(p).zip(p.select("s"))


def zip_of_two(spark):
    return people(spark).zip(letters(spark))


def union_all(spark):
    return letters(spark).unionAll(letters(spark)).orderBy("id")


def union_by_name_with_missing_columns(spark):
    return letters(spark).unionByName(people(spark).select("name", "id"), True).orderBy("id", "s", "name")


def intersect_all(spark):
    return people(spark).intersectAll(people(spark)).orderBy("id")


def except_all(spark):
    return people(spark).exceptAll(people(spark).distinct()).orderBy("id")


def intersect(spark):
    return people(spark).intersect(people(spark)).orderBy("id")


def subtract(spark):
    return people(spark).subtract(people(spark).where("id = 2")).orderBy("id")
