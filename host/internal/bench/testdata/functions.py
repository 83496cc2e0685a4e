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


def similarity(s, t):
    """Jaro's and Winkler's measure, as plugins/text has it."""
    if not s and not t:
        return 1.0
    reach = max(0, max(len(s), len(t)) // 2 - 1)
    in_s, in_t = [False] * len(s), [False] * len(t)
    for i, r in enumerate(s):
        for j in range(max(0, i - reach), min(len(t), i + reach + 1)):
            if not in_t[j] and t[j] == r:
                in_s[i] = in_t[j] = True
                break
    c = sum(in_s)
    if not c:
        return 0.0
    a = [r for r, used in zip(s, in_s) if used]
    b = [r for r, used in zip(t, in_t) if used]
    moved = sum(x != y for x, y in zip(a, b))
    jaro = (c / len(s) + c / len(t) + (c - moved / 2) / c) / 3
    prefix = 0
    while prefix < min(4, len(s), len(t)) and s[prefix] == t[prefix]:
        prefix += 1
    return jaro + 0.1 * prefix * (1 - jaro)


for f, returns in (triple, "bigint"), (vowels, "bigint"), (similarity, "double"):
    spark.udf.register("py_" + f.__name__, udf(f, returns, useArrow=False))
    spark.udf.register("arrow_" + f.__name__, udf(f, returns, useArrow=True))
spark.udf.register("pandas_triple", pandas_udf(lambda n: 3 * n + 7, "bigint"))
spark.udf.register("pandas_vowels", pandas_udf(lambda t: t.str.count("[aeiou]").astype("int64"), "bigint"))

for line in sys.stdin:
    begin = time.perf_counter()
    (row,) = spark.sql(line.strip()).collect()
    print(json.dumps({"seconds": time.perf_counter() - begin, "sum": row[0]}), flush=True)
