"""Counts five rows with PySpark, and says so or how the server refused."""
import sys

from pyspark.sql import SparkSession

try:
    assert SparkSession.builder.remote(sys.argv[1]).getOrCreate().range(5).count() == 5
    print("counted")
except Exception as e:
    print(type(e).__name__, e)
