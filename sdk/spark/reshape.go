package spark

import (
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Unpivot turns columns into rows: each row becomes one for each of values, with
// the columns ids, the name of the value's column as variableName, and the value
// as valueName. Without values these are all other columns. All values must have
// a common type; Sail takes only columns of one type.
func (df *DataFrame) Unpivot(ids, values []ColumnOrName, variableName, valueName string) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		left, right := b.columns(ids), b.columns(values)
		if b.err != nil {
			return 0
		}
		return b.host.FrameUnpivot(df.handle, left, right, variableName, valueName)
	})
}

// Melt is [DataFrame.Unpivot].
func (df *DataFrame) Melt(ids, values []ColumnOrName, variableName, valueName string) *DataFrame {
	return df.Unpivot(ids, values, variableName, valueName)
}

// Transpose turns rows into columns, which are named by the values of the column
// index, or of the first column if none is given. The other columns must have a
// common type. Spark takes 500 rows at most; Sail lacks it.
func (df *DataFrame) Transpose(index ...ColumnOrName) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		var by abi.Expr
		switch len(index) {
		case 0:
		case 1:
			by = b.expr(AsColumn(index[0]))
		default:
			b.fail("Transpose: rows are named by one column, not by %d", len(index))
		}
		if b.err != nil {
			return 0
		}
		return b.host.FrameTranspose(df.handle, by)
	})
}

// ToDF renames all columns.
func (df *DataFrame) ToDF(names ...string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameToDF(df.handle, names) })
}

// To brings the columns into the order of a schema in DDL form, such as
// "name STRING, id BIGINT", by their names. Columns are cast, those that the
// schema lacks are left out, and those that are not there are NULL. A cast that
// may lose something is an error.
func (df *DataFrame) To(ddl string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameToSchema(df.handle, ddl) })
}

// Transform is f of the DataFrame, so that a chain of methods need not be broken.
func (df *DataFrame) Transform(f func(*DataFrame) *DataFrame) *DataFrame { return f(df) }

// WithMetadata gives a column metadata, which is encoded as a JSON object. It
// is part of the schema and kept by steps that keep the column.
func (df *DataFrame) WithMetadata(column string, metadata map[string]any) *DataFrame {
	return df.WithColumn(column, df.Col(column).AliasMetadata(column, metadata))
}

// ZipWithIndex numbers the rows from 0 on, in the order they are in, as the
// column index or of the name given. Sail lacks it.
func (df *DataFrame) ZipWithIndex(name ...string) *DataFrame {
	index := "index"
	if len(name) > 0 {
		index = name[0]
	}
	return df.Select("*", Call("distributed_sequence_id").As(index))
}

// Hint gives the planner a hint: "broadcast" for a small side of a join, or
// another of Spark's. parameters are values for [Lit], slices of such, or columns.
// An engine ignores hints that it does not know, and Sail ignores all.
func (df *DataFrame) Hint(name string, parameters ...any) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		list := make([]Column, len(parameters))
		for i, p := range parameters {
			list[i] = Lit(p)
		}
		return b.frameOf(df, b.exprs(list), func(f abi.Frame, exprs []abi.Expr) abi.Frame {
			return b.host.FrameHint(f, name, exprs)
		})
	})
}

// UnionAll is [DataFrame.Union].
func (df *DataFrame) UnionAll(right *DataFrame) *DataFrame { return df.Union(right) }

// WithWatermark says that rows are at most delay, such as "10 minutes", later
// than the latest value of a column of timestamps. It counts in streams only;
// otherwise Spark ignores it, and Sail lacks it.
func (df *DataFrame) WithWatermark(column, delay string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameWatermark(df.handle, column, delay) })
}

// DropDuplicatesWithinWatermark is [DataFrame.DropDuplicates] of what came within
// the watermark. It is for streams: Spark refuses it for what a task reads.
func (df *DataFrame) DropDuplicatesWithinWatermark(names ...string) *DataFrame {
	return df.then(func(b *builder) abi.Frame { return b.host.FrameDistinctWithinWatermark(df.handle, names) })
}

// Tail runs the plan and returns the last n rows.
func (df *DataFrame) Tail(n int) ([]Row, error) {
	return df.then(func(b *builder) abi.Frame {
		count := b.int32("Tail", n)
		if b.err != nil {
			return 0
		}
		return b.host.FrameTail(df.handle, count)
	}).Collect()
}

// Repartition spreads the rows over numPartitions partitions: evenly or, given
// columns, by the hash of their values. With columns, zero partitions leaves
// their number to the engine.
func (df *DataFrame) Repartition(numPartitions int, columns ...ColumnOrName) *DataFrame {
	return df.repartition("Repartition", abi.Shuffle, numPartitions, func(b *builder) []abi.Expr { return b.columns(columns) })
}

// RepartitionByRange spreads the rows by the order of columns, which may be sort
// orders. Zero partitions leaves their number to the engine.
func (df *DataFrame) RepartitionByRange(numPartitions int, columns ...ColumnOrName) *DataFrame {
	return df.repartition("RepartitionByRange", abi.ByRange, numPartitions, func(b *builder) []abi.Expr { return b.orders(columns) })
}

// RepartitionById puts each row into the partition whose number, modulo
// numPartitions, a column has. Sail lacks it.
func (df *DataFrame) RepartitionById(numPartitions int, partition ColumnOrName) *DataFrame {
	if numPartitions < 1 {
		return df.then(func(b *builder) abi.Frame {
			b.fail("RepartitionById: the number of partitions must be 1 or more, not %d", numPartitions)
			return 0
		})
	}
	return df.Repartition(numPartitions, ShufflePartition(AsColumn(partition)))
}

// Coalesce puts partitions together until there are numPartitions, without moving
// rows between the others.
func (df *DataFrame) Coalesce(numPartitions int) *DataFrame {
	return df.repartition("Coalesce", abi.Coalesce, numPartitions, func(*builder) []abi.Expr { return nil })
}

func (df *DataFrame) repartition(method string, how abi.Partitioning, n int, by func(*builder) []abi.Expr) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		exprs, count := by(b), b.int32(method, n)
		switch {
		case n < 0 || n == 0 && len(exprs) == 0:
			b.fail("%s: the number of partitions must be 1 or more, not %d", method, n)
		case how == abi.ByRange && len(exprs) == 0:
			b.fail("%s: no column is given whose order counts", method)
		}
		if b.err != nil {
			return 0
		}
		return b.host.FrameRepartition(df.handle, how, count, exprs)
	})
}

// ParseCSV reads the texts in the only column of df as lines of csv, with the
// reader's schema and options. Sail lacks it.
func (r *Reader) ParseCSV(df *DataFrame) *DataFrame { return r.parse("csv", df) }

// ParseJSON reads the texts in the only column of df as JSON objects, with the
// reader's schema and options. Sail lacks it.
func (r *Reader) ParseJSON(df *DataFrame) *DataFrame { return r.parse("json", df) }

func (r *Reader) parse(format string, df *DataFrame) *DataFrame {
	schema, options := r.schema, slices.Clone(r.options)
	return df.then(func(b *builder) abi.Frame { return b.host.FrameParse(df.handle, format, schema, options) })
}
