// Package spark has DataFrame, Column and the session they come from, with
// PySpark's names, for tasks that run in a sparkstalk host.
//
//	words := ctx.Spark().Read().Text("/data").
//		Select(F.Explode(F.Split("value", " ")).As("word")).
//		Where(F.Col("word").NotEqual("")).
//		GroupBy("word").Count()
//
// A [DataFrame] is a plan: building one costs next to nothing and never fails.
// What is wrong with it, here or in Spark, is the error of the action that
// would need its rows: [DataFrame.Collect], [DataFrame.Count] and so on, or the
// task's result if the DataFrame is what the task returns. Returning it is the
// cheapest way to pass rows on: the host runs the plan, and the rows never
// enter the module.
//
// Where PySpark takes a column or its name, so does this package: see
// [ColumnOrName]. Where it takes a column or a value, a string is a value:
// Col("word").EqualTo("and"). The functions of pyspark.sql.functions are in
// the package sdk/functions, usually imported as F.
//
// Everything here belongs to one task call and one goroutine, except a [Column]
// that is of no certain DataFrame: such a one may be kept in a package variable.
package spark
