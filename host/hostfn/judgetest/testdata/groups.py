def people(spark):
    return spark.sql("SELECT * FROM VALUES (1,'ann',10,2.5D), (2,'bob',20,1.5D), (3,'cid',NULL,0.5D), (2,'bob',20,1.5D) AS t(id, name, age, w)")


def grouping_sets(spark):
    sets = [["id", "name"], ["name"], []]
    return people(spark).groupingSets(sets, "id", "name").agg(F.count("*").alias("n"), F.sum("age").alias("s")).orderBy("id", "name", "n")


def grouping_sets_by_number(spark):
    return people(spark).groupingSets([[1], [2], [2, 1]], 1, 2).count().orderBy(1, 2, 3)


def grouping_sets_in_part(spark):
    return people(spark).groupingSets([["name"], ["id"]], "id", "name").count().orderBy(1, 2, 3)


def rollup(spark):
    return people(spark).rollup("id", "name").agg(F.count("*").alias("n")).orderBy("id", "name", "n")


def cube(spark):
    return people(spark).cube("id", "name").count().orderBy("id", "name", "count")


def pivot(spark):
    return people(spark).groupBy("id").pivot("name").sum("age").orderBy("id")


def pivot_by_values(spark):
    return people(spark).groupBy("id").pivot("name", ["ann", "bob"]).agg(F.sum("age").alias("s"), F.max("w").alias("w")).orderBy("id")


def pivot_by_numbers(spark):
    return people(spark).groupBy().pivot("id", [1, 2]).count()


def pivot_after_a_cube(spark):
    return people(spark).cube("id").pivot("name").count()


def aggregates_by_map(spark):
    return people(spark).groupBy("id").agg({"*": "count", "age": "sum", "w": "max"}).orderBy("id")


def sums_of_all_numbers(spark):
    return people(spark).groupBy("name").sum().orderBy("name")


def means_of_some(spark):
    return people(spark).groupBy("name").mean("age", "w").orderBy("name")


def least_of_all_numbers(spark):
    return people(spark).groupBy().min()


def greatest_of_all_numbers(spark):
    return people(spark).groupBy().max()


def groups_by_number(spark):
    return people(spark).groupBy(2).count().orderBy(-1)


def unpivot(spark):
    return people(spark).unpivot(["name"], ["id", F.col("w")], "k", "v").orderBy("name", "k", "v")


def unpivot_all_others(spark):
    return people(spark).drop("age").melt(["name"], None, "k", "v").orderBy("name", "k", "v")


def unpivot_with_nulls(spark):
    return people(spark).unpivot(["name"], ["id", "age"], "k", "v").orderBy("name", "k", "v")


def transpose(spark):
    return spark.sql("SELECT * FROM VALUES (1,'x'), (2,'y'), (9,'z') AS t(id, s)").transpose()


def transpose_by_a_column(spark):
    return spark.sql("SELECT * FROM VALUES (1, 2), (3, 4) AS t(a, b)").transpose("b")
