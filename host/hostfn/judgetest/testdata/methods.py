"""The values of TestMethodsAreThoseOfPySpark."""
import contextlib
import io
import uuid


def name():
    return "m" + uuid.uuid4().hex[:12]


def three(spark):
    return spark.range(3).withColumn("b", F.col("id") * 10)


def databases(spark):
    c, d = spark.catalog, name()
    c.createDatabase(d)
    c.createDatabase(d, ifNotExists=True)
    found = c.getDatabase(d)
    answer = [found.name == d, found.catalog, [x.name == d for x in c.listDatabases(d)]]
    c.createTable(d + ".t", source="parquet", schema=T.StructType([T.StructField("id", T.LongType())]), description="a table")
    answer += [c.getTable(d + ".t").description, [x.name for x in c.listColumns(d + ".t")]]
    c.dropDatabase(d, cascade=True)
    c.dropDatabase(d, ifExists=True)
    return answer + [c.databaseExists(d)]


def catalogs_and_functions(spark):
    abs = spark.catalog.getFunction("abs")
    return [[c.name for c in spark.catalog.listCatalogs()], abs.name, abs.className, abs.isTemporary]


def partitions(spark):
    t, c = name(), spark.catalog
    three(spark).write.format("parquet").partitionBy("b").saveAsTable(t)
    c.recoverPartitions(t)
    answer = sorted(p.partition for p in c.listPartitions(t))
    c.dropTable(t)
    return answer


def cached_table(spark):
    t, c = name(), spark.catalog
    three(spark).write.format("parquet").saveAsTable(t)
    answer = [c.isCached(t)]
    c.cacheTable(t)
    answer.append(c.isCached(t))
    c.uncacheTable(t)
    answer.append(c.isCached(t))
    c.refreshTable(t)
    c.refreshByPath("/nowhere")
    c.analyzeTable(t)
    text = c.getCreateTableString(t)
    answer += [sorted(k for k in c.getTableProperties(t) if k == "owner"), text.replace(t, "T").split("TBLPROPERTIES")[0]]
    c.dropTable(t)
    return answer


def views(spark):
    v, c = name(), spark.catalog
    spark.sql("CREATE VIEW %s AS SELECT 1 AS one" % v).collect()
    answer = [[x.name == v for x in c.listViews(pattern=v)]]
    c.dropView(v)
    return answer + [[x.name for x in c.listViews(pattern=v)]]


def global_views(spark):
    v, c = name(), spark.catalog
    three(spark).createGlobalTempView(v)
    three(spark).limit(2).createOrReplaceGlobalTempView(v)
    answer = [spark.table("global_temp." + v).count()]
    return answer + [c.dropGlobalTempView(v), c.dropGlobalTempView(v)]


def settings(spark):
    key = "spark.sql.shuffle.partitions"
    before = spark.conf.get(key)
    spark.conf.set(key, "7")
    answer = [spark.conf.getAll[key]]
    spark.conf.unset(key)
    return answer + [spark.conf.get(key) == before]


def tree(spark):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        three(spark).withColumn("l", F.array(F.struct("id"))).printSchema()
    return printed.getvalue()


def raw(spark):
    return spark.range(0, 10, 3)


def vectors(spark):
    rows = spark.range(3).select(*[(F.col("id") - 1).cast(t) for t in ["tinyint", "smallint", "float"]]).collect()
    return [list(column) for column in zip(*rows)]


VARIANT = """parse_json('{"a": 1, "b": [true, "x"]}')"""


def variants(spark):
    return spark.tvf.variant_explode(F.expr(VARIANT)).select("pos", "key", F.col("value").cast("string"))


def no_variants(spark):
    return spark.tvf.variant_explode_outer(F.expr("parse_json('[]')")).select("pos", "key", F.col("value").cast("string"))


def collations(spark):
    return spark.tvf.collations().where("NAME LIKE 'UTF8%'").orderBy("NAME")


def keywords(spark):
    return spark.tvf.sql_keywords().orderBy("keyword").limit(20)
