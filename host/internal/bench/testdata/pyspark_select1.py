"""usage: pyspark_select1.py REMOTE CALLS: SELECT 1, collected by PySpark's
Connect client; prints the times in ms."""

import json
import sys
import time

from pyspark.sql import SparkSession

remote, calls = sys.argv[1], int(sys.argv[2])
spark = SparkSession.builder.remote(remote).getOrCreate()
for _ in range(10):
    answer = spark.sql("SELECT 1").collect()
times = []
for _ in range(calls):
    start = time.perf_counter()
    spark.sql("SELECT 1").collect()
    times.append((time.perf_counter() - start) * 1000)
times.sort()
print(json.dumps({"p50": times[len(times) // 2], "p99": times[int(0.99 * (len(times) - 1))], "answer": [list(r) for r in answer]}))
