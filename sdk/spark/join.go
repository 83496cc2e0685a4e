package spark

import "github.com/sparkstalk/sparkstalk/abi"

// Join joins two DataFrames. on is a column's name or a []string of names that
// both have, a Column or a []Column of conditions that must all be true, or nil.
// how is inner (also ""), cross, outer, left, right, semi, anti, or one of their
// synonyms in PySpark.
func (df *DataFrame) Join(right *DataFrame, on any, how string) *DataFrame {
	if how == "" {
		how = "inner"
	}
	return df.then(func(b *builder) abi.Frame {
		condition, using := b.on("Join", on)
		other := b.frame(right)
		if b.err != nil {
			return 0
		}
		return b.host.FrameJoin(df.handle, other, how, condition, using)
	})
}

// on returns what rows are joined by: a condition, or names of columns.
func (b *builder) on(method string, on any) (condition abi.Expr, using []string) {
	switch on := on.(type) {
	case nil:
	case Column:
		condition = b.expr(on)
	case []Column:
		if len(on) == 0 {
			break
		}
		all := on[0]
		for _, c := range on[1:] {
			all = all.And(c)
		}
		condition = b.expr(all)
	case string:
		using = []string{on}
	case []string:
		using = on
	default:
		b.failed(wrongType("%s: on is a name, a []string of names, a Column, a []Column or nil, not %T", method, on))
	}
	return condition, using
}

// CrossJoin pairs every row with every row of right.
func (df *DataFrame) CrossJoin(right *DataFrame) *DataFrame { return df.Join(right, nil, "cross") }

// LateralJoin joins each row with the rows that right has for it: right may use
// columns of this DataFrame, by its alias. on is a condition besides, or nil; how
// is inner (also ""), left or cross.
//
//	b := baskets.Alias("b")
//	b.LateralJoin(s.Range(0, 3).Where(F.Col("id").Lt(F.Col("b.n").Outer())), nil, "")
func (df *DataFrame) LateralJoin(right *DataFrame, on any, how string) *DataFrame {
	if how == "" {
		how = "inner"
	}
	return df.then(func(b *builder) abi.Frame {
		condition, using := b.on("LateralJoin", on)
		if len(using) > 0 {
			b.failed(wrongType("LateralJoin: on is a Column, a []Column or nil, not names of columns"))
		}
		other := b.frame(right)
		if b.err != nil {
			return 0
		}
		return b.host.FrameJoinLateral(df.handle, other, how, condition)
	})
}

// An AsOf says more of how [DataFrame.JoinAsOf] joins. Its zero value joins with
// the last row that is not later.
type AsOf struct {
	On  any    // what must hold besides, as for Join
	How string // inner (also "") or left
	// Tolerance is the largest distance: a value for [Lit] or a Column, such as
	// F.Expr("INTERVAL 10 MINUTES"). Nil is any.
	Tolerance any
	// NotExact leaves out rows that are equal.
	NotExact bool
	// Direction is backward (also ""), forward or nearest.
	Direction string
}

// JoinAsOf joins each row with the row of right whose column rightAsOf is nearest
// to this one's leftAsOf: by default, with the last one that is not later. Sail
// lacks it.
func (df *DataFrame) JoinAsOf(right *DataFrame, leftAsOf, rightAsOf ColumnOrName, as AsOf) *DataFrame {
	if as.How == "" {
		as.How = "inner"
	}
	if as.Direction == "" {
		as.Direction = "backward"
	}
	return df.then(func(b *builder) abi.Frame {
		other := b.frame(right)
		left, nearest := b.expr(df.ownColumn(leftAsOf)), b.expr(right.ownColumn(rightAsOf))
		condition, using := b.on("JoinAsOf", as.On)
		var tolerance abi.Expr
		if as.Tolerance != nil {
			tolerance = b.expr(Lit(as.Tolerance))
		}
		if b.err != nil {
			return 0
		}
		return b.host.FrameJoinAsOf(df.handle, other, left, nearest, as.How, condition, using, tolerance, !as.NotExact, as.Direction)
	})
}

// ownColumn makes a name a column of this very DataFrame.
func (df *DataFrame) ownColumn(v ColumnOrName) Column {
	if name, ok := v.(string); ok {
		return df.Col(name)
	}
	return AsColumn(v)
}

// NearestByJoin joins each row with the rows of right that ranking puts first, as
// many as numResults says, 100,000 at most. mode is exact or approx; direction
// distance, where the least value is first, or similarity, where the greatest is;
// joinType inner (also "") or left. Sail lacks it.
func (df *DataFrame) NearestByJoin(right *DataFrame, ranking Column, numResults int, mode, direction, joinType string) *DataFrame {
	if joinType == "" {
		joinType = "inner"
	}
	return df.then(func(b *builder) abi.Frame {
		other, rank, n := b.frame(right), b.expr(ranking), b.int32("NearestByJoin", numResults)
		if b.err != nil {
			return 0
		}
		return b.host.FrameJoinNearest(df.handle, other, rank, n, joinType, mode, direction)
	})
}

// Zip puts the columns of other beside this DataFrame's. Both must come from one
// DataFrame by Select, WithColumn and the like, so that their rows are the same;
// the engine refuses others. Of engines, only Spark from 4.3 has it.
func (df *DataFrame) Zip(other *DataFrame) *DataFrame {
	return df.then(func(b *builder) abi.Frame {
		right := b.frame(other)
		if b.err != nil {
			return 0
		}
		return b.host.FrameZip(df.handle, right)
	})
}
