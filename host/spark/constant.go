package spark

import (
	"errors"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// literalsOf returns the constants that columns are. what names them in the
// error for a column that is none.
func literalsOf(what string, columns []*Column) ([]*sparkpb.Expression_Literal, error) {
	literals := make([]*sparkpb.Expression_Literal, len(columns))
	for i, c := range columns {
		if err := c.fault(); err != nil {
			return nil, err
		}
		if literals[i] = c.literal; c.literal == nil {
			return nil, fmt.Errorf("%s must be a constant, not an expression", what)
		}
	}
	return literals, nil
}

// numbersOf returns the numbers that columns are.
func numbersOf(what string, columns []*Column) ([]float64, error) {
	literals, err := literalsOf(what, columns)
	if err != nil {
		return nil, err
	}
	numbers := make([]float64, len(literals))
	for i, l := range literals {
		switch v := toDouble(l).GetLiteralType().(type) {
		case *sparkpb.Expression_Literal_Double:
			numbers[i] = v.Double
		default:
			return nil, errors.New(what + " must be a number")
		}
	}
	return numbers, nil
}

// toDouble makes a double of an integer, which some steps take no other way.
func toDouble(l *sparkpb.Expression_Literal) *sparkpb.Expression_Literal {
	if n, ok := wholeNumber(l); ok {
		return &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_Double{Double: float64(n)}}
	}
	if v, ok := l.GetLiteralType().(*sparkpb.Expression_Literal_Float); ok {
		return &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_Double{Double: float64(v.Float)}}
	}
	return l
}

// toLong makes a bigint of any integer.
func toLong(l *sparkpb.Expression_Literal) *sparkpb.Expression_Literal {
	if n, ok := wholeNumber(l); ok {
		return &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_Long{Long: n}}
	}
	return l
}

func wholeNumber(l *sparkpb.Expression_Literal) (int64, bool) {
	switch v := l.GetLiteralType().(type) {
	case *sparkpb.Expression_Literal_Byte:
		return int64(v.Byte), true
	case *sparkpb.Expression_Literal_Short:
		return int64(v.Short), true
	case *sparkpb.Expression_Literal_Integer:
		return int64(v.Integer), true
	case *sparkpb.Expression_Literal_Long:
		return v.Long, true
	}
	return 0, false
}
