package spark

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/internal/plantext"
)

// A ColumnOrName is a [Column], or a string with a column's name as [Col]
// takes it. A value of another type is an error at the action.
type ColumnOrName = any

// A Column is an expression over the columns of a DataFrame. Like a DataFrame
// it is only a description; it is immutable. Its zero value is an error at the
// action.
type Column struct{ node *node }

type kind int

const (
	kindInvalid kind = iota
	kindName
	kindNameOf
	kindLiteral
	kindCall
	kindCast
	kindAlias
	kindSort
	kindSQL
	kindSubquery
	kindTypedLiteral
	kindExtract
	kindWithField
	kindDropFields
	kindWindow
	kindLambda
	kindLambdaVariable
	kindNamedArgument
	kindCallFunction
	kindUDF
	kindRegex
	kindMetadataColumn
	kindAliasMetadata
	kindShufflePartition
)

// node is one operation of an expression. Which fields count depends on its kind.
type node struct {
	kind      kind
	text      string // name, function, DDL type or SQL text
	names     []string
	args      []Column
	params    []Column    // of a lambda function
	window    *WindowSpec // of a function over one
	value     any         // of a literal: nil, bool, int64, float64, string or []byte; the JSON of others
	frame     *DataFrame  // that a column by name belongs to, or that is a subquery
	subquery  abi.SubqueryKind
	flag      bool // distinct, try or descending
	nullsLast bool
	open      bool // a CASE that may still grow
	err       error
}

// Col is a column by its name. "a.b" is field b of the struct a, or column b of
// the DataFrame that has the alias a; "*" is all columns. Names with a dot in
// them go in backticks.
func Col(name string) Column { return Column{&node{kind: kindName, text: name}} }

// Expr is an expression in SQL text, such as "count * 2 AS twice".
func Expr(sql string) Column { return Column{&node{kind: kindSQL, text: sql}} }

// Call is the Spark function, or operator, of a given SQL name: "split", "+",
// "and". It is for functions that the package sdk/functions lacks.
func Call(function string, args ...Column) Column {
	return Column{&node{kind: kindCall, text: function, args: args}}
}

// CallDistinct is an aggregate function over the distinct values of its arguments.
func CallDistinct(function string, args ...Column) Column {
	return Column{&node{kind: kindCall, text: function, args: args, flag: true}}
}

// Invalid is a column that makes every action that needs it fail with err.
func Invalid(err error) Column { return Column{&node{kind: kindInvalid, err: err}} }

// AsColumn returns a column by its name, or a Column as it is.
func AsColumn(v ColumnOrName) Column {
	switch v := v.(type) {
	case Column:
		return v
	case string:
		return Col(v)
	}
	return Invalid(wrongType("a column or its name is expected, not %T; F.Lit makes a column of a value", v))
}

// String is the expression as text, much as SQL has it, for messages and tests.
func (c Column) String() string {
	var plans plantext.Plans
	b := &builder{host: &plans}
	handle := b.expr(c.detached())
	if b.err != nil {
		return "invalid column: " + b.err.Error()
	}
	return plans.ExprText(handle)
}

// detached replaces columns of certain frames by columns of any, whose names
// are all that text has of them, and subqueries by their kinds.
func (c Column) detached() Column {
	if c.node == nil {
		return c
	}
	n := *c.node
	switch n.kind {
	case kindLambdaVariable:
		return c // its lambda function knows it by its node
	case kindNameOf:
		n.kind = kindName
	case kindRegex:
		n.frame = nil
	case kindMetadataColumn:
		n.kind = kindName
	case kindWindow:
		n.window = n.window.detached()
	case kindSubquery:
		n.kind, n.text = kindCall, subqueryNames[n.subquery]
	}
	n.args = make([]Column, len(c.node.args))
	for i, a := range c.node.args {
		n.args[i] = a.detached()
	}
	return Column{&n}
}

// with calls a function on the column and further values.
func (c Column) with(function string, values ...any) Column {
	args := append(make([]Column, 0, 1+len(values)), c)
	for _, v := range values {
		args = append(args, Lit(v))
	}
	return Call(function, args...)
}

// EqualTo is c == other; NULL if either is. As everywhere in this section,
// other is a Column or a value for [Lit].
func (c Column) EqualTo(other any) Column { return c.with("==", other) }

// Eq is [Column.EqualTo].
func (c Column) Eq(other any) Column { return c.EqualTo(other) }

// NotEqual is c != other; NULL if either is.
func (c Column) NotEqual(other any) Column { return c.EqualTo(other).Not() }

// EqNullSafe is c == other where NULL equals NULL and nothing else.
func (c Column) EqNullSafe(other any) Column { return c.with("<=>", other) }

// Lt is c < other.
func (c Column) Lt(other any) Column { return c.with("<", other) }

// Le is c <= other.
func (c Column) Le(other any) Column { return c.with("<=", other) }

// Gt is c > other.
func (c Column) Gt(other any) Column { return c.with(">", other) }

// Ge is c >= other.
func (c Column) Ge(other any) Column { return c.with(">=", other) }

// And is true if both are.
func (c Column) And(other any) Column { return c.with("and", other) }

// Or is true if either is.
func (c Column) Or(other any) Column { return c.with("or", other) }

// Not is the opposite of a condition.
func (c Column) Not() Column { return c.with("not") }

// Plus is c + other.
func (c Column) Plus(other any) Column { return c.with("+", other) }

// Minus is c - other.
func (c Column) Minus(other any) Column { return c.with("-", other) }

// Multiply is c * other.
func (c Column) Multiply(other any) Column { return c.with("*", other) }

// Times is [Column.Multiply].
func (c Column) Times(other any) Column { return c.Multiply(other) }

// Divide is c / other; of integers too it is a double.
func (c Column) Divide(other any) Column { return c.with("/", other) }

// Pow is c to the power of other, as a double.
func (c Column) Pow(other any) Column { return c.with("power", other) }

// BitwiseAND has the bits that are set in both.
func (c Column) BitwiseAND(other any) Column { return c.with("&", other) }

// BitwiseOR has the bits that are set in either.
func (c Column) BitwiseOR(other any) Column { return c.with("|", other) }

// BitwiseXOR has the bits that are set in one of the two only.
func (c Column) BitwiseXOR(other any) Column { return c.with("^", other) }

// Mod is the remainder of c / other.
func (c Column) Mod(other any) Column { return c.with("%", other) }

// Negate is -c.
func (c Column) Negate() Column { return c.with("negative") }

// StartsWith says whether a string begins with other.
func (c Column) StartsWith(other any) Column { return c.with("startswith", other) }

// EndsWith says whether a string ends with other.
func (c Column) EndsWith(other any) Column { return c.with("endswith", other) }

// Contains says whether a string has other in it.
func (c Column) Contains(other any) Column { return c.with("contains", other) }

// Like matches SQL's pattern: % is any text, _ any one character.
func (c Column) Like(pattern string) Column { return c.with("like", pattern) }

// ILike is [Column.Like] without regard to case.
func (c Column) ILike(pattern string) Column { return c.with("ilike", pattern) }

// RLike says whether a regular expression matches somewhere.
func (c Column) RLike(pattern string) Column { return c.with("rlike", pattern) }

// IsNull is true for NULL.
func (c Column) IsNull() Column { return c.with("isnull") }

// IsNotNull is true for everything but NULL.
func (c Column) IsNotNull() Column { return c.with("isnotnull") }

// IsNaN is true for a float that is not a number.
func (c Column) IsNaN() Column { return c.with("isnan") }

// IsIn is true if c equals one of values. Without values it is false. A single
// DataFrame as the value is a subquery: c is one of its rows, and a
// [Call] of "struct" is compared with the columns of a row one by one.
func (c Column) IsIn(values ...any) Column {
	if len(values) == 0 {
		return Lit(false)
	}
	if df, ok := values[0].(*DataFrame); ok && len(values) == 1 {
		return c.inSubquery(df)
	}
	return c.with("in", values...)
}

// Between is low <= c and c <= high.
func (c Column) Between(low, high any) Column { return c.Ge(low).And(c.Le(high)) }

// Substr is length characters from the 1-based position start on.
func (c Column) Substr(start, length any) Column { return c.with("substr", start, length) }

// Cast converts to a type in DDL form, such as "bigint" or "decimal(10,2)". A
// value that cannot be converted is an error, or NULL on an engine whose ANSI
// mode is off.
func (c Column) Cast(ddl string) Column {
	return Column{&node{kind: kindCast, text: ddl, args: []Column{c}}}
}

// Astype is [Column.Cast].
func (c Column) Astype(ddl string) Column { return c.Cast(ddl) }

// TryCast is [Column.Cast] with NULL for what cannot be converted.
func (c Column) TryCast(ddl string) Column {
	return Column{&node{kind: kindCast, text: ddl, args: []Column{c}, flag: true}}
}

// Alias names the column. Several names are for functions that give several
// columns, such as exploding a map.
func (c Column) Alias(names ...string) Column {
	if len(names) == 0 {
		return Invalid(abi.Errorf("ValueError", "Alias of %s without a name", c))
	}
	return Column{&node{kind: kindAlias, names: names, args: []Column{c}}}
}

// As is [Column.Alias].
func (c Column) As(names ...string) Column { return c.Alias(names...) }

// Name is [Column.Alias].
func (c Column) Name(names ...string) Column { return c.Alias(names...) }

func (c Column) order(descending, nullsLast bool) Column {
	if c.node != nil && c.node.kind == kindSort {
		c = c.node.args[0] // Desc().Asc() is Asc()
	}
	return Column{&node{kind: kindSort, args: []Column{c}, flag: descending, nullsLast: nullsLast}}
}

// Asc sorts ascending, nulls first.
func (c Column) Asc() Column { return c.order(false, false) }

// AscNullsFirst is [Column.Asc].
func (c Column) AscNullsFirst() Column { return c.order(false, false) }

// AscNullsLast sorts ascending, nulls last.
func (c Column) AscNullsLast() Column { return c.order(false, true) }

// Desc sorts descending, nulls last.
func (c Column) Desc() Column { return c.order(true, true) }

// DescNullsLast is [Column.Desc].
func (c Column) DescNullsLast() Column { return c.order(true, true) }

// DescNullsFirst sorts descending, nulls first.
func (c Column) DescNullsFirst() Column { return c.order(true, false) }

// When begins a CASE: value where condition holds. Go on with [Column.When] and
// [Column.Otherwise]; without the latter all other rows are NULL.
func When(condition Column, value any) Column {
	return Column{&node{kind: kindCall, text: "when", args: []Column{condition, Lit(value)}, open: true}}
}

// When adds a further case to what [When] began: the first condition that holds counts.
func (c Column) When(condition Column, value any) Column {
	return c.grow("When", true, condition, Lit(value))
}

// Otherwise ends what [When] began with the value of all other rows.
func (c Column) Otherwise(value any) Column { return c.grow("Otherwise", false, Lit(value)) }

func (c Column) grow(method string, open bool, args ...Column) Column {
	if c.node == nil || !c.node.open {
		return Invalid(abi.Errorf("ValueError", "%s goes on a CASE that F.When began and no Otherwise ended, not on %s", method, c))
	}
	n := *c.node
	n.args = append(n.args[:len(n.args):len(n.args)], args...)
	n.open = open
	return Column{&n}
}
