"""usage: lake.py REMOTE TASK TABLE [SOURCE]: does by PySpark what a task of the
module in lake/ does, and prints the same steps."""

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

remote, task, table = sys.argv[1:4]
source = (sys.argv[4:] or [""])[0]
spark = SparkSession.builder.remote(remote).getOrCreate()


def numbers(start, end, word):
    return spark.range(start, end).withColumn("p", F.col("id") % 3).withColumn("word", F.lit(word))


def rows(df):
    return [list(row) for row in df.collect()]


def steps(look, todo):
    out = []
    for name, do in todo:
        do()
        out.append({"name": name, "rows": rows(look())})
    return out


def ordered():
    return spark.table(table).orderBy("id", "word")


def write_to():
    return steps(
        ordered,
        [
            ("create", lambda: numbers(0, 10, "a").writeTo(table).using(source).tableProperty("owner", "lake").partitionedBy("p").create()),
            ("append", lambda: numbers(10, 15, "b").writeTo(table).append()),
            ("overwrite", lambda: numbers(30, 31, "c").writeTo(table).overwrite(F.col("p") == 0)),
            ("overwrite partitions", lambda: numbers(40, 42, "d").writeTo(table).overwritePartitions()),
            ("replace", lambda: numbers(0, 4, "e").writeTo(table).using(source).replace()),
            ("create or replace", lambda: numbers(0, 9, "f").writeTo(table).using(source).partitionedBy("p").createOrReplace()),
        ],
    )


def merge():
    def run():
        new = numbers(5, 14, "new").alias("new").mergeInto(table, F.expr(f"{table}.id = new.id"))
        new = new.whenMatched(F.col("new.id") == 5).delete()
        new = new.whenMatched(F.col("new.id") == 6).update({"word": F.lit("changed")})
        new = new.whenMatched().updateAll()
        new = new.whenNotMatched(F.col("new.id") == 13).insert(
            {"id": F.col("new.id"), "p": F.lit(-1).cast("long"), "word": F.lit("added")}
        )
        new = new.whenNotMatched().insertAll()
        new = new.whenNotMatchedBySource(F.expr(f"{table}.id = 0")).delete()
        new.whenNotMatchedBySource(F.expr(f"{table}.id = 1")).update({"word": F.lit("left")}).merge()

    return steps(
        ordered,
        [("create", lambda: numbers(0, 10, "old").writeTo(table).using(source).createOrReplace()), ("merge", run)],
    )


def changes():
    def feed():
        df = spark.read.option("readChangeFeed", True).option("startingVersion", 0).table(table)
        return df.select("id", "word", "_change_type", "_commit_version").orderBy("_commit_version", "id", "_change_type")

    out = steps(
        feed,
        [
            ("create", lambda: numbers(0, 3, "a").writeTo(table).using(source).tableProperty("delta.enableChangeDataFeed", "true").createOrReplace()),
            ("append", lambda: numbers(3, 5, "b").writeTo(table).append()),
            ("overwrite", lambda: numbers(4, 5, "c").writeTo(table).overwrite(F.col("id") == 4)),
        ],
    )
    return out + [{"name": "as of version 1", "rows": rows(spark.read.option("versionAsOf", 1).table(table).orderBy("id"))}]


def changelog():
    def feed():
        df = spark.read.option("startingVersion", 0).changes(table)
        return df.select("id", "word", "_change_type", "_commit_version").orderBy("_commit_version", "id", "_change_type")

    def create():
        new = numbers(0, 3, "a").writeTo(table).using(source).tableProperty("delta.enableChangeDataFeed", "true")
        new.tableProperty("delta.enableRowTracking", "true").createOrReplace()

    return steps(
        feed,
        [
            ("create", create),
            ("append", lambda: numbers(3, 5, "b").writeTo(table).append()),
            ("overwrite", lambda: numbers(4, 5, "c").writeTo(table).overwrite(F.col("id") == 4)),
        ],
    )


def database():
    url, name, driver = table, "PY_NUMBERS", {"driver": "org.h2.Driver"}
    look = [spark.read.jdbc(url, name, properties=driver)]

    def read(df):
        return lambda: look.__setitem__(0, df)

    return steps(
        lambda: look[0].orderBy("id", "word"),
        [
            ("write", lambda: numbers(0, 10, "a").write.jdbc(url, name, properties=driver)),
            ("append", lambda: numbers(10, 12, "b").write.jdbc(url, name, mode="append", properties=driver)),
            ("overwrite", lambda: numbers(0, 6, "c").write.jdbc(url, name, mode="overwrite", properties=driver)),
            ("in partitions", read(spark.read.jdbc(url, name, column="id", lowerBound=0, upperBound=10, numPartitions=2, properties=driver))),
            ("by predicates", read(spark.read.jdbc(url, name, predicates=['"id" < 2', '"id" >= 4'], properties=driver))),
            ("a query", read(spark.read.jdbc(url, f'(SELECT "id", "word" FROM {name} WHERE "p" = 1) AS q', properties=driver))),
        ],
    )


def catalog():
    def create():
        spark.sql("CREATE NAMESPACE IF NOT EXISTS " + table.rpartition(".")[0]).collect()
        numbers(0, 10, "a").writeTo(table).create()

    return steps(
        ordered,
        [
            ("namespace", create),
            ("append", lambda: numbers(10, 12, "b").writeTo(table).append()),
            ("insert into", lambda: numbers(20, 22, "c").write.insertInto(table)),
            ("insert by SQL", lambda: spark.sql(f"INSERT INTO {table} VALUES (30, 1, 'd')").collect()),
        ],
    )


print(json.dumps(globals()[task]()))
