def fine(spark):
    spark.conf.set("spark.sql.timestampNanosTypes.enabled", "true")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark.sql(ARGS["fine"])


def collected(spark):
    df = fine(spark).select(*[F.col(c).cast("string") for c in ["ntz", "ltz", "tenths"]])
    return [list(row) for row in df.collect()]


def types(spark):
    # As DESCRIBE has them: the client does not know the types.
    fine(spark).createOrReplaceTempView("fine")
    return [[row.col_name, row.data_type] for row in spark.sql("DESCRIBE fine").collect()]


def by_a_cursor(spark):
    return [row[0] for row in fine(spark).select(F.col("ltz").cast("string")).collect()]


def there_and_back(spark):
    fine(spark)
    at = "1899-12-31 23:59:59.123456789"
    df = spark.sql(f"SELECT CAST('{at}' AS TIMESTAMP_NTZ(9)) AS ntz, CAST('{at}' AS TIMESTAMP_LTZ(9)) AS ltz")
    row = list(df.select(F.col("ntz").cast("string"), F.col("ltz").cast("string")).first())
    return [row, [None, None], row]
