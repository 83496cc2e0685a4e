package hostfn

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// FrameSample implements [abi.Host].
func (i *Invocation) FrameSample(in abi.Frame, lower, upper float64, withReplacement, deterministicOrder bool, seed int64) abi.Frame {
	b := i.build("FrameSample")
	return b.keepFrame(b.frame(in).Sample(spark.Sample{
		Lower: lower, Upper: upper, WithReplacement: withReplacement, DeterministicOrder: deterministicOrder, Seed: seed,
	}))
}

// FrameSampleBy implements [abi.Host].
func (i *Invocation) FrameSampleBy(in abi.Frame, column abi.Expr, strata, fractions []abi.Expr, seed int64) abi.Frame {
	b := i.build("FrameSampleBy")
	b.same("values", len(strata), "fractions", len(fractions))
	return b.keepFrame(b.frame(in).SampleBy(b.expr(column), b.exprList(strata), b.exprList(fractions), seed))
}

// FrameTail implements [abi.Host].
func (i *Invocation) FrameTail(in abi.Frame, n int32) abi.Frame {
	b := i.build("FrameTail")
	b.notNegative(n)
	return b.keepFrame(b.frame(in).Tail(n))
}

// FrameWatermark implements [abi.Host].
func (i *Invocation) FrameWatermark(in abi.Frame, column, delay string) abi.Frame {
	b := i.build("FrameWatermark")
	return b.keepFrame(b.frame(in).Watermark(b.text(column), b.text(delay)))
}

// FrameDistinctWithinWatermark implements [abi.Host].
func (i *Invocation) FrameDistinctWithinWatermark(in abi.Frame, columns []string) abi.Frame {
	b := i.build("FrameDistinctWithinWatermark")
	return b.keepFrame(b.frame(in).DistinctWithinWatermark(b.texts(columns)...))
}

// FrameRepartition implements [abi.Host].
func (i *Invocation) FrameRepartition(in abi.Frame, how abi.Partitioning, partitions int32, by []abi.Expr) abi.Frame {
	b := i.build("FrameRepartition")
	return b.keepFrame(b.frame(in).Repartition(spark.Partitioning(how), partitions, b.exprList(by)))
}

// FrameFillNA implements [abi.Host].
func (i *Invocation) FrameFillNA(in abi.Frame, columns []string, values []abi.Expr) abi.Frame {
	b := i.build("FrameFillNA")
	return b.keepFrame(b.frame(in).FillNA(b.texts(columns), b.exprList(values)))
}

// FrameDropNA implements [abi.Host].
func (i *Invocation) FrameDropNA(in abi.Frame, columns []string, minNonNulls int32) abi.Frame {
	b := i.build("FrameDropNA")
	return b.keepFrame(b.frame(in).DropNA(b.texts(columns), minNonNulls))
}

// FrameReplace implements [abi.Host].
func (i *Invocation) FrameReplace(in abi.Frame, columns []string, from, to []abi.Expr) abi.Frame {
	b := i.build("FrameReplace")
	b.same("values", len(from), "replacements", len(to))
	return b.keepFrame(b.frame(in).ReplaceNA(b.texts(columns), b.exprList(from), b.exprList(to)))
}

// FrameStatistic implements [abi.Host].
func (i *Invocation) FrameStatistic(in abi.Frame, statistic abi.Statistic, names []string, numbers []abi.Expr) abi.Frame {
	b := i.build("FrameStatistic")
	return b.keepFrame(b.frame(in).Statistic(spark.Statistic(statistic), b.texts(names), b.exprList(numbers)))
}
