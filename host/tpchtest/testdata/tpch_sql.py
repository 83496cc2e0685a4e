"""usage: tpch_sql.py REMOTE TABLES QUERIES: runs the SQL texts of TPC-H's queries
in the folder QUERIES with PySpark's Connect client, over the Parquet files in the
folder TABLES; prints {"1": rows, ...} with dates and decimals as Celery has them."""

import datetime
import decimal
import json
import pathlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

remote, tables, queries = sys.argv[1:]
spark = SparkSession.builder.remote(remote).create()
for file in pathlib.Path(tables).glob("*.parquet"):
    spark.read.parquet(str(file)).createOrReplaceTempView(file.stem)


def run(n):
    text = pathlib.Path(queries, f"q{n}.sql").read_text()
    # Query 15 is three statements, of which the second is the query. Views of
    # the session need no folder for a catalog.
    text = re.sub(r"(?m)^--.*$", "", text).replace("create view", "create temp view")
    rows = []
    for statement in filter(None, map(str.strip, text.split(";"))):
        answer = spark.sql(statement)
        if statement.startswith("select"):
            rows = [list(row) for row in answer.collect()]
    return rows


def special(value):
    kind = {decimal.Decimal: "decimal", datetime.date: "date"}[type(value)]
    return {"__type__": kind, "__value__": str(value)}


with ThreadPoolExecutor(2) as pool:
    answers = pool.map(run, range(1, 23))
    print(json.dumps({str(n + 1): rows for n, rows in enumerate(answers)}, default=special))
