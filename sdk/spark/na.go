package spark

import "github.com/sparkstalk/sparkstalk/abi"

// NaFunctions are the steps for missing values of a DataFrame: NULL and NaN.
type NaFunctions struct{ df *DataFrame }

// Na returns the steps for missing values.
func (df *DataFrame) Na() NaFunctions { return NaFunctions{df} }

// FillNA is [NaFunctions.Fill].
func (df *DataFrame) FillNA(value any, subset ...string) *DataFrame {
	return df.Na().Fill(value, subset...)
}

// DropNA is [NaFunctions.Drop].
func (df *DataFrame) DropNA(how string, subset ...string) *DataFrame {
	return df.Na().Drop(how, subset...)
}

// Replace is [NaFunctions.Replace].
func (df *DataFrame) Replace(replacements map[any]any, subset ...string) *DataFrame {
	return df.Na().Replace(replacements, subset...)
}

// Fill replaces missing values in all columns of the value's type, or in those
// of subset. value is a number, a string or a bool, or a map[string]any with a
// value for each of some columns; then there is no subset.
func (n NaFunctions) Fill(value any, subset ...string) *DataFrame {
	return n.df.then(func(b *builder) abi.Frame {
		columns, values := subset, []any{value}
		if each, ok := value.(map[string]any); ok {
			if len(subset) > 0 {
				b.fail("Fill: the map names the columns; there is no subset besides")
			}
			columns, values = sortedKeys(each), nil
			for _, name := range columns {
				values = append(values, each[name])
			}
		}
		if len(values) == 0 {
			b.fail("Fill: no value is given")
		}
		list := make([]abi.Expr, len(values))
		for i, v := range values {
			list[i] = b.expr(Lit(v))
		}
		if b.err != nil {
			return 0
		}
		return b.host.FrameFillNA(n.df.handle, columns, list)
	})
}

// Drop leaves out rows in which, of all columns or those of subset, any (also "")
// or all values are missing.
func (n NaFunctions) Drop(how string, subset ...string) *DataFrame {
	switch how {
	case "", "any":
		return n.drop(-1, subset)
	case "all":
		return n.drop(1, subset)
	}
	return n.df.then(func(b *builder) abi.Frame {
		b.fail("Drop: how is any or all, not %q", how)
		return 0
	})
}

// DropThresh leaves out rows with fewer than thresh values that are not missing,
// of all columns or those of subset.
func (n NaFunctions) DropThresh(thresh int, subset ...string) *DataFrame {
	return n.drop(max(thresh, 0), subset)
}

func (n NaFunctions) drop(minNonNulls int, subset []string) *DataFrame {
	return n.df.then(func(b *builder) abi.Frame {
		least := b.int32("Drop", minNonNulls)
		if b.err != nil {
			return 0
		}
		return b.host.FrameDropNA(n.df.handle, subset, least)
	})
}

// Replace replaces values by others, in all columns of their type or in those of
// subset. The values are numbers, which are compared as doubles, or strings, or
// bools, and all of one kind; one may be replaced by nil, which is NULL.
func (n NaFunctions) Replace(replacements map[any]any, subset ...string) *DataFrame {
	return n.df.then(func(b *builder) abi.Frame {
		var from, to []abi.Expr
		for _, v := range sortedValues(replacements) {
			from, to = append(from, b.expr(Lit(v))), append(to, b.expr(Lit(replacements[v])))
		}
		if len(from) == 0 {
			b.fail("Replace: no value is given")
		}
		if b.err != nil {
			return 0
		}
		return b.host.FrameReplace(n.df.handle, subset, from, to)
	})
}
