"""The DataFrames of TestLocalDataIsThatOfPySpark."""
import datetime
from decimal import Decimal

UTC = datetime.timezone.utc


def structs(spark):
    at = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    rows = [
        (1, "one", 1.5, True, at, b"\x00\xff", [1, 2], {"k": 1}, (7, "in"), None),
        (2, "zwölf \"x\"", float("nan"), False, at, b"", [], {}, (8, ""), "set"),
    ]
    return spark.createDataFrame(
        rows,
        "id bigint, name string, x double, ok boolean, at timestamp, raw binary, list array<int>, "
        "map map<string,bigint>, inner struct<a:smallint,b:string>, opt string",
    )


def typed(spark):
    rows = [(Decimal("-1.50"), datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5), 1, 2, 3.5,
             datetime.timedelta(days=-1, seconds=5), {1: "a"}, 9007199254740993),
            (None,) * 9]
    return spark.createDataFrame(
        rows, "dec decimal(10,2), d date, ntz timestamp_ntz, i8 tinyint, i16 smallint, f float, dt interval day to second, "
              "m map<int,string>, big bigint")


def objects(spark):
    return spark.createDataFrame([(1, "a"), (2, None)], "n int, s string")


def single(spark):
    return spark.createDataFrame([(1,), (2,), (3,)], "value bigint")


def none(spark):
    return spark.createDataFrame([], "n int, s string")


def joined(spark):
    local = spark.createDataFrame([(1, "a"), (3, "c")], "id bigint, s string")
    return spark.range(5).join(local, "id").orderBy("id")


def many(spark):
    rows = [(n, "text number %d of many" % n) for n in range(60000)]
    return spark.createDataFrame(rows, "id bigint, s string").where("id % 7 = 0").groupBy().agg(
        F.count("*").alias("n"), F.sum("id").alias("ids"), F.sum(F.length("s")).alias("chars"))
