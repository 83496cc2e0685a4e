package plantext

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// ExprLiteral implements [abi.Host].
func (p *Plans) ExprLiteral(ddl string, value []byte) abi.Expr {
	return p.keepExpr(strings.ToUpper(ddl) + " " + string(value))
}

// ExprExtract implements [abi.Host].
func (p *Plans) ExprExtract(in, key abi.Expr) abi.Expr {
	return p.keepExpr(p.expr(in).text+"["+p.expr(key).text+"]", in, key)
}

// ExprWithField implements [abi.Host].
func (p *Plans) ExprWithField(in abi.Expr, name string, value abi.Expr) abi.Expr {
	return p.keepExpr("with_field("+p.expr(in).text+", "+name+" = "+p.expr(value).text+")", in, value)
}

// ExprDropFields implements [abi.Host].
func (p *Plans) ExprDropFields(in abi.Expr, names []string) abi.Expr {
	return p.keepExpr("drop_fields("+p.expr(in).text+", "+strings.Join(names, ", ")+")", in)
}

// ExprWindow implements [abi.Host].
func (p *Plans) ExprWindow(function abi.Expr, partitions, orders []abi.Expr, frame abi.WindowFrame, lower, upper abi.WindowBound, lowerValue, upperValue abi.Expr) abi.Expr {
	from := slices.Concat([]abi.Expr{function}, partitions, orders)
	var parts []string
	if len(partitions) > 0 {
		parts = append(parts, "PARTITION BY "+p.texts(partitions))
	}
	if len(orders) > 0 {
		parts = append(parts, "ORDER BY "+p.texts(orders))
	}
	if frame != abi.DefaultFrame {
		kind := "ROWS"
		if frame == abi.RangeFrame {
			kind = "RANGE"
		}
		parts = append(parts, fmt.Sprintf("%s BETWEEN %s AND %s", kind, p.bound(lower, lowerValue, "PRECEDING"), p.bound(upper, upperValue, "FOLLOWING")))
		if lower == abi.ValueBound {
			from = append(from, lowerValue)
		}
		if upper == abi.ValueBound {
			from = append(from, upperValue)
		}
	}
	return p.keepExpr(p.expr(function).text+" OVER ("+strings.Join(parts, " ")+")", from...)
}

// bound is one end of a frame. A negative value is one before the current row.
func (p *Plans) bound(kind abi.WindowBound, value abi.Expr, side string) string {
	switch kind {
	case abi.Unbounded:
		return "UNBOUNDED " + side
	case abi.CurrentRow:
		return "CURRENT ROW"
	}
	text := p.expr(value).text
	if before, negative := strings.CutPrefix(text, "-"); negative {
		return before + " PRECEDING"
	}
	return text + " FOLLOWING"
}

// ExprLambda implements [abi.Host].
func (p *Plans) ExprLambda(params []string, body abi.Expr) abi.Expr {
	left := strings.Join(params, ", ")
	if len(params) != 1 {
		left = "(" + left + ")"
	}
	return p.keepExpr(left+" -> "+p.expr(body).text, body)
}

// ExprLambdaVariable implements [abi.Host].
func (p *Plans) ExprLambdaVariable(name string) abi.Expr { return p.keepExpr(name) }

// ExprNamedArgument implements [abi.Host].
func (p *Plans) ExprNamedArgument(name string, value abi.Expr) abi.Expr {
	return p.keepExpr(name+" => "+p.expr(value).text, value)
}

// ExprCallFunction implements [abi.Host].
func (p *Plans) ExprCallFunction(name string, args []abi.Expr) abi.Expr {
	return p.keepExpr(name+"("+p.texts(args)+")", args...)
}

// ExprUDF implements [abi.Host].
func (p *Plans) ExprUDF(name string, args []abi.Expr) abi.Expr {
	return p.keepExpr(name+"("+p.texts(args)+")", args...)
}

// ExprRegex implements [abi.Host].
func (p *Plans) ExprRegex(frame abi.Frame, pattern string) abi.Expr {
	if frame == 0 {
		return p.keepExpr("regex(" + pattern + ")")
	}
	return p.columnOf(frame, "regex("+pattern+")")
}

// ExprMetadataColumn implements [abi.Host].
func (p *Plans) ExprMetadataColumn(frame abi.Frame, name string) abi.Expr {
	return p.columnOf(frame, "metadata("+name+")")
}

// columnOf is an expression that belongs to a certain frame.
func (p *Plans) columnOf(of abi.Frame, text string) abi.Expr {
	f := p.frame(of)
	if f.mark == 0 {
		p.marks++
		f.mark = p.marks
	}
	e := p.keepExpr(fmt.Sprintf("%s#%d", text, f.mark))
	p.exprs[e-1].err = f.err
	return e
}

// ExprAliasMetadata implements [abi.Host].
func (p *Plans) ExprAliasMetadata(in abi.Expr, name string, metadata []byte) abi.Expr {
	return p.keepExpr(p.expr(in).text+" AS "+name+" "+string(metadata), in)
}

// ExprShufflePartition implements [abi.Host].
func (p *Plans) ExprShufflePartition(in abi.Expr) abi.Expr {
	return p.keepExpr("shuffle_partition("+p.expr(in).text+")", in)
}
