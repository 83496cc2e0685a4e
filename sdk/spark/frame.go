package spark

import (
	"github.com/sparkstalk/sparkstalk/abi"
)

// A DataFrame is a plan: where rows come from and what is done to them. It is
// immutable, lives as long as the task call that made it, and is used by one
// goroutine. Methods that take something wrong return a DataFrame that carries
// the error to the action; a nil DataFrame does too.
type DataFrame struct {
	session *Session
	handle  abi.Frame
	err     error
}

// InvalidFrame is a DataFrame that makes every action on it, and on what is
// made of it, fail with err.
func InvalidFrame(err error) *DataFrame { return &DataFrame{err: err} }

// Handle returns the host's handle of the plan, or why there is none. The SDK
// uses it to hand a DataFrame over as a task's result.
func (df *DataFrame) Handle() (abi.Frame, error) {
	if err := df.check(); err != nil {
		return 0, err
	}
	return df.handle, nil
}

// check returns why an action cannot be asked for.
func (df *DataFrame) check() error {
	if df == nil {
		return wrongType("a DataFrame is expected, not nil")
	}
	if df.err != nil {
		return df.err
	}
	return df.session.check()
}

// then makes a DataFrame of this one.
func (df *DataFrame) then(build func(b *builder) abi.Frame) *DataFrame {
	if err := df.check(); err != nil {
		return InvalidFrame(err)
	}
	return df.session.frame(func(b *builder) abi.Frame {
		handle := build(b)
		if b.err != nil {
			return 0
		}
		return handle
	})
}

// Col is a column of this very DataFrame, for joins in which both sides have
// one of that name.
func (df *DataFrame) Col(name string) Column {
	if err := df.check(); err != nil {
		return Invalid(err)
	}
	return Column{&node{kind: kindNameOf, text: name, frame: df}}
}

// Select returns the given columns.
func (df *DataFrame) Select(columns ...ColumnOrName) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		return b.frameOf(df, b.columns(columns), b.host.FrameSelect)
	})
}

// frameOf calls build unless there was an error before.
func (b *builder) frameOf(df *DataFrame, exprs []abi.Expr, build func(abi.Frame, []abi.Expr) abi.Frame) abi.Frame {
	if b.err != nil {
		return 0
	}
	return build(df.handle, exprs)
}

// SelectExpr returns columns given as SQL text, such as "count * 2 AS twice".
func (df *DataFrame) SelectExpr(sql ...string) *DataFrame {
	columns := make([]ColumnOrName, len(sql))
	for i, text := range sql {
		columns[i] = Expr(text)
	}
	return df.Select(columns...)
}

// Where returns the rows for which condition, a Column or a string with SQL
// text, is true.
func (df *DataFrame) Where(condition any) *DataFrame {
	var column Column
	switch c := condition.(type) {
	case Column:
		column = c
	case string:
		column = Expr(c)
	default:
		column = Invalid(wrongType("a condition is a Column or SQL text, not %T", condition))
	}
	return df.then(func(b *builder) abi.Frame {
		handle := b.expr(column)
		if b.err != nil {
			return 0
		}
		return b.host.FrameFilter(df.handle, handle)
	})
}

// Filter is [DataFrame.Where].
func (df *DataFrame) Filter(condition any) *DataFrame { return df.Where(condition) }

// WithColumn adds a column, or replaces the one of that name.
func (df *DataFrame) WithColumn(name string, column Column) *DataFrame {
	return df.withColumns([]string{name}, []Column{column})
}

// WithColumns adds or replaces several columns, in the order of their names.
// None of them sees another one's new value.
func (df *DataFrame) WithColumns(columns map[string]Column) *DataFrame {
	names := sortedKeys(columns)
	list := make([]Column, len(names))
	for i, name := range names {
		list[i] = columns[name]
	}
	return df.withColumns(names, list)
}

func (df *DataFrame) withColumns(names []string, columns []Column) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		return b.frameOf(df, b.exprs(columns), func(f abi.Frame, exprs []abi.Expr) abi.Frame {
			return b.host.FrameWithColumns(f, names, exprs)
		})
	})
}

// WithColumnRenamed renames a column; one that does not exist is ignored.
func (df *DataFrame) WithColumnRenamed(existing, renamed string) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		return b.host.FrameRename(df.handle, []string{existing}, []string{renamed})
	})
}

// WithColumnsRenamed renames columns by a map from old to new names.
func (df *DataFrame) WithColumnsRenamed(renamed map[string]string) *DataFrame {
	from := sortedKeys(renamed)
	to := make([]string, len(from))
	for i, name := range from {
		to[i] = renamed[name]
	}
	return df.then(func(b *builder) abi.Frame { return b.host.FrameRename(df.handle, from, to) })
}

// Drop leaves columns out, given by their names or as columns, which may be of
// one certain DataFrame. Names that do not exist are ignored.
func (df *DataFrame) Drop(columns ...ColumnOrName) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		var names []string
		var exprs []abi.Expr
		for _, v := range columns {
			if name, ok := v.(string); ok {
				names = append(names, name)
			} else {
				exprs = append(exprs, b.expr(AsColumn(v)))
			}
		}
		if b.err != nil {
			return 0
		}
		handle := df.handle
		if len(exprs) > 0 {
			handle = b.host.FrameDropColumns(handle, exprs)
		}
		if len(names) > 0 || len(exprs) == 0 {
			handle = b.host.FrameDrop(handle, names)
		}
		return handle
	})
}

// OrderBy sorts the rows. A column that is no sort order, such as F.Desc makes,
// sorts ascending. A number stands for the column of that number, counted from 1;
// if it is negative, the column sorts descending.
func (df *DataFrame) OrderBy(orders ...ColumnOrName) *DataFrame { return df.sort(orders, true) }

// Sort is [DataFrame.OrderBy].
func (df *DataFrame) Sort(orders ...ColumnOrName) *DataFrame { return df.sort(orders, true) }

// SortWithinPartitions sorts each partition by itself.
func (df *DataFrame) SortWithinPartitions(orders ...ColumnOrName) *DataFrame {
	return df.sort(orders, false)
}

func (df *DataFrame) sort(orders []ColumnOrName, global bool) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		return b.frameOf(df, b.orders(b.numbered(df, orders)), func(f abi.Frame, exprs []abi.Expr) abi.Frame {
			return b.host.FrameSort(f, exprs, global)
		})
	})
}

// Limit returns the first n rows.
func (df *DataFrame) Limit(n int) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		count := b.int32("Limit", n)
		if b.err != nil {
			return 0
		}
		return b.host.FrameLimit(df.handle, count)
	})
}

// Offset leaves the first n rows out.
func (df *DataFrame) Offset(n int) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		count := b.int32("Offset", n)
		if b.err != nil {
			return 0
		}
		return b.host.FrameOffset(df.handle, count)
	})
}

// Distinct drops rows that are equal to another one.
func (df *DataFrame) Distinct() *DataFrame { return df.DropDuplicates() }

// DropDuplicates drops rows that are equal to another one in the named columns,
// or in all if none is named.
func (df *DataFrame) DropDuplicates(names ...string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameDistinct(df.handle, names) })
}

func (df *DataFrame) setOp(right *DataFrame, op abi.SetOp, all, byName, allowMissing bool) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		other := b.frame(right)
		if b.err != nil {
			return 0
		}
		return b.host.FrameSetOp(df.handle, other, op, all, byName, allowMissing)
	})
}

// Union has the rows of both, duplicates included, with columns matched by
// position.
func (df *DataFrame) Union(right *DataFrame) *DataFrame {
	return df.setOp(right, abi.Union, true, false, false)
}

// UnionByName is [DataFrame.Union] with columns matched by name; allowMissing
// fills columns that one side lacks with NULL.
func (df *DataFrame) UnionByName(right *DataFrame, allowMissing bool) *DataFrame {
	return df.setOp(right, abi.Union, true, true, allowMissing)
}

// Intersect has the distinct rows that are in both.
func (df *DataFrame) Intersect(right *DataFrame) *DataFrame {
	return df.setOp(right, abi.Intersect, false, false, false)
}

// IntersectAll is [DataFrame.Intersect] with duplicates.
func (df *DataFrame) IntersectAll(right *DataFrame) *DataFrame {
	return df.setOp(right, abi.Intersect, true, false, false)
}

// Subtract has the distinct rows that are not in right.
func (df *DataFrame) Subtract(right *DataFrame) *DataFrame {
	return df.setOp(right, abi.Except, false, false, false)
}

// Except is [DataFrame.Subtract].
func (df *DataFrame) Except(right *DataFrame) *DataFrame { return df.Subtract(right) }

// ExceptAll is [DataFrame.Subtract] with duplicates.
func (df *DataFrame) ExceptAll(right *DataFrame) *DataFrame {
	return df.setOp(right, abi.Except, true, false, false)
}

// Alias names the DataFrame, so that columns can be told apart as "name.column".
func (df *DataFrame) Alias(name string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameAlias(df.handle, name) })
}

// As is [DataFrame.Alias].
func (df *DataFrame) As(name string) *DataFrame { return df.Alias(name) }

// Cache marks the DataFrame as cached: the first action that needs it has the
// host keep its rows, and later actions of any task use them. The host knows it
// by its plan; name is for people. sdk.Cached is the convenient way to share one.
//
// It is PySpark's checkpoint, localCheckpoint, cache and persist in one: plans on
// top begin with the rows that are kept, not with how they were made. The
// checkpoint is made by the first action that needs it, and the host lets it go.
func (df *DataFrame) Cache(name string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameCache(df.handle, name) })
}

// CacheWith is [DataFrame.Cache] with options, as sdk.Cached takes them:
// storage_level, lazy and ttl (in seconds), each followed by its value.
func (df *DataFrame) CacheWith(name string, options ...string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameCacheWith(df.handle, name, options) })
}
