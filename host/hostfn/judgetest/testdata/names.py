import inspect
import re
from pyspark.sql.connect import catalog, column, conf, dataframe, group, merge, observation, readwriter, session, tvf, window
from pyspark.sql.connect.functions import builtin

CLASSES = [
    catalog.Catalog, column.Column, conf.RuntimeConf, dataframe.DataFrame, dataframe.DataFrameNaFunctions, dataframe.DataFrameStatFunctions,
    group.GroupedData, merge.MergeIntoWriter, observation.Observation, readwriter.DataFrameReader, readwriter.DataFrameWriter,
    readwriter.DataFrameWriterV2, session.SparkSession, tvf.TableValuedFunction, window.Window, window.WindowSpec]

# What Python's objects have, beside operators.
OBJECT = dir(object) + ["__dict__", "__getnewargs__", "__module__", "__weakref__", "__annotations__", "__slots__", "__firstlineno__"]
for operator in ["__eq__", "__ge__", "__gt__", "__le__", "__lt__", "__ne__"]:
    OBJECT.remove(operator)


def public_names(spark):
    """The public names of each class, and of the functions. Names with a capital are classes within.
    Those of Column are its operators, too."""
    names = {c.__name__: sorted(n for n in dir(c) if re.match("[a-z]", n)) for c in CLASSES}
    names["Column"] = sorted(names["Column"] + [n for n in vars(column.Column) if re.fullmatch("__[a-z]+__", n) and n not in OBJECT])
    names["functions"] = sorted(["arrow_udf", "pandas_udf"] + [
        n for n, f in inspect.getmembers(builtin, inspect.isfunction)
        if not n.startswith("_") and f.__module__ == builtin.__name__])
    return names
