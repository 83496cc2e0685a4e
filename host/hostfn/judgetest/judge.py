"""Runs the functions of a file against a Spark Connect server.

    judge.py FILE REMOTE ARGS NAME...

Prints a line of JSON for each name: the schema and rows of the DataFrame that
the function returns, or the value, or the error. Rows are written as sparkstalk
writes them.
"""
import base64
import datetime
import decimal
import json
import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.connect.dataframe import DataFrame


def special(kind, value):
    return {"__type__": kind, "__value__": value}


def day_time(value):
    micros = value // datetime.timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, micros = divmod(micros, 1_000_000)
    fraction = (".%06d" % micros).rstrip("0") if micros else ""
    days, seconds = divmod(seconds, 86400)
    return "INTERVAL '%s%d %02d:%02d:%02d%s' DAY TO SECOND" % (
        sign, days, seconds // 3600, seconds % 3600 // 60, seconds % 60, fraction)


def form(value, kind):
    """value, of a column of the type kind, as sparkstalk's JSON has it."""
    if value is None:
        return None
    if isinstance(kind, T.ArrayType):
        return [form(v, kind.elementType) for v in value]
    if isinstance(kind, T.MapType):
        if isinstance(kind.keyType, T.StringType):
            return {k: form(v, kind.valueType) for k, v in value.items()}
        return [[form(k, kind.keyType), form(v, kind.valueType)] for k, v in value.items()]
    if isinstance(kind, T.StructType):
        return {f.name: form(v, f.dataType) for f, v in zip(kind.fields, value)}
    if isinstance(kind, T.DecimalType):
        return special("decimal", format(value, "f"))
    if isinstance(kind, T.BinaryType):
        return special("base64", base64.b64encode(value).decode())
    if isinstance(kind, T.TimestampType):
        return special("datetime", value.isoformat() + "+00:00")
    if isinstance(kind, T.TimestampNTZType):
        return special("datetime", value.isoformat())
    if isinstance(kind, T.DateType):
        return special("date", value.isoformat())
    if isinstance(value, datetime.time):
        return special("time", value.isoformat())
    if isinstance(kind, T.DayTimeIntervalType):
        return day_time(value)
    if isinstance(kind, T.VariantType):
        return form_of(value.toPython())
    return value


def form_of(value):
    """A value out of a variant, which is of no declared type."""
    if isinstance(value, dict):
        return {k: form_of(v) for k, v in value.items()}
    if isinstance(value, list):
        return [form_of(v) for v in value]
    if isinstance(value, decimal.Decimal):
        return special("decimal", format(value, "f"))
    if isinstance(value, (bytes, bytearray)):
        return special("base64", base64.b64encode(value).decode())
    if isinstance(value, datetime.datetime):
        return special("datetime", value.isoformat())
    if isinstance(value, datetime.date):
        return special("date", value.isoformat())
    return value


def judge(case, spark):
    got = case(spark)
    if not isinstance(got, DataFrame):
        return {"value": got}
    schema = got.schema
    return {
        "schema": [[f.name, f.dataType.simpleString()] for f in schema.fields],
        "rows": [[form(v, f.dataType) for v, f in zip(row, schema.fields)] for row in got.collect()],
    }


def main():
    path, remote, args, *names = sys.argv[1:]
    space = {"F": F, "T": T, "Window": Window, "ARGS": json.loads(args), "__name__": "cases"}
    with open(path) as file:
        exec(compile(file.read(), path, "exec"), space)
    spark = SparkSession.builder.remote(remote).create()
    for name in names:
        try:
            line = judge(space[name], spark)
        except Exception as e:
            line = {"error": type(e).__name__, "message": str(e).split("\n\nJVM stacktrace")[0]}
        print(json.dumps({"name": name, **line}), flush=True)
    spark.stop()


main()
