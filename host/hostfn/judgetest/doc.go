// Package judgetest has PySpark judge what tasks get: the same DataFrame is
// written in Go with the SDK, over real host functions, and in Python with
// pyspark.sql.connect, and both must have the same columns and rows.
//
// A test gives [Run] a table of [Case] and a Python file with a function of
// each case's name, which takes the session and returns a DataFrame, or any
// other value for a case with [Case.Value]:
//
//	def drop_by_column(spark):
//	    df = spark.range(3).withColumn("b", F.lit(1))
//	    return df.drop(df.b)
//
// The file is run with F (pyspark.sql.functions), T (pyspark.sql.types), Window
// and ARGS (the strings of [Suite.Args]) at hand, and may define helpers.
//
// PySpark on Apache Spark is the judge of Go on both engines, so that an engine
// cannot give another answer without a word. What Sail lacks or does otherwise
// is said with the case: [Case.SailLacks], [Case.SailDiffers].
package judgetest
