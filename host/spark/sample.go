package spark

import (
	"errors"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Sample says which rows [DataFrame.Sample] takes.
type Sample struct {
	// Lower and Upper bound the random number, from 0 to 1, of a row that is
	// taken. With replacement, Upper is how often a row is taken in the mean.
	Lower, Upper    float64
	WithReplacement bool
	// DeterministicOrder sorts within partitions before, so that several samples
	// with one seed are parts of one whole.
	DeterministicOrder bool
	Seed               int64
}

// Sample takes a random part of the rows.
func (df *DataFrame) Sample(s Sample) *DataFrame {
	// The negations are for NaN.
	switch {
	case df.Err() != nil:
		return df
	case !(s.Lower >= 0 && s.Upper >= s.Lower):
		return Invalid(fmt.Errorf("sample: from %g to %g is no share of the rows", s.Lower, s.Upper))
	case !s.WithReplacement && !(s.Upper <= 1+1e-6):
		return Invalid(fmt.Errorf("sample: %g is more than all rows; only with replacement a row may be taken more than once", s.Upper))
	}
	return df.step("sample", fmt.Sprintf("%g to %g", s.Lower, s.Upper), 32, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Sample{Sample: &sparkpb.Sample{
			Input: in, LowerBound: s.Lower, UpperBound: s.Upper, WithReplacement: &s.WithReplacement,
			Seed: &s.Seed, DeterministicOrder: s.DeterministicOrder,
		}}}
	})
}

// SampleBy takes a random part of the rows for each value of column: strata are
// the values and fractions their parts, all of them literals. Rows with other
// values are left out.
func (df *DataFrame) SampleBy(column *Column, strata, fractions []*Column, seed int64) *DataFrame {
	if df.Err() != nil {
		return df
	}
	values, err := literalsOf("sample by: a value", strata)
	parts, notNumbers := numbersOf("sample by: a fraction", fractions)
	if err := errors.Join(err, notNumbers); err != nil {
		return Invalid(err)
	}
	if len(values) != len(parts) {
		return Invalid(fmt.Errorf("sample by: %d values and %d fractions", len(values), len(parts)))
	}
	list := make([]*sparkpb.StatSampleBy_Fraction, len(values))
	for i, part := range parts {
		if !(part >= 0 && part <= 1) {
			return Invalid(fmt.Errorf("sample by: a fraction is from 0 to 1, not %g", part))
		}
		list[i] = &sparkpb.StatSampleBy_Fraction{Stratum: values[i], Fraction: part}
	}
	return df.step("sample by", "", int64(len(list))*16, append([]*Column{column}, strata...), func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_SampleBy{SampleBy: &sparkpb.StatSampleBy{
			Input: in, Col: column.build(r), Fractions: list, Seed: &seed,
		}}}
	})
}
