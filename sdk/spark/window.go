package spark

import (
	"math"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Bounds of a window's frame, beside numbers: negative ones lie before the
// current row, positive ones after it.
const (
	UnboundedPreceding int64 = math.MinInt64
	CurrentRow         int64 = 0
	UnboundedFollowing int64 = math.MaxInt64
)

// Window is where the description of a window begins, as in PySpark:
//
//	best := F.RowNumber().Over(spark.Window.PartitionBy("shop").OrderBy(F.Desc("sales")))
var Window WindowSpec

// A WindowSpec says which rows a function sees around each row. It is
// immutable; its zero value is all rows.
type WindowSpec struct {
	partitions, orders []ColumnOrName
	frame              abi.WindowFrame
	lower, upper       bound
}

// bound is an end of a frame.
type bound struct {
	kind  abi.WindowBound
	value Column
}

// PartitionBy limits a window to rows that are equal in the given columns.
func (w WindowSpec) PartitionBy(columns ...ColumnOrName) WindowSpec {
	w.partitions = slices.Clone(columns)
	return w
}

// OrderBy orders a window's rows. A column that is no sort order, such as F.Desc
// makes, sorts ascending. Without a frame, a window with an order ends at the
// current row and its equals.
func (w WindowSpec) OrderBy(orders ...ColumnOrName) WindowSpec {
	w.orders = slices.Clone(orders)
	return w
}

// RowsBetween limits a window to the rows from start to end, both included,
// counted from the current row: RowsBetween(-1, CurrentRow) is the row before and
// the current one.
func (w WindowSpec) RowsBetween(start, end int64) WindowSpec {
	w.frame, w.lower, w.upper = abi.RowsFrame, rowBound(start, UnboundedPreceding), rowBound(end, UnboundedFollowing)
	return w
}

// RangeBetween limits a window to the rows whose value of the order lies from
// start to end around the current row's, both included. A bound is an integer,
// or for an order that is no number what [Lit] takes, such as a time.Duration or
// a Column with an interval; UnboundedPreceding, CurrentRow and UnboundedFollowing
// are bounds, too.
func (w WindowSpec) RangeBetween(start, end any) WindowSpec {
	w.frame, w.lower, w.upper = abi.RangeFrame, rangeBound(start, UnboundedPreceding), rangeBound(end, UnboundedFollowing)
	return w
}

func rowBound(n, unbounded int64) bound {
	switch n {
	case unbounded:
		return bound{kind: abi.Unbounded}
	case CurrentRow:
		return bound{kind: abi.CurrentRow}
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return bound{abi.ValueBound, Invalid(abi.Errorf("ValueError", "RowsBetween: %d does not fit 32 bits", n))}
	}
	return bound{abi.ValueBound, Lit(n)}
}

func rangeBound(v any, unbounded int64) bound {
	n, ok := v.(int64)
	if plain, isInt := v.(int); isInt {
		n, ok = int64(plain), true
	}
	switch {
	case !ok:
		return bound{abi.ValueBound, Lit(v)}
	case n == unbounded:
		return bound{kind: abi.Unbounded}
	case n == CurrentRow:
		return bound{kind: abi.CurrentRow}
	}
	return bound{abi.ValueBound, TypedLit(n, "bigint")}
}

// Over computes the column, an aggregate or a function such as F.RowNumber makes,
// over a window's rows.
func (c Column) Over(w WindowSpec) Column {
	return Column{&node{kind: kindWindow, args: []Column{c}, window: &w}}
}

func (b *builder) window(function abi.Expr, w *WindowSpec) abi.Expr {
	partitions, orders := b.columns(w.partitions), b.orders(w.orders)
	lower, upper := b.bound(w.lower), b.bound(w.upper)
	if b.err != nil {
		return 0
	}
	return b.host.ExprWindow(function, partitions, orders, w.frame, w.lower.kind, w.upper.kind, lower, upper)
}

func (b *builder) bound(x bound) abi.Expr {
	if x.kind != abi.ValueBound {
		return 0
	}
	return b.expr(x.value)
}

// detached is the window with columns of any frame: see Column.detached.
func (w *WindowSpec) detached() *WindowSpec {
	list := func(columns []ColumnOrName) []ColumnOrName {
		out := make([]ColumnOrName, len(columns))
		for i, c := range columns {
			out[i] = AsColumn(c).detached()
		}
		return out
	}
	d := *w
	d.partitions, d.orders = list(w.partitions), list(w.orders)
	d.lower.value, d.upper.value = w.lower.value.detached(), w.upper.value.detached()
	return &d
}
