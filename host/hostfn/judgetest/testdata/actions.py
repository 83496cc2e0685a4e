"""The actions of TestActionsAnswerAsPySparks."""
import contextlib
import io

from pyspark.sql.connect import plan

WIDE = ("SELECT id, concat('row number ', id, ' of a few') AS s, array(id, id + 1) AS a, "
        "named_struct('x', id, 'y', named_struct('z', 'deep')) AS st, CAST(NULL AS DOUBLE) AS n FROM range(25) ORDER BY id")


def printed(function, *args):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        function(*args)
    return out.getvalue().removesuffix("\n")


def wide(spark):
    return spark.sql(WIDE)


def shown(spark):
    return wide(spark)._show_string(20, True, False)


def shown_whole(spark):
    return wide(spark)._show_string(3, False, False)


def shown_cut(spark):
    return wide(spark)._show_string(3, 7, False)


def shown_vertical(spark):
    text = wide(spark)._show_string(2, True, True)
    return text.removesuffix("\n") if text.endswith(" rows\n") else text


def shown_empty(spark):
    return wide(spark).limit(0)._show_string(20, True, False)


def html(spark):
    df = wide(spark)
    table = spark.client.to_table(plan.HtmlString(child=df._plan, num_rows=3, truncate=10).to_proto(spark.client), {})[0]
    return table[0][0].as_py()


def tree(spark):
    return printed(wide(spark).printSchema)


def tree_level(spark):
    return printed(wide(spark).printSchema, 1)


def dtypes(spark):
    return [list(pair) for pair in wide(spark).dtypes]


def columns(spark):
    return wide(spark).columns


def is_local(spark):
    return wide(spark).isLocal()


def is_streaming(spark):
    return wide(spark).isStreaming


def is_empty(spark):
    return [wide(spark).isEmpty(), wide(spark).limit(0).isEmpty()]


def input_files(spark):
    return sorted(spark.read.text(ARGS["folder"]).inputFiles())


def same_semantics(spark):
    df = spark.range(10)
    return [df.select("id").sameSemantics(spark.range(10).select("id")), df.sameSemantics(spark.range(11))]


def semantic_hash(spark):
    a, b = spark.range(10).select("id"), spark.range(10).select("id")
    return a.semanticHash() == b.semanticHash()


def storage_level(spark):
    level = spark.range(10).storageLevel
    return [level.useDisk, level.useMemory, level.useOffHeap, level.deserialized]


def to_json(spark):
    return wide(spark).limit(2).toJSON()


def first_take_head(spark):
    df = wide(spark)
    return [df.first()["id"], [r["id"] for r in df.take(2)], [r["id"] for r in df.head(3)]]


def local_iterator(spark):
    return [[r["id"], r["s"], r["a"], r["st"]["y"]["z"], r["n"]] for r in wide(spark).toLocalIterator()]


def iterated(spark):
    return [[r["id"], r["s"], r["a"], r["n"]] for r in wide(spark).collect()]


def fails_in_action(spark):
    return wide(spark).select("nope")._show_string(3, True, False)


def all_types(spark):
    return spark.sql(ARGS["types"])
