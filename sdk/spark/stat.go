package spark

import "github.com/sparkstalk/sparkstalk/abi"

// StatFunctions are the statistics of a DataFrame.
type StatFunctions struct{ df *DataFrame }

// Stat returns the statistics.
func (df *DataFrame) Stat() StatFunctions { return StatFunctions{df} }

// Describe has the rows count, mean, stddev, min and max of the named columns, or
// of all numbers and texts, as texts. The first column is summary.
func (df *DataFrame) Describe(names ...string) *DataFrame {
	return df.statistic(abi.Describe, names)
}

// Summary has a row for each statistic, as texts, of all numbers and texts:
// count, mean, stddev, min, max, a percentile such as "25%", count_distinct or
// approx_count_distinct. Without any they are count, mean, stddev, min, 25%, 50%,
// 75% and max. The first column is summary.
//
// Percentiles are those of Spark's approx_percentile; Sail's are interpolated.
func (df *DataFrame) Summary(statistics ...string) *DataFrame {
	return df.statistic(abi.Summary, statistics)
}

func (df *DataFrame) statistic(kind abi.Statistic, names []string, numbers ...float64) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		list := make([]Column, len(numbers))
		for i, n := range numbers {
			list[i] = Lit(n)
		}
		return b.frameOf(df, b.exprs(list), func(f abi.Frame, exprs []abi.Expr) abi.Frame {
			return b.host.FrameStatistic(f, kind, names, exprs)
		})
	})
}

// Crosstab counts how often the values of two columns come together: a row for
// each value of the first one, which is named "col1_col2", and a column for each
// of the second.
func (df *DataFrame) Crosstab(col1, col2 string) *DataFrame {
	return df.statistic(abi.Crosstab, []string{col1, col2})
}

// FreqItems has one row with, for each column, an array of the values that at
// least support of the rows have, and perhaps others. support is from 0.0001 to
// 1; zero is 0.01. Sail lacks it.
func (df *DataFrame) FreqItems(names []string, support float64) *DataFrame {
	if support == 0 {
		support = 0.01
	}
	return df.statistic(abi.FreqItems, names, support)
}

// Cov runs the plan and returns the covariance of two columns in the sample.
func (df *DataFrame) Cov(col1, col2 string) (float64, error) {
	return Scalar[float64](df.statistic(abi.Covariance, []string{col1, col2}))
}

// Corr runs the plan and returns Pearson's correlation of two columns.
func (df *DataFrame) Corr(col1, col2 string) (float64, error) {
	return Scalar[float64](df.statistic(abi.Correlation, []string{col1, col2}))
}

// ApproxQuantile runs the plan and returns, for each column, the values at the
// given probabilities from 0 to 1. Their ranks are right within relativeError of
// the rows; zero is exact and expensive. Sail lacks it.
func (df *DataFrame) ApproxQuantile(names []string, probabilities []float64, relativeError float64) ([][]float64, error) {
	numbers := append([]float64{relativeError}, probabilities...)
	return Scalar[[][]float64](df.statistic(abi.ApproxQuantile, names, numbers...))
}

// Crosstab is [DataFrame.Crosstab].
func (s StatFunctions) Crosstab(col1, col2 string) *DataFrame { return s.df.Crosstab(col1, col2) }

// FreqItems is [DataFrame.FreqItems].
func (s StatFunctions) FreqItems(names []string, support float64) *DataFrame {
	return s.df.FreqItems(names, support)
}

// Cov is [DataFrame.Cov].
func (s StatFunctions) Cov(col1, col2 string) (float64, error) { return s.df.Cov(col1, col2) }

// Corr is [DataFrame.Corr].
func (s StatFunctions) Corr(col1, col2 string) (float64, error) { return s.df.Corr(col1, col2) }

// ApproxQuantile is [DataFrame.ApproxQuantile].
func (s StatFunctions) ApproxQuantile(names []string, probabilities []float64, relativeError float64) ([][]float64, error) {
	return s.df.ApproxQuantile(names, probabilities, relativeError)
}

// SampleBy is [DataFrame.SampleBy].
func (s StatFunctions) SampleBy(column ColumnOrName, fractions map[any]float64, seed ...int64) *DataFrame {
	return s.df.SampleBy(column, fractions, seed...)
}
