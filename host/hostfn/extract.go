package hostfn

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// ExprLiteral implements [abi.Host].
func (i *Invocation) ExprLiteral(ddl string, value []byte) abi.Expr {
	b := i.build("ExprLiteral")
	ddl, text := b.text(ddl), b.text(string(value))
	if b.wrong() {
		return b.keepExpr(nil) // too large to be read
	}
	return b.keepExpr(spark.Literal(ddl, []byte(text)))
}

// ExprExtract implements [abi.Host].
func (i *Invocation) ExprExtract(in, key abi.Expr) abi.Expr {
	b := i.build("ExprExtract")
	return b.keepExpr(b.expr(in).Extract(b.expr(key)))
}

// ExprWithField implements [abi.Host].
func (i *Invocation) ExprWithField(in abi.Expr, name string, value abi.Expr) abi.Expr {
	b := i.build("ExprWithField")
	return b.keepExpr(b.expr(in).WithField(b.text(name), b.expr(value)))
}

// ExprDropFields implements [abi.Host].
func (i *Invocation) ExprDropFields(in abi.Expr, names []string) abi.Expr {
	b := i.build("ExprDropFields")
	return b.keepExpr(b.expr(in).DropFields(b.texts(names)...))
}

// ExprNamedArgument implements [abi.Host].
func (i *Invocation) ExprNamedArgument(name string, value abi.Expr) abi.Expr {
	b := i.build("ExprNamedArgument")
	return b.keepExpr(spark.NamedArgument(b.text(name), b.expr(value)))
}

// ExprCallFunction implements [abi.Host].
func (i *Invocation) ExprCallFunction(name string, args []abi.Expr) abi.Expr {
	b := i.build("ExprCallFunction")
	b.mayFunction(name, len(args))
	return b.keepExpr(spark.CallFunction(b.text(name), b.exprList(args)))
}

// ExprUDF implements [abi.Host].
func (i *Invocation) ExprUDF(name string, args []abi.Expr) abi.Expr {
	b := i.build("ExprUDF")
	name, list := b.text(name), b.exprList(args)
	if b.wrong() {
		return b.keepExpr(nil)
	}
	call, err := i.task.Functions.Call(name, list)
	if err != nil {
		b.invalid(typeValue, "%v", err)
	}
	return b.keepExpr(call)
}

// ExprRegex implements [abi.Host].
func (i *Invocation) ExprRegex(frame abi.Frame, pattern string) abi.Expr {
	b := i.build("ExprRegex")
	var df *spark.DataFrame
	if frame != 0 {
		df = b.frame(frame)
		b.weight = nodeBytes // the column only refers to the frame
	}
	return b.keepExpr(spark.ColRegex(df, b.text(pattern)))
}

// ExprMetadataColumn implements [abi.Host].
func (i *Invocation) ExprMetadataColumn(frame abi.Frame, name string) abi.Expr {
	b := i.build("ExprMetadataColumn")
	df := b.frame(frame)
	b.weight = nodeBytes
	return b.keepExpr(spark.MetadataColumn(df, b.text(name)))
}

// ExprAliasMetadata implements [abi.Host].
func (i *Invocation) ExprAliasMetadata(in abi.Expr, name string, metadata []byte) abi.Expr {
	b := i.build("ExprAliasMetadata")
	return b.keepExpr(b.expr(in).AliasMetadata(b.text(name), []byte(b.text(string(metadata)))))
}

// ExprShufflePartition implements [abi.Host].
func (i *Invocation) ExprShufflePartition(in abi.Expr) abi.Expr {
	b := i.build("ExprShufflePartition")
	return b.keepExpr(b.expr(in).ShufflePartition())
}
