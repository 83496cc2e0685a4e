"""usage: pyspark_columns.py REMOTE ROWS ROUNDS: toArrow() of the table of the
module in columns/, by PySpark's Connect client; prints seconds and peak memory."""

import json
import resource
import sys
import time

import pyarrow.compute as pc
from pyspark.sql import SparkSession

remote, rows, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
spark = SparkSession.builder.remote(remote).getOrCreate()
query = (
    "SELECT id, CAST(id %% 1000 AS INT) AS k, id * 0.5D AS x, "
    "concat('name ', CAST(id %% 100 AS STRING)) AS s, id %% 2 = 0 AS even FROM range(%d)"
)
spark.sql(query % 1000).toArrow()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
times, sums = [], ""
for _ in range(rounds):
    start = time.perf_counter()
    table = spark.sql(query % rows).toArrow()
    times.append(time.perf_counter() - start)
    sums = "%d rows, %d, %d, %.1f, %d, %d" % (
        table.num_rows,
        pc.sum(table["id"]).as_py(),
        pc.sum(table["k"]).as_py(),
        pc.sum(table["x"]).as_py(),
        pc.sum(pc.binary_length(table["s"])).as_py(),
        pc.sum(table["even"]).as_py(),
    )
    del table
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
times.sort()
print(json.dumps({"seconds": times[len(times) // 2], "before_mb": before, "peak_mb": peak, "answer": sums}))
