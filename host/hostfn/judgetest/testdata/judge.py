def types(spark):
    return spark.sql(
        "SELECT 1 AS i, 1.5D AS d, double('nan') AS n, DATE'2024-01-02' AS day, TIMESTAMP'2024-01-02 03:04:05' AS ts, "
        "CAST(1.50 AS DECIMAL(5,2)) AS dec, X'00FF' AS bin, array(1, 2) AS a, map('k', 1) AS m, named_struct('x', 1, 'y', 's') AS st, CAST(NULL AS INT) AS nul")


def counts_of_groups(spark):
    return spark.range(10).groupBy((F.col("id") % 3).alias("k")).agg(F.sum("id").alias("s"), F.avg("id").alias("a"))


def a_count(spark):
    return spark.range(10).count()


def no_such_column(spark):
    return spark.range(10).select("nope")
