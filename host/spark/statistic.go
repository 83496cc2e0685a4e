package spark

import (
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Statistic is what [DataFrame.Statistic] computes.
type Statistic int32

// The statistics, with what names and numbers are for each.
const (
	Summary        Statistic = 0 // names: statistics such as count, mean or 25%; none for the usual ones
	Describe       Statistic = 1 // names: columns; none for all numbers and texts
	Crosstab       Statistic = 2 // names: two columns
	FreqItems      Statistic = 3 // names: columns; numbers: the least share of rows
	Covariance     Statistic = 4 // names: two columns
	Correlation    Statistic = 5 // names: two columns
	ApproxQuantile Statistic = 6 // names: columns; numbers: the relative error, then the probabilities
)

var statisticNames = []string{"summary", "describe", "crosstab", "freq items", "covariance", "correlation", "approximate quantiles"}

// statisticRows are the rows of a summary or a description in Spark's order, which Sail
// does not keep. Other statistics have no such rows.
func statisticRows(statistic Statistic, names []string) []string {
	switch {
	case statistic == Describe:
		return []string{"count", "mean", "stddev", "min", "max"}
	case statistic == Summary && len(names) == 0:
		return []string{"count", "mean", "stddev", "min", "25%", "50%", "75%", "max"}
	case statistic == Summary:
		return names
	}
	return nil
}

// Statistic computes a statistic of the rows. See [Statistic] for names and
// numbers; the latter are literals.
func (df *DataFrame) Statistic(statistic Statistic, names []string, numbers []*Column) *DataFrame {
	if df.Err() != nil {
		return df
	}
	if statistic < Summary || statistic > ApproxQuantile {
		return Invalid(fmt.Errorf("statistic %d is unknown", statistic))
	}
	op := statisticNames[statistic]
	values, err := numbersOf(op+": a number", numbers)
	if err != nil {
		return Invalid(err)
	}
	names = slices.Clone(names)
	if err := checkStatistic(statistic, names, values); err != nil {
		return Invalid(fmt.Errorf("%s: %w", op, err))
	}
	out := df.step(op, "", textWeight(names...)+int64(len(values))*8, nil, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		relation := statisticRelation(statistic, in, names, values)
		if rows := statisticRows(statistic, names); r.sail && rows != nil {
			return inOrder(r, relation, "summary", rows)
		}
		return relation
	})
	switch statistic {
	case Summary:
		out.onSailToo()
		if slices.Contains(names, "count_distinct") || slices.Contains(names, "approx_count_distinct") {
			out.need(FeatureDistinctCounts)
		}
	case Describe:
		out.onSailToo()
	case FreqItems:
		out.need(FeatureFreqItems)
	case ApproxQuantile:
		out.need(FeatureQuantiles)
	}
	return out
}

func checkStatistic(statistic Statistic, names []string, numbers []float64) error {
	wanted := 0
	switch statistic {
	case Crosstab, Covariance, Correlation:
		if len(names) != 2 {
			return fmt.Errorf("it is of two columns, not of %d", len(names))
		}
	case FreqItems:
		wanted = 1
		if len(numbers) == 1 && !(numbers[0] >= 1e-4 && numbers[0] <= 1) {
			return fmt.Errorf("the least share of rows is from 0.0001 to 1, not %g", numbers[0])
		}
	case ApproxQuantile:
		if len(names) == 0 {
			return fmt.Errorf("no column is given")
		}
		if len(numbers) == 0 || !(numbers[0] >= 0) {
			return fmt.Errorf("the relative error must be given, 0 or more")
		}
		wanted = len(numbers)
		for _, p := range numbers[1:] {
			if !(p >= 0 && p <= 1) {
				return fmt.Errorf("a probability is from 0 to 1, not %g", p)
			}
		}
	}
	if len(numbers) != wanted {
		return fmt.Errorf("%d numbers are given, and it takes %d", len(numbers), wanted)
	}
	return nil
}

func statisticRelation(statistic Statistic, in *sparkpb.Relation, names []string, numbers []float64) *sparkpb.Relation {
	switch statistic {
	case Summary:
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Summary{Summary: &sparkpb.StatSummary{Input: in, Statistics: names}}}
	case Describe:
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Describe{Describe: &sparkpb.StatDescribe{Input: in, Cols: names}}}
	case Crosstab:
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Crosstab{Crosstab: &sparkpb.StatCrosstab{Input: in, Col1: names[0], Col2: names[1]}}}
	case FreqItems:
		return &sparkpb.Relation{RelType: &sparkpb.Relation_FreqItems{FreqItems: &sparkpb.StatFreqItems{Input: in, Cols: names, Support: &numbers[0]}}}
	case Covariance:
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Cov{Cov: &sparkpb.StatCov{Input: in, Col1: names[0], Col2: names[1]}}}
	case Correlation:
		method := "pearson" // Spark has no other
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Corr{Corr: &sparkpb.StatCorr{Input: in, Col1: names[0], Col2: names[1], Method: &method}}}
	}
	return &sparkpb.Relation{RelType: &sparkpb.Relation_ApproxQuantile{ApproxQuantile: &sparkpb.StatApproxQuantile{
		Input: in, Cols: names, RelativeError: numbers[0], Probabilities: numbers[1:],
	}}}
}

// inOrder sorts rows by the place of a column's value in a list.
func inOrder(r *renderer, in *sparkpb.Relation, name string, values []string) *sparkpb.Relation {
	list := make([]*Column, len(values))
	for i, v := range values {
		list[i] = Lit(v)
	}
	place := Call("array_position", []*Column{Call("array", list, false), Col(name)}, false).SortOrder(false, false)
	global := true
	return &sparkpb.Relation{RelType: &sparkpb.Relation_Sort{Sort: &sparkpb.Sort{
		Input: in, IsGlobal: &global, Order: []*sparkpb.Expression_SortOrder{place.build(r).GetSortOrder()},
	}}}
}
