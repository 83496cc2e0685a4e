def people(spark):
    return spark.sql("SELECT * FROM VALUES (1,'ann',10,2.5D), (2,'bob',20,1.5D), (3,'cid',NULL,0.5D), (2,'bob',20,1.5D) AS t(id, name, age, w)")


def numbers(spark):
    return spark.range(0, 1000, 1, 1).withColumn("k", F.col("id") % 3)


def sample(spark):
    return numbers(spark).sample(False, 0.05, 7)


def sample_with_replacement(spark):
    return numbers(spark).sample(True, 0.1, 7)


def sample_of_too_much(spark):
    return numbers(spark).sample(False, 1.5, 7)


def sample_by(spark):
    return numbers(spark).sampleBy("k", {0: 0.1, 2: 0.05}, 3).orderBy("id")


def sample_by_more_than_all(spark):
    return numbers(spark).sampleBy("k", {0: 1.5}, 3)


def random_split(spark):
    a, b, c = numbers(spark).randomSplit([1.0, 3.0, 2.0], 5)
    return a.agg(F.count("*").alias("n")).union(b.agg(F.count("*"))).union(c.agg(F.count("*")))


def tail(spark):
    rows = numbers(spark).tail(2)
    return [rows[0].id, rows[1].id, len(rows)]


def watermark(spark):
    return spark.sql("SELECT TIMESTAMP'2024-01-01 00:00:00' AS ts").withWatermark("ts", "5 minutes")


def distinct_within_watermark(spark):
    return spark.sql("SELECT TIMESTAMP'2024-01-01 00:00:00' AS ts").withWatermark("ts", "5 minutes").dropDuplicatesWithinWatermark(["ts"])


def repartition(spark):
    return numbers(spark).repartition(3).select(F.spark_partition_id().alias("p")).distinct().orderBy("p")


def repartition_by_columns(spark):
    parts = numbers(spark).repartition(4, "k").select("k", F.spark_partition_id().alias("p")).distinct()
    return parts.groupBy("k").count().orderBy("k")


def repartition_by_range(spark):
    return numbers(spark).repartitionByRange(2, F.desc("id")).groupBy("k").count().orderBy("k")


def repartition_by_id(spark):
    return numbers(spark).repartitionById(3, F.col("k").cast("int")).select("k", F.spark_partition_id().alias("p")).distinct().orderBy("k")


def coalesce(spark):
    return numbers(spark).repartition(4).coalesce(1).select(F.spark_partition_id().alias("p")).distinct()


def fill_numbers(spark):
    return people(spark).fillna(0).orderBy("id")


def fill_floats(spark):
    return people(spark).fillna(1.5).orderBy("id")


def fill_some(spark):
    return people(spark).na.fill("?", ["name", "age"]).orderBy("id")


def fill_by_map(spark):
    return people(spark).fillna({"age": 5, "name": "?"}).orderBy("id")


def drop_missing(spark):
    return people(spark).dropna().orderBy("id")


def drop_missing_of_some(spark):
    return people(spark).dropna("all", subset=["age", "w"]).orderBy("id")


def drop_missing_by_threshold(spark):
    return people(spark).na.drop(thresh=4).orderBy("id")


def replace_numbers(spark):
    return people(spark).replace({10: 11, 20: None}, subset=["age"]).orderBy("id")


def replace_strings(spark):
    return people(spark).na.replace("bob", "rob").orderBy("id")


def replace_of_two_kinds(spark):
    return people(spark).replace({1: "x", "bob": "rob"})


def replace_by_another_kind(spark):
    return people(spark).replace({"bob": 5})
