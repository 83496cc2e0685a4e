from pyspark.sql import Observation


def people(spark):
    return spark.sql("SELECT * FROM VALUES (1,'ann',10,2.5D), (2,'bob',20,1.5D), (3,'cid',NULL,0.5D), (2,'bob',20,1.5D) AS t(id, name, age, w)")


def describe(spark):
    return people(spark).select("id", "name", "w").describe()


def describe_some(spark):
    return people(spark).describe("id", "name")


def summary(spark):
    return people(spark).select("id", "w").summary()


def summary_of_some(spark):
    return people(spark).summary("max", "count", "min")


def summary_of_distinct(spark):
    return people(spark).summary("count", "count_distinct", "approx_count_distinct")


def crosstab(spark):
    return people(spark).stat.crosstab("id", "name").orderBy("id_name")


def frequent_items(spark):
    return people(spark).stat.freqItems(["id"], 0.4)


def covariance(spark):
    return people(spark).stat.cov("id", "w")


def correlation(spark):
    return people(spark).where("w > 1").stat.corr("id", "w")


def quantiles(spark):
    return people(spark).stat.approxQuantile(["id", "w"], [0.5, 1.0], 0.0)


def quantile_above_one(spark):
    return people(spark).approxQuantile("id", [2.0], 0.0)


def statistics_of_no_column(spark):
    return people(spark).stat.crosstab("id", "nothing")


def observed(spark):
    o = Observation()
    df = people(spark).observe(
        o, F.count("*").alias("n"), F.max("age").alias("m"), F.avg("w").alias("w"), F.expr("max(array(id))").alias("a"),
        F.expr("max(named_struct('x', id, 'y', name))").alias("s"), F.expr("max(date'2024-01-02')").alias("d"),
        F.expr("max(1.50)").alias("dec"), F.expr("max(NULL)").alias("null"))
    df.where("id > 1").count()
    got = o.get
    return [got["n"], got["m"], got["w"], got["a"], got["s"].asDict(), got["null"], list(got)]


def observed_by_name(spark):
    return people(spark).observe("m", F.count("*")).orderBy("id")
