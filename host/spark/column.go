package spark

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Column is an expression over the columns of a DataFrame. It is immutable
// and safe for concurrent use.
type Column struct {
	build  func(r *renderer) *sparkpb.Expression
	depth  int
	weight int64
	order  bool         // a sort order, which only Sort takes
	plans  []*DataFrame // of the subqueries in it
	needs  []Feature    // that not every engine has
	// functions are what it calls of the session's own, each once.
	functions []*Function
	// literal is its value if it is nothing but a constant.
	literal *sparkpb.Expression_Literal
	// castTo is the type in DDL form if it is a cast.
	castTo string
	err    error
}

var errNoColumn = errors.New("a column is missing")

// InvalidColumn returns a column whose frames fail with err.
func InvalidColumn(err error) *Column {
	if err == nil {
		err = errNoColumn
	}
	return &Column{err: err}
}

func (c *Column) fault() error {
	if c == nil {
		return errNoColumn
	}
	return c.err
}

// column completes a new expression over others.
func column(weight int64, inputs []*Column, build func(r *renderer) *sparkpb.Expression) *Column {
	c := &Column{build: build, weight: addWeight(weight, nodeWeight)}
	for _, in := range inputs {
		if err := in.fault(); err != nil {
			return InvalidColumn(err)
		}
		c.depth = max(c.depth, in.depth)
		c.weight = addWeight(c.weight, in.weight)
		c.plans = mergePlans(c.plans, in.plans)
		c.needs = merge(c.needs, in.needs)
		c.functions = merge(c.functions, in.functions)
	}
	c.depth++
	if err := checkPlan(c.depth, c.weight); err != nil {
		return InvalidColumn(err)
	}
	return c
}

// Col is a column by name; "a.b" is field b of a, "*" are all columns and
// "a.*" those of a. A name with other characters stands in `backticks`.
func Col(name string) *Column {
	return column(textWeight(name), nil, func(*renderer) *sparkpb.Expression { return attribute(name, nil) })
}

// ColOf is a column of one certain frame, for joins in which both sides have
// one of that name. It keeps its meaning in frames that are made from df.
func ColOf(df *DataFrame, name string) *Column {
	if df == nil {
		return InvalidColumn(errNoFrame)
	}
	return ofFrame(df, name, func(planID *int64) *sparkpb.Expression { return attribute(name, planID) })
}

func attribute(name string, planID *int64) *sparkpb.Expression {
	if name == "*" || strings.HasSuffix(name, ".*") {
		star := &sparkpb.Expression_UnresolvedStar{PlanId: planID}
		if name != "*" {
			star.UnparsedTarget = &name
		}
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedStar_{UnresolvedStar: star}}
	}
	return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedAttribute_{
		UnresolvedAttribute: &sparkpb.Expression_UnresolvedAttribute{UnparsedIdentifier: name, PlanId: planID},
	}}
}

// Lit is a constant: nil, bool, string, []byte, float64 (a double), or an
// int or int64 (an int when it fits 32 bits, else a bigint).
func Lit(value any) *Column {
	literal := &sparkpb.Expression_Literal{}
	weight := int64(8)
	switch v := value.(type) {
	case nil:
		literal.LiteralType = &sparkpb.Expression_Literal_Null{Null: &sparkpb.DataType{Kind: &sparkpb.DataType_Null{Null: &sparkpb.DataType_NULL{}}}}
	case bool:
		literal.LiteralType = &sparkpb.Expression_Literal_Boolean{Boolean: v}
	case int:
		return Lit(int64(v))
	case int64:
		if math.MinInt32 <= v && v <= math.MaxInt32 {
			literal.LiteralType = &sparkpb.Expression_Literal_Integer{Integer: int32(v)}
		} else {
			literal.LiteralType = &sparkpb.Expression_Literal_Long{Long: v}
		}
	case float64:
		literal.LiteralType = &sparkpb.Expression_Literal_Double{Double: v}
	case string:
		// Protobuf has only valid UTF-8, and a broken text would fail as a whole
		// plan that cannot be sent.
		v = strings.ToValidUTF8(v, "\uFFFD")
		weight = textWeight(v)
		literal.LiteralType = &sparkpb.Expression_Literal_String_{String_: v}
	case []byte:
		weight = int64(len(v))
		literal.LiteralType = &sparkpb.Expression_Literal_Binary{Binary: slices.Clone(v)}
	default:
		return InvalidColumn(fmt.Errorf("a literal cannot be a %T", value))
	}
	c := column(weight, nil, func(*renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_Literal_{Literal: literal}}
	})
	c.literal = literal
	return c
}

// Call calls a function or operator by its SQL name: "split", "+", "==", "and",
// "isnotnull". distinct is that of count(DISTINCT x).
func Call(function string, args []*Column, distinct bool) *Column {
	switch function {
	case "":
		return InvalidColumn(errors.New("call: the function's name is empty"))
	case "!=", "<>":
		// Spark has no function of that name.
		return Call("not", []*Column{Call("==", args, distinct)}, false)
	}
	args = slices.Clone(args)
	c := column(textWeight(function), args, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedFunction_{
			UnresolvedFunction: &sparkpb.Expression_UnresolvedFunction{
				FunctionName: function, Arguments: r.exprs(args), IsDistinct: distinct,
			},
		}}
	})
	switch {
	case function == rowIndex:
		c.needs = merge(c.needs, []Feature{FeatureRowIndex})
	case len(args) == 3 && (strings.EqualFold(function, "max_by") || strings.EqualFold(function, "min_by")):
		c.needs = merge(c.needs, []Feature{FeatureMaxBySeveral})
	}
	return c
}

// rowIndex is the function that numbers rows over all partitions.
const rowIndex = "distributed_sequence_id"

// SQLExpr is an expression in SQL text.
func SQLExpr(text string) *Column {
	nesting, err := checkSQL(text)
	if err != nil {
		return InvalidColumn(fmt.Errorf("SQL expression: %w", err))
	}
	c := column(textWeight(text), nil, func(*renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_ExpressionString_{
			ExpressionString: &sparkpb.Expression_ExpressionString{Expression: text},
		}}
	})
	c.depth += nesting
	return c
}

// Cast casts to a type in DDL form, such as "decimal(10,2)". try gives NULL
// where the value cannot be cast, instead of an error.
func (c *Column) Cast(ddl string, try bool) *Column {
	out := column(textWeight(ddl), []*Column{c}, func(r *renderer) *sparkpb.Expression {
		cast := &sparkpb.Expression_Cast{Expr: c.build(r), CastToType: &sparkpb.Expression_Cast_TypeStr{TypeStr: ddl}}
		if try {
			cast.EvalMode = sparkpb.Expression_Cast_EVAL_MODE_TRY
		}
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_Cast_{Cast: cast}}
	})
	if out.fault() == nil {
		out.castTo = ddl
	}
	return out
}

// Alias names a column; several names are for functions that return several
// columns.
func (c *Column) Alias(names ...string) *Column {
	if c.fault() == nil && len(names) == 0 {
		return InvalidColumn(errors.New("alias: no name is given"))
	}
	names = slices.Clone(names)
	return column(textWeight(names...), []*Column{c}, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_Alias_{Alias: &sparkpb.Expression_Alias{Expr: c.build(r), Name: names}}}
	})
}

// SortOrder is a sort order, for [DataFrame.Sort]. PySpark's asc is nulls
// first, its desc nulls last.
func (c *Column) SortOrder(descending, nullsLast bool) *Column {
	direction, nulls := sparkpb.Expression_SortOrder_SORT_DIRECTION_ASCENDING, sparkpb.Expression_SortOrder_SORT_NULLS_FIRST
	if descending {
		direction = sparkpb.Expression_SortOrder_SORT_DIRECTION_DESCENDING
	}
	if nullsLast {
		nulls = sparkpb.Expression_SortOrder_SORT_NULLS_LAST
	}
	out := column(4, []*Column{c}, func(r *renderer) *sparkpb.Expression {
		child := c.build(r)
		if order := child.GetSortOrder(); order != nil { // the later order counts
			child = order.GetChild()
		}
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_SortOrder_{SortOrder: &sparkpb.Expression_SortOrder{
			Child: child, Direction: direction, NullOrdering: nulls,
		}}}
	})
	out.order = true
	return out
}

// sortOrders returns sort orders for columns of which some are none: those sort
// upwards, nulls first.
func sortOrders(columns []*Column) []*Column {
	orders := slices.Clone(columns)
	for i, c := range orders {
		if c.fault() == nil && !c.order {
			orders[i] = c.SortOrder(false, false)
		}
	}
	return orders
}
