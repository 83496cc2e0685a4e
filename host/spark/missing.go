package spark

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// FillNA replaces NULL and NaN by literals: one for each of columns, or one for
// all of them. Without columns, one value is for all columns of its type.
func (df *DataFrame) FillNA(columns []string, values []*Column) *DataFrame {
	if df.Err() != nil {
		return df
	}
	literals, err := literalsOf("fill: a value", values)
	switch {
	case err != nil:
		return Invalid(err)
	case len(values) == 0:
		return Invalid(errors.New("fill: no value is given"))
	case len(values) > 1 && len(values) != len(columns):
		return Invalid(fmt.Errorf("fill: %d values for %d columns", len(values), len(columns)))
	}
	for i, l := range literals {
		switch l = toLong(toPlain(l)); l.GetLiteralType().(type) {
		case *sparkpb.Expression_Literal_Long, *sparkpb.Expression_Literal_Double, *sparkpb.Expression_Literal_String_, *sparkpb.Expression_Literal_Boolean:
			literals[i] = l
		default:
			return Invalid(errors.New("fill: a value must be a number, a string or a bool"))
		}
	}
	columns = slices.Clone(columns)
	return df.step("fill", "", textWeight(columns...), values, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_FillNa{FillNa: &sparkpb.NAFill{Input: in, Cols: columns, Values: literals}}}
	})
}

// toPlain makes a double of a float, which these steps do not take.
func toPlain(l *sparkpb.Expression_Literal) *sparkpb.Expression_Literal {
	if _, ok := l.GetLiteralType().(*sparkpb.Expression_Literal_Float); ok {
		return toDouble(l)
	}
	return l
}

// DropNA leaves out rows with fewer than minNonNulls values that are neither
// NULL nor NaN in the named columns, or in all columns if none is named. A
// negative number asks for all of them.
func (df *DataFrame) DropNA(columns []string, minNonNulls int32) *DataFrame {
	columns = slices.Clone(columns)
	return df.step("drop na", "", textWeight(columns...)+8, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		drop := &sparkpb.NADrop{Input: in, Cols: columns}
		if minNonNulls >= 0 {
			drop.MinNonNulls = &minNonNulls
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_DropNa{DropNa: drop}}
	})
}

// ReplaceNA replaces values in the named columns, or in all of their type if none
// is named. from and to are literals of one length; to may be NULL. Numbers are
// compared as doubles.
func (df *DataFrame) ReplaceNA(columns []string, from, to []*Column) *DataFrame {
	if df.Err() != nil {
		return df
	}
	before, err := literalsOf("replace: a value", from)
	after, err2 := literalsOf("replace: a value", to)
	switch {
	case errors.Join(err, err2) != nil:
		return Invalid(errors.Join(err, err2))
	case len(from) == 0:
		return Invalid(errors.New("replace: no value is given"))
	case len(from) != len(to):
		return Invalid(fmt.Errorf("replace: %d values by %d others", len(from), len(to)))
	}
	list := make([]*sparkpb.NAReplace_Replacement, len(before))
	kind := ""
	for i := range before {
		list[i] = &sparkpb.NAReplace_Replacement{OldValue: toDouble(before[i]), NewValue: toDouble(after[i])}
		for _, l := range []*sparkpb.Expression_Literal{list[i].OldValue, list[i].NewValue} {
			switch k := replaceable(l); {
			case k == "":
				return Invalid(errors.New("replace: a value must be a number, a string or a bool"))
			case k == "null":
			case kind != "" && k != kind:
				return Invalid(fmt.Errorf("replace: values of one type are replaced in one step, not a %s and a %s", kind, k))
			default:
				kind = k
			}
		}
	}
	columns = slices.Clone(columns)
	return df.step("replace", "", textWeight(columns...), slices.Concat(from, to), func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Replace{Replace: &sparkpb.NAReplace{Input: in, Cols: columns, Replacements: list}}}
	})
}

// replaceable names the type of a value that can be replaced.
func replaceable(l *sparkpb.Expression_Literal) string {
	switch l.GetLiteralType().(type) {
	case *sparkpb.Expression_Literal_Null:
		return "null"
	case *sparkpb.Expression_Literal_Double:
		return "number"
	case *sparkpb.Expression_Literal_String_:
		return "string"
	case *sparkpb.Expression_Literal_Boolean:
		return "bool"
	}
	return ""
}
