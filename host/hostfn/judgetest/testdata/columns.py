import datetime
from decimal import Decimal


def table(spark):
    return spark.sql(
        "SELECT * FROM VALUES (1, 'a', 10, array(3, 1, 2), map('k', 1), named_struct('x', 1, 'y', named_struct('z', 'q'))), "
        "(2, 'a', 20, array(5), map('l', 2), named_struct('x', 2, 'y', named_struct('z', 'r'))), "
        "(3, 'b', 30, array(), map('k', 3), named_struct('x', 3, 'y', named_struct('z', 's'))) AS t(id, g, v, arr, m, st)").orderBy("id")


def windows(spark):
    w = Window.partitionBy("g").orderBy(F.desc("id"))
    return table(spark).select(
        "id", F.row_number().over(w).alias("n"), F.sum("v").over(w).alias("s"), F.sum("v").over(Window.partitionBy("g")).alias("all"),
        F.lag("v").over(w).alias("before")).orderBy("id")


def frames_of_windows(spark):
    w = Window.orderBy("id")
    return table(spark).select(
        "id",
        F.sum("v").over(w.rowsBetween(Window.unboundedPreceding, Window.currentRow)).alias("a"),
        F.sum("v").over(w.rowsBetween(-1, 1)).alias("b"),
        F.sum("v").over(w.rowsBetween(1, Window.unboundedFollowing)).alias("c"),
        F.sum("v").over(w.rangeBetween(-1, 0)).alias("d"),
        F.sum("v").over(w.rangeBetween(Window.unboundedPreceding, 1)).alias("e")).orderBy("id")


def window_over_an_interval(spark):
    df = spark.sql("SELECT id, timestamp_seconds(id * 600) AS at FROM range(6)")
    return df.select("id", F.expr("count(1) OVER (ORDER BY at RANGE BETWEEN INTERVAL 20 MINUTES PRECEDING AND CURRENT ROW)").alias("n")).orderBy("id")


def named_windows_are_named_alike(spark):
    w = Window.partitionBy("g").orderBy(F.desc("id"))
    return table(spark).select(F.sum("v").over(w.rowsBetween(-1, 0)), F.col("st").getField("y")["z"], F.col("v").substr(1, 1)).limit(0)


def parts(spark):
    return table(spark).where("id < 3").select(
        F.col("arr").getItem(0), F.col("m")["k"], F.col("st").getField("x"), F.col("st")["y"]["z"], F.upper("st.y.z").alias("u"),
        F.col("arr")[F.lit(0)])


def fields(spark):
    st = F.col("st")
    return table(spark).select(
        st.withField("w", F.lit(1)).alias("a"), st.withField("y.z", F.lit("new")).alias("b"), st.dropFields("x").alias("c"),
        st.withField("y.w", F.lit(1)).dropFields("x", "y.z").alias("d"))


def lambdas(spark):
    arr = F.col("arr")
    return table(spark).select(
        F.transform("arr", lambda x: x + 1).alias("a"), F.transform("arr", lambda x, i: x * i).alias("b"),
        F.filter("arr", lambda x: x > 1).alias("c"), F.aggregate("arr", F.lit(0), lambda a, x: a + x, lambda a: a * 2).alias("d"),
        F.exists("arr", lambda x: x == 5).alias("e"), F.forall("arr", lambda x: x > 0).alias("f"),
)


def more_lambdas(spark):
    arr = F.col("arr")
    return table(spark).select(
        F.zip_with("arr", F.reverse(arr), lambda x, y: x - y).alias("g"), F.map_filter("m", lambda k, v: v > 1).alias("h"),
        F.transform_keys("m", lambda k, v: F.upper(k)).alias("i"), F.transform_values("m", lambda k, v: v * 2).alias("j"),
        F.array_sort("arr", lambda x, y: y - x).alias("k"), F.map_zip_with("m", "m", lambda k, a, b: a + b).alias("l"))


def lambdas_in_lambdas(spark):
    return table(spark).select(
        "id", F.transform("arr", lambda x: F.aggregate(F.col("arr"), F.lit(0), lambda a, y: a + y * x + F.col("id"))).alias("a"))


def conditions(spark):
    v, g = F.col("v"), F.col("g")
    return table(spark).select(
        F.when(v > 20, "big").when(v > 10, "middle").otherwise("small").alias("a"), F.when(v > 20, 1).alias("b"),
        v.between(10, 20).alias("c"), g.isin("a", "c").alias("d"), g.isin([]).alias("e"), g.like("a%").alias("f"), g.rlike("[ab]").alias("h"),
        g.ilike("A").alias("i"), g.contains("a").alias("j"), g.startswith("a").alias("k"), g.endswith("b").alias("l"),
        v.eqNullSafe(None).alias("m"), g.isNull().alias("n"), g.isNotNull().alias("o"), F.isnan(v.cast("double")).alias("p"),
        (~(v == 10)).alias("q"), (v != 10).alias("r"), ((v > 10) & (g == "a") | (v >= 30)).alias("s"))


def arithmetic(spark):
    v = F.col("v")
    return table(spark).select(
        (v + 1).alias("a"), (v - 1).alias("b"), (v * 2).alias("c"), (v / 3).alias("d"), (v % 7).alias("e"), (-v).alias("f"), (v ** 2).alias("g"),
        v.bitwiseAND(6).alias("h"), v.bitwiseOR(1).alias("i"), v.bitwiseXOR(3).alias("j"), v.cast("string").alias("k"),
        F.col("g").try_cast("int").alias("l"), v.cast("decimal(10,2)").alias("m"))


def nulls_in_order(spark):
    df = spark.sql("SELECT * FROM VALUES (1, 2), (2, NULL), (3, 1) AS t(id, x)")
    return df.orderBy(F.col("x").desc_nulls_first(), "id")


def many_aliases(spark):
    return table(spark).select("id", F.posexplode("arr").alias("at", "e")).orderBy("id", "at")


def metadata_of_columns(spark):
    df = table(spark).select(F.col("id").alias("n", metadata={"unit": "m"}))
    return df


def literals(spark):
    return spark.range(1).select(
        F.lit(Decimal("-12.50")).alias("dec"), F.lit(Decimal("123456789012.5")).alias("big"),
        F.lit(datetime.datetime(2024, 1, 2, 3, 4, 5, 678901, datetime.timezone.utc)).alias("ts"),
        F.lit(datetime.date(1969, 12, 31)).alias("day"), F.lit(datetime.timedelta(minutes=-90)).alias("dt"),
        F.lit([1, 2]).alias("arr"), F.create_map(F.lit("a"), F.lit(1), F.lit("b"), F.lit(2)).alias("m"),
        F.named_struct(F.lit("x"), F.lit(1), F.lit("y"), F.lit("s")).alias("st"),
        F.lit(1).cast("tinyint").alias("i8"), F.lit(1).cast("smallint").alias("i16"), F.lit(0.5).cast("float").alias("f32"))


def typed_literals(spark):
    return spark.range(1).select(
        F.expr("TIMESTAMP_NTZ'2024-01-02 03:04:05.5'").alias("ntz"), F.expr("CAST(NULL AS DATE)").alias("none"),
        F.expr("array(array(1, NULL), array())").alias("a"), F.expr("map(1, 'x', 2, CAST(NULL AS STRING))").alias("m"),
        F.expr("named_struct('x', 1L, 'y', array(1.5D))").alias("st"), F.expr("CAST(1.5 AS DECIMAL(5,2))").alias("d"),
        F.expr("X'00ff'").alias("b"), F.expr("DATE'2024-01-02'").alias("day"), F.expr("array(double('nan'), double('inf'))").alias("f"))


def intervals(spark):
    return spark.range(1).select(
        F.expr("CAST(INTERVAL '1-2' YEAR TO MONTH AS STRING)").alias("ym"),
        F.expr("CAST(make_interval(0, 1, 0, 2, 0, 0, 3) AS STRING)").alias("c"))


def named_arguments(spark):
    return spark.sql("SELECT mask('AbC-1', lowerChar => 'q') AS m")


def functions_of_the_catalog(spark):
    return table(spark).select(F.call_function("upper", "g").alias("a"), F.call_function("`concat`", "g", F.lit("x")).alias("b"))


def columns_by_pattern(spark):
    return table(spark).select(table(spark).colRegex("`[gv]`"))


def stars(spark):
    df = table(spark).select("st").alias("t")
    return df.select("st.*", "t.*")


def version(spark):
    own = spark.sql("SELECT version()").first()[0]
    try:
        return spark.version
    except Exception:
        return own  # Sail knows no version of Spark


def no_rows(spark):
    return spark.emptyDataFrame("a INT, b STRING")
