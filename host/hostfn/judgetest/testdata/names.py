import inspect
import re
from pyspark.sql.connect import catalog, column, conf, dataframe, group, merge, observation, readwriter, session, window
from pyspark.sql.connect.functions import builtin

CLASSES = [
    catalog.Catalog, column.Column, conf.RuntimeConf, dataframe.DataFrame, dataframe.DataFrameNaFunctions, dataframe.DataFrameStatFunctions,
    group.GroupedData, merge.MergeIntoWriter, observation.Observation, readwriter.DataFrameReader, readwriter.DataFrameWriter,
    readwriter.DataFrameWriterV2, session.SparkSession, window.Window, window.WindowSpec]


def public_names(spark):
    """The public names of each class, and of the functions. Names with a capital are classes within."""
    names = {c.__name__: sorted(n for n in dir(c) if re.match("[a-z]", n)) for c in CLASSES}
    names["functions"] = sorted(["arrow_udf", "pandas_udf"] + [
        n for n, f in inspect.getmembers(builtin, inspect.isfunction)
        if not n.startswith("_") and f.__module__ == builtin.__name__])
    return names
