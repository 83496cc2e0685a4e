# Answers each line "NAME QUERY" with the seconds that the query took and its sum,
# as JSON. The query calls functions in Python, pickled (py_) and by Arrow (arrow_).
import json
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf, udf

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()


def triple(n):
    return 3 * n + 7


def vowels(text):
    return sum(text.count(c) for c in "aeiou")


for f in triple, vowels:
    spark.udf.register("py_" + f.__name__, udf(f, "bigint", useArrow=False))
    spark.udf.register("arrow_" + f.__name__, udf(f, "bigint", useArrow=True))
spark.udf.register("pandas_triple", pandas_udf(lambda n: 3 * n + 7, "bigint"))
spark.udf.register("pandas_vowels", pandas_udf(lambda t: t.str.count("[aeiou]").astype("int64"), "bigint"))

for line in sys.stdin:
    begin = time.perf_counter()
    (row,) = spark.sql(line.strip()).collect()
    print(json.dumps({"seconds": time.perf_counter() - begin, "sum": row[0]}), flush=True)
