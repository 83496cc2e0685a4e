"""The tables of TestArrowTablesAreThoseOfPySpark. Run by itself, it writes each as an
IPC stream into the folder that it is given."""
import datetime
import decimal
import sys

import pyarrow as pa

UTC = datetime.timezone.utc
D = decimal.Decimal
AT = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901)
OLD = datetime.datetime(1899, 12, 31, 23, 59, 59, 1)


def t_simple():
    return pa.table({
        "none": pa.nulls(3),
        "flag": pa.array([True, None, False]),
        "i8": pa.array([-128, None, 127], pa.int8()),
        "i16": pa.array([-32768, None, 32767], pa.int16()),
        "i32": pa.array([-2**31, None, 2**31 - 1], pa.int32()),
        "i64": pa.array([-2**63, None, 2**63 - 1], pa.int64()),
        "f32": pa.array([1.5, None, float("-inf")], pa.float32()),
        "f64": pa.array([float("nan"), None, 1e300], pa.float64()),
        "text": pa.array(["", None, 'zwölf "x" \U0001F600']),
        "large text": pa.array(["a", None, "b"], pa.large_string()),
        "bin": pa.array([b"", None, b"\x00\xff"]),
        "large`bin": pa.array([b"", None, b"\x00\xff"], pa.large_binary()),
        "fixed": pa.array([b"abc", None, b"\x00\xff\x01"], pa.binary(3)),
        "day": pa.array([datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)]),
        "span": pa.array([datetime.timedelta(days=-1, microseconds=5), None, datetime.timedelta(seconds=1)], pa.duration("us")),
        "span s": pa.array([-1, None, 86400], pa.duration("s")),
    })


def t_decimals():
    def of(kind):
        return pa.array([D("-1.50"), None, D("123456.78")], kind)
    return pa.table({
        "d32": of(pa.decimal32(9, 2)), "d64": of(pa.decimal64(18, 2)), "d128": of(pa.decimal128(10, 2)), "d256": of(pa.decimal256(38, 4)),
        "most": pa.array([D("9" * 38), None, D("-" + "9" * 38)], pa.decimal128(38, 0)),
    })


def t_times():
    zoned = [AT.replace(tzinfo=UTC), None, OLD.replace(tzinfo=UTC)]
    columns = {}
    for unit in ["s", "ms", "us", "ns"]:
        kind = pa.timestamp("us" if unit == "ns" else unit, "UTC")
        columns[unit] = pa.array(zoned, pa.timestamp("us", "UTC")).cast(kind, safe=False).cast(pa.timestamp(unit, "UTC"))
    columns["nanos"] = pa.array([1, None, -1], pa.timestamp("ns", "UTC"))
    columns["fine"] = pa.array([1704164645678901234, None, -2208988800000000001], pa.timestamp("ns", "Europe/Berlin"))
    columns["list"] = pa.array([[1, -1], None, [None]], pa.list_(pa.timestamp("ns", "UTC")))
    return pa.table(columns)


def t_clocks():
    return pa.table({"micros": pa.array([0, None, 86399999999], pa.time64("us"))})


def t_local():
    naive = [AT, None, OLD]
    return pa.table({
        "us": pa.array(naive, pa.timestamp("us")),
        "ns": pa.array([1704164645678901234, None, -1], pa.timestamp("ns")),
        "list": pa.array([naive, None, []], pa.list_(pa.timestamp("us"))),
        "in": pa.array([{"t": AT}, None, {"t": None}], pa.struct([("t", pa.timestamp("us"))])),
    })


FINE = ["2024-01-02 03:04:05.678901234", None, "1899-12-31 23:59:59.999999999"]


def t_fine():
    nanos = [1704164645678901234, None, -2208988800000000001]
    return pa.table({"ltz": pa.array(nanos, pa.timestamp("ns", "UTC")), "ntz": pa.array(nanos, pa.timestamp("ns"))})


def t_nested():
    inner = pa.struct([pa.field("a", pa.int16()), pa.field("b_c", pa.list_(pa.string())), pa.field("d", pa.decimal128(5, 2))])
    rows = [{"a": 1, "b_c": ["x", None], "d": D("1.25")}, None, {"a": None, "b_c": None, "d": None}]
    return pa.table({
        "struct": pa.array(rows, inner),
        "list": pa.array([[1, None], None, []], pa.list_(pa.int64())),
        "large": pa.array([["a", None], None, []], pa.large_list(pa.large_string())),
        "fixed": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32(), 2)),
        "map": pa.array([[("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.int64())),
        "keys": pa.array([[(1, rows[0])], None, [(2, None)]], pa.map_(pa.int32(), inner)),
        "deep": pa.array([[rows, None], None, []], pa.list_(pa.list_(inner))),
    })


def t_words():
    return pa.table({
        "word": pa.array(["a", None, "b", "a"]).dictionary_encode(),
        "number": pa.array([7, 7, None, 9], pa.int64()).dictionary_encode(),
        "small": pa.DictionaryArray.from_arrays(pa.array([1, 0, None, 1], pa.uint8()), ["x", None]),
        "listed": pa.array([["a", "b"], None, [], ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    })


def t_batches():
    """Batches of several sizes, some slices, each with a dictionary of its own."""
    parts = []
    for start, rows in [(0, 3), (3, 0), (3, 20_001), (20_004, 1)]:
        n = list(range(start - 1, start + rows + 1))
        parts.append(pa.table({
            "id": pa.array(n, pa.int64()), "even": pa.array([i % 2 == 0 for i in n]), "text": ["t%d" % i if i % 3 else None for i in n],
            "word": pa.array(["w%d" % (i % 7 + start) for i in n]).dictionary_encode(), "list": [[i] * (i % 3) for i in n],
        }).slice(1, rows))
    return pa.concat_tables(parts)


def t_empty():
    return pa.table({"id": pa.array([], pa.int64()), "s": pa.array([], pa.string())})


def t_strict():
    return pa.table([[1, 2], ["a", "b"]], pa.schema([pa.field("id", pa.int32(), False), pa.field("s", pa.string())]))


def t_many():
    n = range(80_000)
    return pa.table({"id": pa.array(n, pa.int64()), "s": ["text number %d of many" % i for i in n]})


def t_unsigned():
    return pa.table({"u": pa.array([1], pa.uint32())})


def t_union():
    return pa.table({"u": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1]), pa.array(["a"])])})


def simple(spark):
    return spark.createDataFrame(t_simple())


def decimals(spark):
    return spark.createDataFrame(t_decimals())


def times(spark):
    return spark.createDataFrame(t_times())


def clocks(spark):
    spark.conf.set("spark.sql.timeType.enabled", "true")
    return spark.createDataFrame(t_clocks())


def nested(spark):
    return spark.createDataFrame(t_nested())


def words(spark):
    return spark.createDataFrame(t_words())


def batches(spark):
    return spark.createDataFrame(t_batches()).where("id % 1000 < 3")


def empty(spark):
    return spark.createDataFrame(t_empty(), "id bigint, s string")


def strict(spark):
    return [[f.name, f.dataType.simpleString(), f.nullable] for f in spark.createDataFrame(t_strict()).schema.fields]


def cast(spark):
    return spark.createDataFrame(t_strict(), "id bigint, s string")


def many(spark):
    return spark.createDataFrame(t_many()).where("id % 7 = 0").agg(
        F.count("*").alias("n"), F.sum("id").alias("ids"), F.sum(F.length("s")).alias("chars"))


def joined(spark):
    return spark.range(5).join(spark.createDataFrame(t_strict()), "id").orderBy("id")


def unsigned(spark):
    return spark.createDataFrame(t_unsigned())


def union(spark):
    return spark.createDataFrame(t_union())


def in_the_zone(spark):
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    return spark.createDataFrame(t_local())


def without_a_zone(spark):
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    spark.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
    return spark.createDataFrame(t_local())


def fine(spark):
    # PySpark's client has no such types: it gets what Spark makes of the texts.
    spark.conf.set("spark.sql.timestampNanosTypes.enabled", "true")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    df = spark.createDataFrame([(t,) for t in FINE], "t string")
    return [list(r) for r in df.select(
        F.expr("CAST(CAST(t AS TIMESTAMP_LTZ(9)) AS STRING)"), F.expr("CAST(CAST(t AS TIMESTAMP_NTZ(9)) AS STRING)")).collect()]


if __name__ == "__main__":
    for name, make in list(globals().items()):
        if name.startswith("t_"):
            table = make()
            with pa.ipc.new_stream("%s/%s.arrows" % (sys.argv[1], name[2:]), table.schema) as out:
                out.write_table(table)
