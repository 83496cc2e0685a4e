"""usage: pyspark_columns.py REMOTE: for each number of rows that it reads, has
PySpark's Connect client fetch the table of the module in columns/ by toArrow(),
and adds the columns up. Prints the seconds of both, the CPU seconds and the
memory in MB that this process took."""

import json
import resource
import sys
import time

import pyarrow.compute as pc
from pyspark.sql import SparkSession

from columns_query import QUERY

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
spark.sql(QUERY % 1000).toArrow()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


for line in sys.stdin:
    start, spent = time.perf_counter(), cpu()
    table = spark.sql(QUERY % int(line)).toArrow()
    fetched, spent = time.perf_counter(), cpu() - spent
    sums = "%d rows, %d, %d, %.1f, %d, %d" % (
        table.num_rows,
        pc.sum(table["id"]).as_py(),
        pc.sum(table["k"]).as_py(),
        pc.sum(table["x"]).as_py(),
        pc.sum(pc.binary_length(table["s"])).as_py(),
        pc.sum(table["even"]).as_py(),
    )
    summed = time.perf_counter()
    del table
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "seconds": fetched - start,
                "summed": summed - start,
                "cpu": spent,
                "before_mb": before,
                "peak_mb": peak,
                "answer": sums,
            }
        ),
        flush=True,
    )
