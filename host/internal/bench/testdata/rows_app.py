"""The task of Python Celery's own worker that returns what bench.frame does: it
fetches the rows by PySpark's Connect client. toArrow() and the columns' own
lists are the fastest way to them: collect() makes a Row of each."""

import os

from celery import Celery
from pyspark.sql import SparkSession

from columns_query import QUERY

app = Celery("bench", broker=os.environ["CELERY_BROKER_URL"], backend="rpc://")


@app.task(name="bench.frame")
def frame(rows):
    table = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).getOrCreate().sql(QUERY % rows).toArrow()
    return list(zip(*(column.to_pylist() for column in table.columns)))
