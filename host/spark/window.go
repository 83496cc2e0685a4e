package spark

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// WindowFrame says how the frame of a [Window] is bounded.
type WindowFrame int32

// The window frames.
const (
	DefaultFrame WindowFrame = 0 // all rows, or with an order those up to the current one
	RowsFrame    WindowFrame = 1 // bounds are numbers of rows
	RangeFrame   WindowFrame = 2 // bounds are distances of the order's value
)

// BoundKind is a kind of [Bound].
type BoundKind int32

// The kinds of bounds.
const (
	Unbounded  BoundKind = 0
	CurrentRow BoundKind = 1
	ValueBound BoundKind = 2 // before the current row if negative, else after it
)

// A Bound is an end of a window's frame. Value counts with ValueBound.
type Bound struct {
	Kind  BoundKind
	Value *Column
}

// A Window says which rows [Column.Over] sees around each row. The bounds count
// unless the frame is the default one.
type Window struct {
	Partitions, Orders []*Column
	Frame              WindowFrame
	Lower, Upper       Bound
}

// Over computes a function over a window.
func (c *Column) Over(w Window) *Column {
	partitions, orders := slices.Clone(w.Partitions), sortOrders(w.Orders)
	inputs := slices.Concat([]*Column{c}, partitions, orders)
	var kind sparkpb.Expression_Window_WindowFrame_FrameType
	switch w.Frame {
	case DefaultFrame:
	case RowsFrame:
		kind = sparkpb.Expression_Window_WindowFrame_FRAME_TYPE_ROW
	case RangeFrame:
		kind = sparkpb.Expression_Window_WindowFrame_FRAME_TYPE_RANGE
	default:
		return InvalidColumn(fmt.Errorf("window: frame %d is unknown", w.Frame))
	}
	if w.Frame != DefaultFrame {
		for _, b := range []Bound{w.Lower, w.Upper} {
			switch b.Kind {
			case Unbounded, CurrentRow:
			case ValueBound:
				inputs = append(inputs, b.Value)
			default:
				return InvalidColumn(fmt.Errorf("window: bound %d is unknown", b.Kind))
			}
		}
	}
	return column(nodeWeight, inputs, func(r *renderer) *sparkpb.Expression {
		window := &sparkpb.Expression_Window{WindowFunction: c.build(r), PartitionSpec: r.exprs(partitions)}
		for _, e := range r.exprs(orders) {
			window.OrderSpec = append(window.OrderSpec, e.GetSortOrder())
		}
		if w.Frame != DefaultFrame {
			window.FrameSpec = &sparkpb.Expression_Window_WindowFrame{FrameType: kind, Lower: w.Lower.boundary(r), Upper: w.Upper.boundary(r)}
		}
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_Window_{Window: window}}
	})
}

func (b Bound) boundary(r *renderer) *sparkpb.Expression_Window_WindowFrame_FrameBoundary {
	out := &sparkpb.Expression_Window_WindowFrame_FrameBoundary{}
	switch b.Kind {
	case Unbounded:
		out.Boundary = &sparkpb.Expression_Window_WindowFrame_FrameBoundary_Unbounded{Unbounded: true}
	case CurrentRow:
		out.Boundary = &sparkpb.Expression_Window_WindowFrame_FrameBoundary_CurrentRow{CurrentRow: true}
	case ValueBound:
		out.Boundary = &sparkpb.Expression_Window_WindowFrame_FrameBoundary_Value{Value: b.Value.build(r)}
	}
	return out
}

// maxLambdaParams is how many parameters a function of Spark's hands to a lambda
// at most.
const maxLambdaParams = 3

// Lambda is a function for functions such as transform to call. body refers to
// the parameters with [LambdaVariable].
func Lambda(params []string, body *Column) *Column {
	if len(params) < 1 || len(params) > maxLambdaParams {
		return InvalidColumn(fmt.Errorf("a lambda function has 1 to %d parameters, not %d", maxLambdaParams, len(params)))
	}
	for i, p := range params {
		if p == "" || slices.Contains(params[:i], p) {
			return InvalidColumn(fmt.Errorf("the parameters %q of a lambda function need names that differ", params))
		}
	}
	params = slices.Clone(params)
	out := column(textWeight(params...), []*Column{body}, func(r *renderer) *sparkpb.Expression {
		lambda := &sparkpb.Expression_LambdaFunction{Function: body.build(r)}
		for _, p := range params {
			lambda.Arguments = append(lambda.Arguments, lambdaVariable(p))
		}
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_LambdaFunction_{LambdaFunction: lambda}}
	})
	return out.deeper(lambdaDepth - 1)
}

// lambdaDepth is how many expressions a lambda function counts for. Sail plans
// those that are nested in each other ever more slowly: eight take it a second,
// and a hundred no end.
const lambdaDepth = 20

// LambdaVariable is a parameter of the lambda function around it.
func LambdaVariable(name string) *Column {
	if name == "" {
		return InvalidColumn(errors.New("the parameter of a lambda function has no name"))
	}
	return column(textWeight(name), nil, func(*renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedNamedLambdaVariable_{UnresolvedNamedLambdaVariable: lambdaVariable(name)}}
	})
}

func lambdaVariable(name string) *sparkpb.Expression_UnresolvedNamedLambdaVariable {
	return &sparkpb.Expression_UnresolvedNamedLambdaVariable{NameParts: []string{name}}
}
