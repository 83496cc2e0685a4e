package hostfn

import (
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// FrameRead implements [abi.Host].
func (i *Invocation) FrameRead(format, schema string, options, paths []string) abi.Frame {
	b := i.build("FrameRead")
	format, pairs := b.text(format), b.pairs(options)
	b.maySource(policy.Read, format, pairs, paths)
	return b.keepFrame(spark.Read(format, b.text(schema), pairs, b.texts(paths)))
}

// FrameTable implements [abi.Host].
func (i *Invocation) FrameTable(name string, options []string) abi.Frame {
	b := i.build("FrameTable")
	if v, own := i.views[strings.ToLower(name)]; own && len(options) == 0 {
		b.weight += v.frame.weight
		return b.keepFrame(v.frame.value.Alias(v.name))
	}
	b.mayTable(policy.ReadTable, name)
	return b.keepFrame(spark.Table(b.text(name), b.pairs(options)))
}

// FrameJDBC implements [abi.Host].
func (i *Invocation) FrameJDBC(options, predicates []string) abi.Frame {
	b := i.build("FrameJDBC")
	pairs := b.pairs(options)
	b.maySource(policy.Read, "jdbc", pairs, nil)
	return b.keepFrame(spark.ReadJDBC(pairs, b.texts(predicates)))
}

// FrameChanges implements [abi.Host].
func (i *Invocation) FrameChanges(table string, options []string) abi.Frame {
	b := i.build("FrameChanges")
	b.mayTable(policy.ReadTable, table)
	return b.keepFrame(spark.Changes(b.text(table), b.pairs(options)))
}

// FrameSQL implements [abi.Host].
func (i *Invocation) FrameSQL(query string, names []string, args []abi.Expr) abi.Frame {
	b := i.build("FrameSQL")
	return b.keepFrame(b.sql(query, names, args))
}

// sql is a SQL statement over the task's own views.
func (b *builder) sql(query string, names []string, args []abi.Expr) *spark.DataFrame {
	if len(names) > 0 {
		b.same("names", len(names), "arguments", len(args))
	}
	b.may(policy.SQL, "")
	query, names, list := b.text(query), b.texts(names), b.exprList(args)
	if b.wrong() {
		return spark.Invalid(b.err)
	}
	query, functions := b.i.task.Functions.SQL(query)
	return spark.SQLOver(query, names, list, b.viewsIn(query)).Using(functions)
}

// FrameRange implements [abi.Host].
func (i *Invocation) FrameRange(start, end, step int64, partitions int32) abi.Frame {
	b := i.build("FrameRange")
	if step == 0 {
		b.invalid(typeValue, "the step is 0, so the range would never end")
	}
	if partitions < 0 {
		b.invalid(typeValue, "%d partitions; 0 leaves their number to Spark", partitions)
	}
	return b.keepFrame(spark.Range(start, end, step, partitions))
}

// FrameLocal implements [abi.Host].
func (i *Invocation) FrameLocal(schema string, rows []byte) abi.Frame {
	b := i.build("FrameLocal")
	schema = b.text(schema)
	b.count(len(rows))
	if b.wrong() {
		return b.keepFrame(nil)
	}
	return b.keepFrame(spark.Local(schema, rows))
}

// FrameLocalArrow implements [abi.Host]. The rows count by what they take in the
// host, which may be more than the stream.
func (i *Invocation) FrameLocalArrow(schema string, stream []byte) abi.Frame {
	b := i.build("FrameLocalArrow")
	schema = b.text(schema)
	b.count(len(stream))
	if b.tooMany() || b.wrong() {
		return b.keepFrame(nil)
	}
	df, size := spark.LocalArrow(schema, stream, i.most.PlanBytes-i.bytes+int64(len(stream)))
	b.count(max(int(size)-len(stream), 0))
	return b.keepFrame(df)
}

// FrameRaw implements [abi.Host].
func (i *Invocation) FrameRaw(relation []byte) abi.Frame {
	b := i.build("FrameRaw")
	b.count(len(relation))
	b.needs(abi.CapabilityRawPlans)
	if b.wrong() {
		return b.keepFrame(nil)
	}
	return b.keepFrame(spark.Raw(relation))
}

// FrameSelect implements [abi.Host].
func (i *Invocation) FrameSelect(in abi.Frame, columns []abi.Expr) abi.Frame {
	b := i.build("FrameSelect")
	return b.keepFrame(b.frame(in).Select(b.exprList(columns)...))
}

// FrameFilter implements [abi.Host].
func (i *Invocation) FrameFilter(in abi.Frame, condition abi.Expr) abi.Frame {
	b := i.build("FrameFilter")
	return b.keepFrame(b.frame(in).Filter(b.expr(condition)))
}

// FrameWithColumns implements [abi.Host].
func (i *Invocation) FrameWithColumns(in abi.Frame, names []string, columns []abi.Expr) abi.Frame {
	b := i.build("FrameWithColumns")
	b.same("names", len(names), "columns", len(columns))
	df, names, list := b.frame(in), b.texts(names), b.exprList(columns)
	if b.wrong() {
		return b.keepFrame(nil)
	}
	return b.keepFrame(df.WithColumns(names, list))
}

// FrameDrop implements [abi.Host].
func (i *Invocation) FrameDrop(in abi.Frame, names []string) abi.Frame {
	b := i.build("FrameDrop")
	return b.keepFrame(b.frame(in).Drop(b.texts(names)...))
}

// FrameRename implements [abi.Host].
func (i *Invocation) FrameRename(in abi.Frame, from, to []string) abi.Frame {
	b := i.build("FrameRename")
	b.same("old names", len(from), "new names", len(to))
	df, from, to := b.frame(in), b.texts(from), b.texts(to)
	if b.wrong() {
		return b.keepFrame(nil)
	}
	return b.keepFrame(df.Rename(from, to))
}

// FrameAggregate implements [abi.Host].
func (i *Invocation) FrameAggregate(in abi.Frame, grouping abi.Grouping, keys, aggregates []abi.Expr) abi.Frame {
	b := i.build("FrameAggregate")
	if grouping < abi.GroupBy || grouping > abi.Cube {
		b.invalid(typeValue, "grouping %d is unknown: 0 is group by, 1 rollup, 2 cube", grouping)
	}
	return b.keepFrame(b.frame(in).Aggregate(spark.Grouping(grouping), b.exprList(keys), b.exprList(aggregates)))
}

// FrameJoin implements [abi.Host].
func (i *Invocation) FrameJoin(left, right abi.Frame, how string, on abi.Expr, using []string) abi.Frame {
	b := i.build("FrameJoin")
	var condition *spark.Column
	if on != 0 {
		if len(using) > 0 {
			b.invalid(typeValue, "a condition and %d columns to join by are given; it can be only one of them", len(using))
		}
		condition = b.expr(on)
	}
	return b.keepFrame(b.frame(left).Join(b.frame(right), b.text(how), condition, b.texts(using)))
}

// FrameSetOp implements [abi.Host].
func (i *Invocation) FrameSetOp(left, right abi.Frame, op abi.SetOp, all, byName, allowMissing bool) abi.Frame {
	b := i.build("FrameSetOp")
	if op < abi.Union || op > abi.Except {
		b.invalid(typeValue, "operation %d is unknown: 0 is union, 1 intersect, 2 except", op)
	}
	return b.keepFrame(b.frame(left).SetOp(b.frame(right), spark.SetOp(op), all, byName, allowMissing))
}

// FrameSort implements [abi.Host].
func (i *Invocation) FrameSort(in abi.Frame, orders []abi.Expr, global bool) abi.Frame {
	b := i.build("FrameSort")
	return b.keepFrame(b.frame(in).Sort(b.exprList(orders), global))
}

// FrameLimit implements [abi.Host].
func (i *Invocation) FrameLimit(in abi.Frame, n int32) abi.Frame {
	b := i.build("FrameLimit")
	b.notNegative(n)
	return b.keepFrame(b.frame(in).Limit(n))
}

// FrameOffset implements [abi.Host].
func (i *Invocation) FrameOffset(in abi.Frame, n int32) abi.Frame {
	b := i.build("FrameOffset")
	b.notNegative(n)
	return b.keepFrame(b.frame(in).Offset(n))
}

func (b *builder) notNegative(n int32) {
	if n < 0 {
		b.invalid(typeValue, "%d rows; the number must be 0 or more", n)
	}
}

// FrameDistinct implements [abi.Host].
func (i *Invocation) FrameDistinct(in abi.Frame, columns []string) abi.Frame {
	b := i.build("FrameDistinct")
	return b.keepFrame(b.frame(in).Distinct(b.texts(columns)...))
}

// FrameAlias implements [abi.Host].
func (i *Invocation) FrameAlias(in abi.Frame, name string) abi.Frame {
	b := i.build("FrameAlias")
	return b.keepFrame(b.frame(in).Alias(b.text(name)))
}
