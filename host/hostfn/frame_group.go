package hostfn

import (
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// FrameGroupingSets implements [abi.Host].
func (i *Invocation) FrameGroupingSets(in abi.Frame, sets, keys, aggregates []abi.Expr) abi.Frame {
	b := i.build("FrameGroupingSets")
	if n := len(sets); n > 0 && sets[n-1] != 0 {
		b.invalid(typeValue, "the last of the sets is not ended by a 0")
	}
	var groups [][]*spark.Column
	for len(sets) > 0 && !b.wrong() {
		end := slices.Index(sets, 0)
		groups = append(groups, b.exprList(sets[:end]))
		sets = sets[end+1:]
		b.weight += nodeBytes // an empty set is cheap for the guest, too
	}
	return b.keepFrame(b.frame(in).GroupingSets(groups, b.exprList(keys), b.exprList(aggregates)))
}

// FramePivot implements [abi.Host].
func (i *Invocation) FramePivot(in abi.Frame, keys []abi.Expr, column abi.Expr, values, aggregates []abi.Expr) abi.Frame {
	b := i.build("FramePivot")
	return b.keepFrame(b.frame(in).Pivot(b.exprList(keys), b.expr(column), b.exprList(values), b.exprList(aggregates)))
}

// FrameUnpivot implements [abi.Host].
func (i *Invocation) FrameUnpivot(in abi.Frame, ids, values []abi.Expr, variableName, valueName string) abi.Frame {
	b := i.build("FrameUnpivot")
	return b.keepFrame(b.frame(in).Unpivot(b.exprList(ids), b.exprList(values), b.text(variableName), b.text(valueName)))
}

// FrameTranspose implements [abi.Host].
func (i *Invocation) FrameTranspose(in abi.Frame, index abi.Expr) abi.Frame {
	b := i.build("FrameTranspose")
	return b.keepFrame(b.frame(in).Transpose(b.optional(index)))
}

// FrameObserve implements [abi.Host].
func (i *Invocation) FrameObserve(in abi.Frame, name string, metrics []abi.Expr) abi.Frame {
	b := i.build("FrameObserve")
	return b.keepFrame(b.frame(in).Observe(b.text(name), b.exprList(metrics)))
}
