package functions

import "github.com/sparkstalk/sparkstalk/sdk/spark"

// Sum is the sum of a group's values; NULL if there is none.
func Sum(c ColumnOrName) Column { return call("sum", c) }

// Avg is the mean of a group's values.
func Avg(c ColumnOrName) Column { return call("avg", c) }

// Mean is [Avg].
func Mean(c ColumnOrName) Column { return call("avg", c) }

// Min is the least of a group's values.
func Min(c ColumnOrName) Column { return call("min", c) }

// Max is the greatest of a group's values.
func Max(c ColumnOrName) Column { return call("max", c) }

// First is the value of a group's first row, whichever that is.
func First(c ColumnOrName) Column { return call("first", c) }

// Last is the value of a group's last row, whichever that is.
func Last(c ColumnOrName) Column { return call("last", c) }

// AnyValue is the value of some row of a group.
func AnyValue(c ColumnOrName) Column { return call("any_value", c) }

// CollectList is an array of a group's values, in no certain order.
func CollectList(c ColumnOrName) Column { return call("collect_list", c) }

// CollectSet is an array of a group's distinct values, in no certain order.
func CollectSet(c ColumnOrName) Column { return call("collect_set", c) }

// StdDev is the standard deviation of a sample.
func StdDev(c ColumnOrName) Column { return call("stddev", c) }

// StdDevPop is the standard deviation of a whole population.
func StdDevPop(c ColumnOrName) Column { return call("stddev_pop", c) }

// Variance is the variance of a sample.
func Variance(c ColumnOrName) Column { return call("variance", c) }

// VarPop is the variance of a whole population.
func VarPop(c ColumnOrName) Column { return call("var_pop", c) }

// Median is the median.
func Median(c ColumnOrName) Column { return call("median", c) }

// ApproxCountDistinct is about the number of distinct values.
func ApproxCountDistinct(c ColumnOrName) Column { return call("approx_count_distinct", c) }

// BoolAnd is true if all values are.
func BoolAnd(c ColumnOrName) Column { return call("bool_and", c) }

// BoolOr is true if a value is.
func BoolOr(c ColumnOrName) Column { return call("bool_or", c) }

// Count is the number of a group's values that are not NULL, or with "*" of its
// rows.
func Count(c ColumnOrName) Column {
	if c == "*" {
		return call("count", Lit(1))
	}
	return call("count", c)
}

// CountDistinct is the number of distinct values, or combinations of values,
// without NULLs.
func CountDistinct(columns ...ColumnOrName) Column {
	return spark.CallDistinct("count", all(columns)...)
}

// SumDistinct is the sum of a group's distinct values.
func SumDistinct(c ColumnOrName) Column { return spark.CallDistinct("sum", all([]ColumnOrName{c})...) }

// MaxBy is the value of column where by is greatest.
func MaxBy(column, by ColumnOrName) Column { return call("max_by", column, by) }

// MinBy is the value of column where by is least.
func MinBy(column, by ColumnOrName) Column { return call("min_by", column, by) }

// PercentileApprox is about the value below which the given part, from 0 to 1,
// of a group's values lies.
func PercentileApprox(c ColumnOrName, part float64) Column {
	return call("percentile_approx", c, Lit(part))
}

// Corr is Pearson's correlation of two columns.
func Corr(a, b ColumnOrName) Column { return call("corr", a, b) }
