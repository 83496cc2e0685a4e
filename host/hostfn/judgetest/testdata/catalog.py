import uuid


def name():
    return "j" + uuid.uuid4().hex[:12]


def three(spark):
    return spark.range(3).withColumn("b", F.col("id") * 10)


def insert_goes_by_position(spark):
    t = name()
    three(spark).write.saveAsTable(t)
    spark.range(1).select(F.lit(7).cast("bigint").alias("b"), F.lit(8).cast("bigint").alias("id")).write.insertInto(t)
    rows = [list(r) for r in spark.table(t).orderBy("id").collect()]
    spark.sql("DROP TABLE " + t)
    return rows


def append_goes_by_name(spark):
    t = name()
    three(spark).write.saveAsTable(t)
    spark.range(1).select(F.lit(7).cast("bigint").alias("b"), F.lit(8).cast("bigint").alias("id")).write.mode("append").saveAsTable(t)
    rows = [list(r) for r in spark.table(t).orderBy("id").collect()]
    spark.sql("DROP TABLE " + t)
    return rows


def table_in_the_catalog(spark):
    t = name()
    three(spark).write.format("parquet").saveAsTable(t)
    c = spark.catalog
    found = c.getTable(t)
    answer = [
        found.name == t, found.namespace, found.tableType, found.isTemporary, c.tableExists(t), c.tableExists(t + "x"),
        len(c.listTables(pattern=t)), len(c.listTables("default", t[:6] + "*")), [[x.name, x.dataType, x.isPartition] for x in c.listColumns(t)],
        c.databaseExists("default"), c.currentDatabase(), len(c.listDatabases("defau*")), [f.name for f in c.listFunctions(pattern="abs")],
        c.functionExists("abs"), c.functionExists("nosuch"),
    ]
    spark.sql("DROP TABLE " + t)
    return answer + [c.tableExists(t)]


def view_and_query(spark):
    three(spark).createOrReplaceTempView("numbers")
    spark.table("numbers").where("id > 0").createOrReplaceTempView("Positive")
    df = spark.sql("WITH twice AS (SELECT id * 2 AS n FROM positive) SELECT n, numbers.b FROM twice JOIN numbers ON id = n - 1 WHERE n > ? ORDER BY n", args=[1])
    return df


def view_of_a_name_taken(spark):
    three(spark).createTempView("taken")
    three(spark).createTempView("TAKEN")


def view_is_dropped(spark):
    three(spark).createTempView("gone")
    return [spark.catalog.dropTempView("gone"), spark.catalog.tableExists("gone")]


def named_arguments(spark):
    return spark.sql("SELECT :text AS t, :n + 1 AS n, :f AS f, :b AS b, :none AS o", args={"text": "it's", "n": 1, "f": 1.5, "b": True, "none": None})


def settings(spark):
    return [spark.conf.get("spark.nosuch.x", "other"), spark.conf.isModifiable("spark.sql.shuffle.partitions"), spark.conf.isModifiable("spark.master")]


def write_over_a_file(spark):
    return three(spark).write.parquet(ARGS["taken"])


def no_such_table(spark):
    return three(spark).write.insertInto(name())
