"""usage: pyspark_client.py REMOTE FOLDER CALLS: the query of demo.DataFrameWordCount
over a checkpoint, collected by PySpark's Connect client; prints the times in ms."""

import json
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

remote, folder, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
spark = SparkSession.builder.remote(remote).getOrCreate()
words = (
    spark.read.text(folder)
    .select(F.explode(F.split("value", " ")).alias("word"))
    .where(F.col("word") != "")
    .groupBy("word")
    .count()
    .localCheckpoint()
)


def call():
    rows = (
        words.where(F.lower(F.substring("word", 1, 1)) == "a")
        .orderBy(F.desc("count"), F.asc("word"))
        .limit(5)
        .collect()
    )
    return [[r["word"], r["count"]] for r in rows]


for _ in range(10):
    answer = call()
times = []
for _ in range(calls):
    start = time.perf_counter()
    call()
    times.append((time.perf_counter() - start) * 1000)
times.sort()
print(json.dumps({"p50": times[len(times) // 2], "p99": times[int(0.99 * (len(times) - 1))], "answer": answer}))
