package spark

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Extract is a part of a column: an array's element by its position from 0, a
// map's value by its key, or a struct's field by its name.
func (c *Column) Extract(key *Column) *Column {
	return column(0, []*Column{c, key}, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedExtractValue_{
			UnresolvedExtractValue: &sparkpb.Expression_UnresolvedExtractValue{Child: c.build(r), Extraction: key.build(r)},
		}}
	})
}

// WithField adds or replaces a field of a struct; "a.b" is field b of the field a.
func (c *Column) WithField(name string, value *Column) *Column {
	return column(textWeight(name), []*Column{c, value}, func(r *renderer) *sparkpb.Expression {
		return updateFields(c.build(r), name, value.build(r))
	})
}

// DropFields leaves fields of a struct out; "a.b" is field b of the field a.
func (c *Column) DropFields(names ...string) *Column {
	if c.fault() == nil && len(names) == 0 {
		return InvalidColumn(errors.New("drop fields: no field is given"))
	}
	names = slices.Clone(names)
	out := column(textWeight(names...), []*Column{c}, func(r *renderer) *sparkpb.Expression {
		e := c.build(r)
		for _, name := range names {
			e = updateFields(e, name, nil)
		}
		return e
	})
	return out.deeper(len(names) - 1)
}

// deeper counts expressions that a column's message has beside the one that
// [column] counts.
func (c *Column) deeper(n int) *Column {
	if c.err != nil {
		return c
	}
	c.depth += n
	if err := checkPlan(c.depth, c.weight); err != nil {
		return InvalidColumn(err)
	}
	return c
}

func updateFields(in *sparkpb.Expression, name string, value *sparkpb.Expression) *sparkpb.Expression {
	return &sparkpb.Expression{ExprType: &sparkpb.Expression_UpdateFields_{
		UpdateFields: &sparkpb.Expression_UpdateFields{StructExpression: in, FieldName: name, ValueExpression: value},
	}}
}

// NamedArgument is an argument by its name, for [Call] and [CallFunction].
func NamedArgument(name string, value *Column) *Column {
	c := column(textWeight(name), []*Column{value}, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_NamedArgumentExpression{
			NamedArgumentExpression: &sparkpb.NamedArgumentExpression{Key: name, Value: value.build(r)},
		}}
	})
	c.needs = merge(c.needs, []Feature{FeatureNamedArguments})
	return c
}

// CallFunction calls a function of the catalog, whose name may have several
// parts, such as "db.f", and parts in `backticks`.
func CallFunction(name string, args []*Column) *Column {
	if name == "" {
		return InvalidColumn(errors.New("call function: the function's name is empty"))
	}
	args = slices.Clone(args)
	return column(textWeight(name), args, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_CallFunction{
			CallFunction: &sparkpb.CallFunction{FunctionName: name, Arguments: r.exprs(args)},
		}}
	})
}

// ColRegex is all columns whose names match a regular expression, which stands
// in `backticks`. df is the frame of the columns; nil is any.
func ColRegex(df *DataFrame, pattern string) *Column {
	return ofFrame(df, pattern, func(planID *int64) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedRegex_{
			UnresolvedRegex: &sparkpb.Expression_UnresolvedRegex{ColName: pattern, PlanId: planID},
		}}
	})
}

// MetadataColumn is a column that the data source of df has beside those of its
// schema, such as _metadata.
func MetadataColumn(df *DataFrame, name string) *Column {
	if df == nil {
		return InvalidColumn(errNoFrame)
	}
	return ofFrame(df, name, func(planID *int64) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedAttribute_{
			UnresolvedAttribute: &sparkpb.Expression_UnresolvedAttribute{UnparsedIdentifier: name, PlanId: planID, IsMetadataColumn: new(true)},
		}}
	})
}

// ofFrame completes an expression that refers to a frame, if df is one.
func ofFrame(df *DataFrame, text string, build func(planID *int64) *sparkpb.Expression) *Column {
	if df == nil {
		return column(textWeight(text), nil, func(*renderer) *sparkpb.Expression { return build(nil) })
	}
	if df.Err() != nil {
		return InvalidColumn(df.Err())
	}
	id := df.node.id
	return column(textWeight(text), nil, func(r *renderer) *sparkpb.Expression { return build(r.reference(id)) })
}

// AliasMetadata names a column and puts metadata, a JSON object, into the schema
// with it.
func (c *Column) AliasMetadata(name string, metadata []byte) *Column {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(metadata, &object); err != nil || object == nil {
		return InvalidColumn(fmt.Errorf("alias %s: its metadata is no JSON object: %s", name, oneLine(string(metadata))))
	}
	text := strings.Clone(string(metadata))
	return column(textWeight(name, text), []*Column{c}, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_Alias_{
			Alias: &sparkpb.Expression_Alias{Expr: c.build(r), Name: []string{name}, Metadata: &text},
		}}
	})
}

// ShufflePartition is the number of the partition that a row goes to, for a
// repartitioning by it alone.
func (c *Column) ShufflePartition() *Column {
	out := column(0, []*Column{c}, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_DirectShufflePartitionId{
			DirectShufflePartitionId: &sparkpb.Expression_DirectShufflePartitionID{Child: c.build(r)},
		}}
	})
	out.needs = merge(out.needs, []Feature{FeatureRepartitionID})
	return out
}
