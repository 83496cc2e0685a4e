package hostfn

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// FrameJoinAsOf implements [abi.Host].
func (i *Invocation) FrameJoinAsOf(left, right abi.Frame, leftAsOf, rightAsOf abi.Expr, how string, on abi.Expr, using []string, tolerance abi.Expr, allowExactMatches bool, direction string) abi.Frame {
	b := i.build("FrameJoinAsOf")
	return b.keepFrame(b.frame(left).JoinAsOf(b.frame(right), spark.AsOf{
		Left: b.expr(leftAsOf), Right: b.expr(rightAsOf), How: b.text(how), On: b.optional(on), Using: b.texts(using),
		Tolerance: b.optional(tolerance), Exact: allowExactMatches, Direction: b.text(direction),
	}))
}

// FrameJoinLateral implements [abi.Host].
func (i *Invocation) FrameJoinLateral(left, right abi.Frame, how string, on abi.Expr) abi.Frame {
	b := i.build("FrameJoinLateral")
	return b.keepFrame(b.frame(left).JoinLateral(b.frame(right), b.text(how), b.optional(on)))
}

// FrameJoinNearest implements [abi.Host].
func (i *Invocation) FrameJoinNearest(left, right abi.Frame, ranking abi.Expr, results int32, how, mode, direction string) abi.Frame {
	b := i.build("FrameJoinNearest")
	return b.keepFrame(b.frame(left).JoinNearest(b.frame(right), b.expr(ranking), results, b.text(how), b.text(mode), b.text(direction)))
}

// FrameZip implements [abi.Host].
func (i *Invocation) FrameZip(left, right abi.Frame) abi.Frame {
	b := i.build("FrameZip")
	return b.keepFrame(b.frame(left).Zip(b.frame(right)))
}

// FrameHint implements [abi.Host].
func (i *Invocation) FrameHint(in abi.Frame, name string, parameters []abi.Expr) abi.Frame {
	b := i.build("FrameHint")
	return b.keepFrame(b.frame(in).Hint(b.text(name), b.exprList(parameters)...))
}

// FrameTableFunction implements [abi.Host].
func (i *Invocation) FrameTableFunction(name string, args []abi.Expr) abi.Frame {
	b := i.build("FrameTableFunction")
	b.mayFunction(name, len(args))
	return b.keepFrame(spark.TableFunction(b.text(name), b.exprList(args)...))
}

// FrameWithRelations implements [abi.Host].
func (i *Invocation) FrameWithRelations(root abi.Frame, relations []abi.Frame) abi.Frame {
	b := i.build("FrameWithRelations")
	return b.keepFrame(b.frame(root).WithRelations(b.frameList(relations)...))
}
