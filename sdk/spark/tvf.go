package spark

import "github.com/sparkstalk/sparkstalk/abi"

// TableFunctions are functions that return a table. They are useful on the right
// side of [DataFrame.LateralJoin]. Sail lacks all but Range; there, select the
// function from a DataFrame.
type TableFunctions struct{ session *Session }

// TVF returns the functions that return a table.
func (s *Session) TVF() TableFunctions { return TableFunctions{s} }

// Call calls a function by its name.
func (t TableFunctions) Call(name string, args ...Column) *DataFrame {
	return t.session.frame(func(b *builder) abi.Frame {
		exprs := b.exprs(args)
		if b.err != nil {
			return 0
		}
		return b.host.FrameTableFunction(name, exprs)
	})
}

// Range is [Session.RangeStep].
func (t TableFunctions) Range(start, end, step int64, partitions int) *DataFrame {
	return t.session.RangeStep(start, end, step, partitions)
}

// Explode has a row for each element of an array as col, or of a map as key and
// value.
func (t TableFunctions) Explode(collection Column) *DataFrame { return t.Call("explode", collection) }

// ExplodeOuter is [TableFunctions.Explode] with a row of NULL for what is empty or
// NULL.
func (t TableFunctions) ExplodeOuter(collection Column) *DataFrame {
	return t.Call("explode_outer", collection)
}

// Inline has a row for each struct of an array, with its fields as columns.
func (t TableFunctions) Inline(input Column) *DataFrame { return t.Call("inline", input) }

// InlineOuter is [TableFunctions.Inline] with a row of NULL for what is empty or
// NULL.
func (t TableFunctions) InlineOuter(input Column) *DataFrame { return t.Call("inline_outer", input) }

// JSONTuple has one row with fields of a JSON object, named c0, c1 and so on.
func (t TableFunctions) JSONTuple(input Column, fields ...Column) *DataFrame {
	return t.Call("json_tuple", append([]Column{input}, fields...)...)
}

// PosExplode is [TableFunctions.Explode] with the position, from 0, as pos.
func (t TableFunctions) PosExplode(collection Column) *DataFrame {
	return t.Call("posexplode", collection)
}

// PosExplodeOuter is [TableFunctions.PosExplode] with a row of NULL for what is
// empty or NULL.
func (t TableFunctions) PosExplodeOuter(collection Column) *DataFrame {
	return t.Call("posexplode_outer", collection)
}

// Stack puts values into n rows.
func (t TableFunctions) Stack(n Column, fields ...Column) *DataFrame {
	return t.Call("stack", append([]Column{n}, fields...)...)
}

// Collations lists the collations of strings.
func (t TableFunctions) Collations() *DataFrame { return t.Call("collations") }

// SQLKeywords lists the words of SQL, and which are reserved.
func (t TableFunctions) SQLKeywords() *DataFrame { return t.Call("sql_keywords") }

// VariantExplode has a row for each element of a variant's array or object, as
// pos, key and value.
func (t TableFunctions) VariantExplode(input Column) *DataFrame {
	return t.Call("variant_explode", input)
}

// VariantExplodeOuter is [TableFunctions.VariantExplode] with a row of NULL for
// what is empty or NULL.
func (t TableFunctions) VariantExplodeOuter(input Column) *DataFrame {
	return t.Call("variant_explode_outer", input)
}
