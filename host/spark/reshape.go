package spark

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// DropColumns leaves columns out, which may be of one certain frame.
func (df *DataFrame) DropColumns(columns ...*Column) *DataFrame {
	if len(columns) == 0 {
		return df
	}
	columns = slices.Clone(columns)
	return df.step("drop", "", 0, columns, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Drop{Drop: &sparkpb.Drop{Input: in, Columns: r.exprs(columns)}}}
	})
}

// ToDF renames all columns.
func (df *DataFrame) ToDF(names ...string) *DataFrame {
	names = slices.Clone(names)
	return df.step("to df", "", textWeight(names...), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_ToDf{ToDf: &sparkpb.ToDF{Input: in, ColumnNames: names}}}
	})
}

// ToSchema orders, casts and completes columns by name to a schema in DDL form.
// Casts that may lose something are an error.
func (df *DataFrame) ToSchema(schema string) *DataFrame {
	if df.Err() == nil && schema == "" {
		return Invalid(errors.New("to schema: the schema is empty"))
	}
	return df.step("to schema", schema, textWeight(schema), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_ToSchema{ToSchema: &sparkpb.ToSchema{Input: in, Schema: schemaType(schema)}}}
	}).need(FeatureToSchema)
}

// schemaType is the columns of a table in DDL form, "id BIGINT, name STRING". What
// this package does not know is left to the engine.
func schemaType(ddl string) *sparkpb.DataType {
	for _, text := range []string{"struct<" + ddl + ">", ddl} {
		if t, err := parseType(text); err == nil {
			return t
		}
	}
	return &sparkpb.DataType{Kind: &sparkpb.DataType_Unparsed_{Unparsed: &sparkpb.DataType_Unparsed{DataTypeString: ddl}}}
}

// Parse reads the texts in the only column as csv or json. schema is a DDL
// string; empty means that it is inferred.
func (df *DataFrame) Parse(format, schema string, options map[string]string) *DataFrame {
	formats := map[string]sparkpb.Parse_ParseFormat{
		"csv": sparkpb.Parse_PARSE_FORMAT_CSV, "json": sparkpb.Parse_PARSE_FORMAT_JSON,
	}
	kind, ok := formats[format]
	if df.Err() == nil && !ok {
		return Invalid(fmt.Errorf("parse: the format %q is unknown; it is csv or json", format))
	}
	options = maps.Clone(options)
	return df.step("parse", format, textWeight(schema)+mapWeight(options), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		parse := &sparkpb.Parse{Input: in, Format: kind, Options: options}
		if schema != "" {
			parse.Schema = schemaType(schema)
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Parse{Parse: parse}}
	}).need(FeatureParse)
}

// Hint gives the planner a hint, such as broadcast. Engines ignore hints that
// they do not know.
func (df *DataFrame) Hint(name string, parameters ...*Column) *DataFrame {
	if df.Err() == nil && name == "" {
		return Invalid(errors.New("hint: the name is empty"))
	}
	parameters = slices.Clone(parameters)
	return df.step("hint", name, textWeight(name), parameters, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Hint{Hint: &sparkpb.Hint{Input: in, Name: name, Parameters: r.exprs(parameters)}}}
	})
}

// Tail returns the last n rows.
func (df *DataFrame) Tail(n int32) *DataFrame {
	if df.Err() == nil && n < 0 {
		return Invalid(fmt.Errorf("tail: %d rows; the number must be 0 or more", n))
	}
	return df.step("tail", fmt.Sprint(n), 8, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Tail{Tail: &sparkpb.Tail{Input: in, Limit: n}}}
	})
}

// Watermark says how late rows may be, by a column of timestamps. It counts in
// streams only.
func (df *DataFrame) Watermark(column, delay string) *DataFrame {
	if df.Err() == nil && (column == "" || delay == "") {
		return Invalid(errors.New("watermark: the column and the delay must be given"))
	}
	return df.step("watermark", column, textWeight(column, delay), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_WithWatermark{WithWatermark: &sparkpb.WithWatermark{
			Input: in, EventTime: column, DelayThreshold: delay,
		}}}
	}).need(FeatureWatermark)
}

// DistinctWithinWatermark is [DataFrame.Distinct] of what came within the
// watermark. Spark refuses it outside of streams.
func (df *DataFrame) DistinctWithinWatermark(columns ...string) *DataFrame {
	columns = slices.Clone(columns)
	all, within := len(columns) == 0, true
	return df.step("distinct within watermark", "", textWeight(columns...), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Deduplicate{Deduplicate: &sparkpb.Deduplicate{
			Input: in, ColumnNames: columns, AllColumnsAsKeys: &all, WithinWatermark: &within,
		}}}
	})
}

// TableFunction calls a function that returns a table, such as explode or range.
func TableFunction(name string, args ...*Column) *DataFrame {
	if name == "" {
		return Invalid(errors.New("table function: the name is empty"))
	}
	args = slices.Clone(args)
	n := leaf("table function", textWeight(name))
	n.detail = name
	n.build = func(r *renderer, _ []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_UnresolvedTableValuedFunction{
			UnresolvedTableValuedFunction: &sparkpb.UnresolvedTableValuedFunction{FunctionName: name, Arguments: r.exprs(args)},
		}}
	}
	return frame(n, nil, args).need(FeatureTableFunctions)
}
