import json
import os


def rows_of(df):
    df = df.select([F.col(c).cast("string") for c in sorted(df.columns)])
    return sorted([list(r) for r in df.collect()], key=str)


def layout(path):
    found = []
    for root, _, files in os.walk(path):
        if root != path and files:
            found.append(os.path.relpath(root, path))
    return sorted(found)


def frame(spark, n, text):
    df = spark.range(n)
    df = df.withColumn("part", F.col("id") % 2).withColumn("day", F.expr("date_add(DATE'2024-02-28', CAST(id AS INT))"))
    df = df.withColumn("word", F.concat(F.lit("w,\"é "), F.col("id").cast("string")))
    df = df.withColumn("price", (F.col("id") * 1.25).cast("decimal(9,2)"))
    df = df.withColumn("none", F.when(F.col("id") > 1, F.col("id")))
    return df.select(F.col("word").alias("value")) if text else df


def write(spark, c):
    path = os.path.join(ARGS["folder"], "py", c["name"])
    for n, mode in zip(c["sizes"], c["modes"]):
        w = frame(spark, n, c["format"] == "text").write.format(c["format"]).options(**(c["options"] or {}))
        if mode:
            w = w.mode(mode)
        if c["partition_by"]:
            w = w.partitionBy(*c["partition_by"])
        w.save(path)
    back = spark.read.format(c["format"]).options(**(c["options"] or {})).schema(c["schema"]).load(path)
    return {"layout": layout(path), "rows": rows_of(back)}


def read(spark, c):
    return spark.read.format(c["format"]).options(**(c["options"] or {})).schema(c["schema"]).load(c["path"]).orderBy(c["order"])


for case in json.loads(ARGS["cases"]):
    function = read if "path" in case else write
    globals()[case["name"]] = lambda spark, case=case, function=function: function(spark, case)
