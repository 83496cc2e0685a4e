def people(spark):
    return spark.sql("SELECT * FROM VALUES (1,'ann',10,2.5D), (2,'bob',20,1.5D), (3,'cid',NULL,0.5D), (2,'bob',20,1.5D) AS t(id, name, age, w)")


def letters(spark):
    return spark.sql("SELECT * FROM VALUES (1,'x'), (2,'y'), (9,'z') AS t(id, s)")


def json_texts(spark):
    return spark.sql("""SELECT explode(array('{"a":1,"b":"x"}', '{"a":2}')) AS value""")


def schema(ddl):
    return T.StructType.fromDDL(ddl)


def to_df(spark):
    return letters(spark).toDF("a", "b").orderBy("a")


def to_df_of_too_few(spark):
    return letters(spark).toDF("a")


def to_a_schema(spark):
    return letters(spark).to(schema("s STRING, id BIGINT")).orderBy("id")


def to_a_schema_with_more(spark):
    return letters(spark).to(schema("extra INT, id INT")).orderBy("id")


def to_a_schema_that_loses(spark):
    return letters(spark).to(schema("s INT"))


def parse_json(spark):
    return spark.read.json(json_texts(spark)).orderBy("a")


def parse_json_with_schema(spark):
    return spark.read.schema("a INT, c STRING").json(json_texts(spark)).orderBy("a")


def parse_csv(spark):
    texts = spark.sql("SELECT explode(array('a;b', '1;x')) AS value")
    return spark.read.option("header", True).option("sep", ";").option("inferSchema", True).csv(texts)


def columns_by_pattern(spark):
    p = people(spark)
    return p.select(p.colRegex("`(id|w)`")).orderBy("id")


def metadata(spark):
    return letters(spark).withMetadata("id", {"unit": "m"}).orderBy("id")


def zip_with_index(spark):
    return letters(spark).zipWithIndex()


def zip_with_a_named_index(spark):
    return letters(spark).zipWithIndex("n")


def transform(spark):
    return letters(spark).transform(lambda df: df.limit(1))


def a_frame_used_many_times(spark):
    counted = people(spark).groupBy("name").count()
    most = counted.join(counted.agg(F.max("count").alias("most")), how="cross").where("count = most")
    return most.union(counted.withColumn("most", F.lit(0))).orderBy("name", "most")
