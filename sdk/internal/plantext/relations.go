package plantext

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// optional is the text of an expression that may be left out.
func (p *Plans) optional(e abi.Expr) (text string, exprs []abi.Expr) {
	if e == 0 {
		return "", nil
	}
	return p.expr(e).text, []abi.Expr{e}
}

// FrameHint implements [abi.Host].
func (p *Plans) FrameHint(in abi.Frame, name string, parameters []abi.Expr) abi.Frame {
	return p.keep(words("hint", name, p.texts(parameters)), parameters, in)
}

// FrameJoinAsOf implements [abi.Host].
func (p *Plans) FrameJoinAsOf(left, right abi.Frame, leftAsOf, rightAsOf abi.Expr, how string, on abi.Expr, using []string, tolerance abi.Expr, allowExactMatches bool, direction string) abi.Frame {
	condition, exprs := p.optional(on)
	within, more := p.optional(tolerance)
	exprs = slices.Concat([]abi.Expr{leftAsOf, rightAsOf}, exprs, more)
	exact := ""
	if !allowExactMatches {
		exact = "not exact"
	}
	return p.keep(words("as-of join", how, direction, p.expr(leftAsOf).text, "and", p.expr(rightAsOf).text, exact,
		phrase("within", within), phrase("on", condition), phrase("using", strings.Join(using, ", "))), exprs, left, right)
}

// FrameJoinLateral implements [abi.Host].
func (p *Plans) FrameJoinLateral(left, right abi.Frame, how string, on abi.Expr) abi.Frame {
	condition, exprs := p.optional(on)
	return p.keep(words("lateral join", how, phrase("on", condition)), exprs, left, right)
}

// FrameJoinNearest implements [abi.Host].
func (p *Plans) FrameJoinNearest(left, right abi.Frame, ranking abi.Expr, results int32, how, mode, direction string) abi.Frame {
	return p.keep(fmt.Sprintf("nearest-by join %s %d %s by %s %s", how, results, mode, direction, p.expr(ranking).text),
		[]abi.Expr{ranking}, left, right)
}

// FrameZip implements [abi.Host].
func (p *Plans) FrameZip(left, right abi.Frame) abi.Frame { return p.keep("zip", nil, left, right) }

// FrameGroupingSets implements [abi.Host].
func (p *Plans) FrameGroupingSets(in abi.Frame, sets, keys, aggregates []abi.Expr) abi.Frame {
	var groups []string
	var exprs []abi.Expr
	for start := 0; start < len(sets); {
		end := start
		for end < len(sets) && sets[end] != 0 {
			end++
		}
		groups = append(groups, "("+p.texts(sets[start:end])+")")
		exprs = append(exprs, sets[start:end]...)
		start = end + 1
	}
	return p.keep(words("aggregate", p.texts(aggregates), "by grouping sets", strings.Join(groups, ", "), phrase("of", p.texts(keys))),
		slices.Concat(exprs, keys, aggregates), in)
}

// FramePivot implements [abi.Host].
func (p *Plans) FramePivot(in abi.Frame, keys []abi.Expr, column abi.Expr, values, aggregates []abi.Expr) abi.Frame {
	return p.keep(words("aggregate", p.texts(aggregates), phrase("by", p.texts(keys)), "pivot", p.expr(column).text, phrase("in", p.texts(values))),
		slices.Concat(keys, []abi.Expr{column}, values, aggregates), in)
}

// FrameUnpivot implements [abi.Host].
func (p *Plans) FrameUnpivot(in abi.Frame, ids, values []abi.Expr, variableName, valueName string) abi.Frame {
	all := p.texts(values)
	if all == "" {
		all = "others"
	}
	return p.keep(words("unpivot", all, "as", variableName+",", valueName, phrase("by", p.texts(ids))), slices.Concat(ids, values), in)
}

// FrameSample implements [abi.Host].
func (p *Plans) FrameSample(in abi.Frame, lower, upper float64, withReplacement, deterministicOrder bool, seed int64) abi.Frame {
	share := fmt.Sprint(upper)
	if lower != 0 || deterministicOrder {
		share = fmt.Sprintf("%v to %v", lower, upper)
	}
	if withReplacement {
		share += " with replacement"
	}
	return p.keep(fmt.Sprintf("sample %s seed %d", share, seed), nil, in)
}

// FrameSampleBy implements [abi.Host].
func (p *Plans) FrameSampleBy(in abi.Frame, column abi.Expr, strata, fractions []abi.Expr, seed int64) abi.Frame {
	parts := make([]string, len(strata))
	for i, s := range strata {
		parts[i] = p.expr(s).text + ": " + p.expr(fractions[i]).text
	}
	return p.keep(fmt.Sprintf("sample by %s (%s) seed %d", p.expr(column).text, strings.Join(parts, ", "), seed),
		slices.Concat([]abi.Expr{column}, strata, fractions), in)
}

// FrameTail implements [abi.Host].
func (p *Plans) FrameTail(in abi.Frame, n int32) abi.Frame {
	return p.keep(fmt.Sprintf("tail %d", n), nil, in)
}

// FrameWatermark implements [abi.Host].
func (p *Plans) FrameWatermark(in abi.Frame, column, delay string) abi.Frame {
	return p.keep(words("watermark", column, delay), nil, in)
}

// FrameDistinctWithinWatermark implements [abi.Host].
func (p *Plans) FrameDistinctWithinWatermark(in abi.Frame, columns []string) abi.Frame {
	return p.keep(words("distinct within watermark", strings.Join(columns, ", ")), nil, in)
}

// FrameDropColumns implements [abi.Host].
func (p *Plans) FrameDropColumns(in abi.Frame, columns []abi.Expr) abi.Frame {
	return p.keep("drop "+p.texts(columns), columns, in)
}

// FrameRepartition implements [abi.Host].
func (p *Plans) FrameRepartition(in abi.Frame, how abi.Partitioning, partitions int32, by []abi.Expr) abi.Frame {
	word := map[abi.Partitioning]string{abi.Shuffle: "repartition", abi.Coalesce: "coalesce", abi.ByRange: "repartition by range"}[how]
	number := ""
	if partitions > 0 {
		number = strconv.Itoa(int(partitions))
	}
	return p.keep(words(word, number, phrase("by", p.texts(by))), by, in)
}

// FrameFillNA implements [abi.Host].
func (p *Plans) FrameFillNA(in abi.Frame, columns []string, values []abi.Expr) abi.Frame {
	return p.keep(words("fill", p.texts(values), phrase("in", strings.Join(columns, ", "))), values, in)
}

// FrameDropNA implements [abi.Host].
func (p *Plans) FrameDropNA(in abi.Frame, columns []string, minNonNulls int32) abi.Frame {
	least := "any"
	if minNonNulls >= 0 {
		least = fmt.Sprintf("fewer than %d", minNonNulls)
	}
	return p.keep(words("drop na", least, phrase("in", strings.Join(columns, ", "))), nil, in)
}

// FrameReplace implements [abi.Host].
func (p *Plans) FrameReplace(in abi.Frame, columns []string, from, to []abi.Expr) abi.Frame {
	pairs := make([]string, len(from))
	for i, f := range from {
		pairs[i] = p.expr(f).text + " by " + p.expr(to[i]).text
	}
	return p.keep(words("replace", strings.Join(pairs, ", "), phrase("in", strings.Join(columns, ", "))), slices.Concat(from, to), in)
}

// FrameStatistic implements [abi.Host].
func (p *Plans) FrameStatistic(in abi.Frame, statistic abi.Statistic, names []string, numbers []abi.Expr) abi.Frame {
	word := map[abi.Statistic]string{
		abi.Summary: "summary", abi.Describe: "describe", abi.Crosstab: "crosstab", abi.FreqItems: "freq items",
		abi.Covariance: "covariance", abi.Correlation: "correlation", abi.ApproxQuantile: "approx quantile",
	}[statistic]
	return p.keep(words(word, strings.Join(names, ", "), phrase("with", p.texts(numbers))), numbers, in)
}

// FrameTranspose implements [abi.Host].
func (p *Plans) FrameTranspose(in abi.Frame, index abi.Expr) abi.Frame {
	by, exprs := p.optional(index)
	return p.keep(words("transpose", phrase("by", by)), exprs, in)
}

// FrameObserve implements [abi.Host].
func (p *Plans) FrameObserve(in abi.Frame, name string, metrics []abi.Expr) abi.Frame {
	return p.keep(words("observe", name+":", p.texts(metrics)), metrics, in)
}

// FrameToDF implements [abi.Host].
func (p *Plans) FrameToDF(in abi.Frame, names []string) abi.Frame {
	return p.keep(words("to df", strings.Join(names, ", ")), nil, in)
}

// FrameToSchema implements [abi.Host].
func (p *Plans) FrameToSchema(in abi.Frame, schema string) abi.Frame {
	return p.keep("to schema "+strconv.Quote(schema), nil, in)
}

// FrameParse implements [abi.Host].
func (p *Plans) FrameParse(in abi.Frame, format, schema string, options []string) abi.Frame {
	if schema != "" {
		schema = "schema " + strconv.Quote(schema)
	}
	return p.keep(words("parse", format, pairs(options), schema), nil, in)
}

// FrameTableFunction implements [abi.Host].
func (p *Plans) FrameTableFunction(name string, args []abi.Expr) abi.Frame {
	return p.keep("table function "+name+"("+p.texts(args)+")", args)
}

// FrameWithRelations implements [abi.Host].
func (p *Plans) FrameWithRelations(root abi.Frame, relations []abi.Frame) abi.Frame {
	return p.keep("with relations", nil, append([]abi.Frame{root}, relations...)...)
}
