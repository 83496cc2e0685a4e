package hostfn

import (
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// ExprColumn implements [abi.Host].
func (i *Invocation) ExprColumn(name string) abi.Expr {
	b := i.build("ExprColumn")
	return b.keepExpr(spark.Col(b.text(name)))
}

// ExprColumnOf implements [abi.Host].
func (i *Invocation) ExprColumnOf(frame abi.Frame, name string) abi.Expr {
	b := i.build("ExprColumnOf")
	df := b.frame(frame)
	b.weight = nodeBytes // the column only refers to the frame
	return b.keepExpr(spark.ColOf(df, b.text(name)))
}

// ExprNull implements [abi.Host].
func (i *Invocation) ExprNull() abi.Expr { return i.build("ExprNull").keepExpr(spark.Lit(nil)) }

// ExprBool implements [abi.Host].
func (i *Invocation) ExprBool(value bool) abi.Expr {
	return i.build("ExprBool").keepExpr(spark.Lit(value))
}

// ExprInt implements [abi.Host].
func (i *Invocation) ExprInt(value int64) abi.Expr {
	return i.build("ExprInt").keepExpr(spark.Lit(value))
}

// ExprFloat implements [abi.Host].
func (i *Invocation) ExprFloat(value float64) abi.Expr {
	return i.build("ExprFloat").keepExpr(spark.Lit(value))
}

// ExprString implements [abi.Host].
func (i *Invocation) ExprString(value string) abi.Expr {
	b := i.build("ExprString")
	return b.keepExpr(spark.Lit(b.text(value)))
}

// ExprBinary implements [abi.Host].
func (i *Invocation) ExprBinary(value []byte) abi.Expr {
	b := i.build("ExprBinary")
	b.count(len(value))
	if b.wrong() {
		return b.keepExpr(nil)
	}
	// The bytes may be the guest's memory, which changes after this call.
	return b.keepExpr(spark.Lit(slices.Clone(value)))
}

// ExprCall implements [abi.Host].
func (i *Invocation) ExprCall(function string, args []abi.Expr, distinct bool) abi.Expr {
	b := i.build("ExprCall")
	b.mayFunction(function, len(args))
	return b.keepExpr(spark.Call(b.text(function), b.exprList(args), distinct))
}

// ExprCast implements [abi.Host].
func (i *Invocation) ExprCast(in abi.Expr, ddl string, try bool) abi.Expr {
	b := i.build("ExprCast")
	return b.keepExpr(b.expr(in).Cast(b.text(ddl), try))
}

// ExprAlias implements [abi.Host].
func (i *Invocation) ExprAlias(in abi.Expr, names []string) abi.Expr {
	b := i.build("ExprAlias")
	if len(names) == 0 {
		b.invalid(typeValue, "no name is given")
	}
	return b.keepExpr(b.expr(in).Alias(b.texts(names)...))
}

// ExprSort implements [abi.Host].
func (i *Invocation) ExprSort(in abi.Expr, descending, nullsLast bool) abi.Expr {
	b := i.build("ExprSort")
	return b.keepExpr(b.expr(in).SortOrder(descending, nullsLast))
}

// ExprSQL implements [abi.Host].
func (i *Invocation) ExprSQL(text string) abi.Expr {
	b := i.build("ExprSQL")
	b.mayExpression(text)
	text, functions := i.task.Functions.SQL(b.text(text))
	return b.keepExpr(spark.SQLExpr(text).Using(functions))
}

// ExprSubquery implements [abi.Host].
func (i *Invocation) ExprSubquery(frame abi.Frame, kind abi.SubqueryKind, values []abi.Expr) abi.Expr {
	b := i.build("ExprSubquery")
	if kind < abi.SubqueryScalar || kind > abi.SubqueryIn {
		b.invalid(typeValue, "kind %d is unknown: 0 is scalar, 1 exists, 2 in", kind)
	}
	return b.keepExpr(spark.Subquery(b.frame(frame), spark.SubqueryKind(kind), b.exprList(values)))
}
