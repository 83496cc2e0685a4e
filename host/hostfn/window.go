package hostfn

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// ExprWindow implements [abi.Host].
func (i *Invocation) ExprWindow(function abi.Expr, partitions, orders []abi.Expr, frame abi.WindowFrame, lower, upper abi.WindowBound, lowerValue, upperValue abi.Expr) abi.Expr {
	b := i.build("ExprWindow")
	of := b.expr(function)
	window := spark.Window{Partitions: b.exprList(partitions), Orders: b.exprList(orders), Frame: spark.WindowFrame(frame)}
	if frame != abi.DefaultFrame {
		window.Lower, window.Upper = b.bound(lower, lowerValue), b.bound(upper, upperValue)
	}
	if b.wrong() {
		return b.keepExpr(nil)
	}
	return b.keepExpr(of.Over(window))
}

func (b *builder) bound(kind abi.WindowBound, value abi.Expr) spark.Bound {
	bound := spark.Bound{Kind: spark.BoundKind(kind)}
	if kind == abi.ValueBound {
		bound.Value = b.expr(value)
	}
	return bound
}

// ExprLambda implements [abi.Host].
func (i *Invocation) ExprLambda(params []string, body abi.Expr) abi.Expr {
	b := i.build("ExprLambda")
	return b.keepExpr(spark.Lambda(b.texts(params), b.expr(body)))
}

// ExprLambdaVariable implements [abi.Host].
func (i *Invocation) ExprLambdaVariable(name string) abi.Expr {
	b := i.build("ExprLambdaVariable")
	return b.keepExpr(spark.LambdaVariable(b.text(name)))
}
