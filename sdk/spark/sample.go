package spark

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Sample takes a random part of the rows: about fraction of them, or with
// replacement fraction times each on average.
//
// As everywhere in this section, seed is at most one number that fixes the
// choice. Without it the choice follows from the call's id, so that a retry makes
// the same one and another call another: give a DataFrame that is cached a seed,
// for it is known by its plan.
func (df *DataFrame) Sample(withReplacement bool, fraction float64, seed ...int64) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		if !(fraction >= 0) { // nor NaN
			b.fail("Sample: the fraction must be 0 or more, not %g", fraction)
		}
		number := b.seed("Sample", seed)
		if b.err != nil {
			return 0
		}
		return b.host.FrameSample(df.handle, 0, fraction, withReplacement, false, number)
	})
}

// RandomSplit puts each row into one of several DataFrames, by weights that need
// not add up to 1.
func (df *DataFrame) RandomSplit(weights []float64, seed ...int64) []*DataFrame {
	parts := make([]*DataFrame, len(weights))
	total, below := 0.0, 0.0
	var number int64 // one for all parts, or some rows would be in several
	for _, w := range weights {
		if !(w >= 0) {
			return slices.Repeat([]*DataFrame{InvalidFrame(abi.Errorf("ValueError", "RandomSplit: a weight must be 0 or more, not %g", w))}, len(weights))
		}
		total += w
	}
	for i, w := range weights {
		share := w / total
		parts[i] = df.then(func(b *builder) abi.Frame {
			if total <= 0 {
				b.fail("RandomSplit: the weights must add up to more than 0")
			}
			if i == 0 {
				number = b.seed("RandomSplit", seed)
			}
			if b.err != nil {
				return 0
			}
			return b.host.FrameSample(df.handle, below, below+share, false, true, number)
		})
		below += share
	}
	return parts
}

// SampleBy takes a random part of the rows for each value of a column: fractions
// has the part by value, and rows with other values are left out. The values are
// what [Lit] takes.
func (df *DataFrame) SampleBy(column ColumnOrName, fractions map[any]float64, seed ...int64) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		by := b.expr(AsColumn(column))
		var values, parts []abi.Expr
		for _, v := range sortedValues(fractions) {
			values, parts = append(values, b.expr(Lit(v))), append(parts, b.expr(Lit(fractions[v])))
		}
		number := b.seed("SampleBy", seed)
		if b.err != nil {
			return 0
		}
		return b.host.FrameSampleBy(df.handle, by, values, parts, number)
	})
}

// sortedValues are a map's keys in an order that is always the same, since plans
// are known by what they say.
func sortedValues[V any](m map[any]V) []any {
	keys := make([]any, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b any) int {
		return strings.Compare(fmt.Sprintf("%T %v", a, a), fmt.Sprintf("%T %v", b, b))
	})
	return keys
}

// seed returns the seed that is given, or another one for each use in a call.
func (b *builder) seed(method string, given []int64) int64 {
	switch len(given) {
	case 0:
	case 1:
		return given[0]
	default:
		b.fail("%s takes one seed, not %d", method, len(given))
		return 0
	}
	if b.err != nil {
		return 0
	}
	var request abi.Request
	if err := json.Unmarshal(b.host.TaskRequest(), &request); err != nil {
		b.failed(fmt.Errorf("read the request: %w", err))
	}
	b.session.seeds++
	h := fnv.New64a()
	_, _ = h.Write([]byte(request.ID)) // a hash has no write errors
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, b.session.seeds))
	return int64(h.Sum64() >> 1)
}
