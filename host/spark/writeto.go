package spark

import (
	"context"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A WriteTo says how [Session.WriteTo] writes to a table, as PySpark's
// DataFrame.writeTo.
type WriteTo struct {
	Table string
	Mode  string // create, replace, create_or_replace, append, overwrite, overwrite_partitions
	Using string // data source of a new table

	Options       map[string]string // of the write
	Properties    map[string]string // of a new table
	PartitionedBy []*Column
	ClusterBy     []string
	Condition     *Column // of overwrite: which rows are replaced

	SchemaEvolution bool
}

var writeToModes = map[string]sparkpb.WriteOperationV2_Mode{
	"create": sparkpb.WriteOperationV2_MODE_CREATE, "replace": sparkpb.WriteOperationV2_MODE_REPLACE,
	"create_or_replace": sparkpb.WriteOperationV2_MODE_CREATE_OR_REPLACE, "append": sparkpb.WriteOperationV2_MODE_APPEND,
	"overwrite": sparkpb.WriteOperationV2_MODE_OVERWRITE, "overwrite_partitions": sparkpb.WriteOperationV2_MODE_OVERWRITE_PARTITIONS,
}

// WriteTo runs df and has the engine write its rows to a table, once, as
// [Session.Write] does.
func (s *Session) WriteTo(ctx context.Context, df *DataFrame, w WriteTo, opt Options) error {
	mode, ok := writeToModes[w.Mode]
	switch {
	case w.Table == "":
		return wrongArgument("write to a table: none is named")
	case !ok:
		return wrongArgument("write to table %q: mode %q is unknown; it is create, replace, create_or_replace, append, overwrite or overwrite_partitions", w.Table, w.Mode)
	case (w.Mode == "overwrite") != (w.Condition != nil):
		return wrongArgument("write to table %q: mode overwrite, and no other, has a condition", w.Table)
	}
	if err := faults(append([]*Column{w.Condition}, w.PartitionedBy...)); err != nil {
		return err
	}
	return s.write(ctx, df, opt, func(input *sparkpb.Relation) *sparkpb.Command {
		r := new(renderer)
		op := &sparkpb.WriteOperationV2{
			Input: input, TableName: w.Table, Mode: mode, Options: w.Options, TableProperties: w.Properties,
			PartitioningColumns: r.exprs(w.PartitionedBy), ClusteringColumns: w.ClusterBy, WithSchemaEvolution: w.SchemaEvolution,
		}
		if w.Using != "" {
			op.Provider = &w.Using
		}
		if w.Condition != nil {
			op.OverwriteCondition = w.Condition.build(r)
		}
		return &sparkpb.Command{CommandType: &sparkpb.Command_WriteOperationV2{WriteOperationV2: op}}
	})
}

// A Merge says how [Session.Merge] merges rows into a table, as PySpark's
// DataFrame.mergeInto.
type Merge struct {
	Table     string
	Condition *Column // which rows of the frame and of the table match

	Matched, NotMatched, NotMatchedBySource []MergeClause

	SchemaEvolution bool
}

// A MergeClause is one WHEN … THEN … of a [Merge].
type MergeClause struct {
	Action    string   // update, update_all, insert, insert_all, delete
	Condition *Column  // nil for none
	Columns   []string // that update and insert set to Values
	Values    []*Column
}

var mergeActions = map[string]sparkpb.MergeAction_ActionType{
	"update": sparkpb.MergeAction_ACTION_TYPE_UPDATE, "update_all": sparkpb.MergeAction_ACTION_TYPE_UPDATE_STAR,
	"insert": sparkpb.MergeAction_ACTION_TYPE_INSERT, "insert_all": sparkpb.MergeAction_ACTION_TYPE_INSERT_STAR,
	"delete": sparkpb.MergeAction_ACTION_TYPE_DELETE,
}

// Merge runs df and has the engine merge its rows into a table, once, as
// [Session.Write] does.
func (s *Session) Merge(ctx context.Context, df *DataFrame, m Merge, opt Options) error {
	switch {
	case m.Table == "":
		return wrongArgument("merge into a table: none is named")
	case m.Condition == nil:
		return wrongArgument("merge into %q: there is no condition for which rows match", m.Table)
	case len(m.Matched)+len(m.NotMatched)+len(m.NotMatchedBySource) == 0:
		return wrongArgument("merge into %q: there is nothing to do; at least one of whenMatched, whenNotMatched and whenNotMatchedBySource is needed", m.Table)
	}
	columns := []*Column{m.Condition}
	for _, c := range append(append(append([]MergeClause(nil), m.Matched...), m.NotMatched...), m.NotMatchedBySource...) {
		if _, ok := mergeActions[c.Action]; !ok {
			return wrongArgument("merge into %q: action %q is unknown; it is update, update_all, insert, insert_all or delete", m.Table, c.Action)
		}
		if len(c.Columns) != len(c.Values) {
			return wrongArgument("merge into %q: %d columns and %d values", m.Table, len(c.Columns), len(c.Values))
		}
		columns = append(append(columns, c.Condition), c.Values...)
	}
	if err := faults(columns); err != nil {
		return err
	}
	return s.write(ctx, df, opt, func(input *sparkpb.Relation) *sparkpb.Command {
		r := new(renderer)
		return &sparkpb.Command{CommandType: &sparkpb.Command_MergeIntoTableCommand{MergeIntoTableCommand: &sparkpb.MergeIntoTableCommand{
			TargetTableName: m.Table, SourceTablePlan: input, MergeCondition: m.Condition.build(r),
			MatchActions: mergeClauses(r, m.Matched), NotMatchedActions: mergeClauses(r, m.NotMatched),
			NotMatchedBySourceActions: mergeClauses(r, m.NotMatchedBySource), WithSchemaEvolution: m.SchemaEvolution,
		}}}
	})
}

func mergeClauses(r *renderer, clauses []MergeClause) []*sparkpb.Expression {
	out := make([]*sparkpb.Expression, len(clauses))
	for i, c := range clauses {
		action := &sparkpb.MergeAction{ActionType: mergeActions[c.Action]}
		if c.Condition != nil {
			action.Condition = c.Condition.build(r)
		}
		for n, name := range c.Columns {
			action.Assignments = append(action.Assignments, &sparkpb.MergeAction_Assignment{
				Key: SQLExpr(name).build(r), Value: c.Values[n].build(r),
			})
		}
		out[i] = &sparkpb.Expression{ExprType: &sparkpb.Expression_MergeAction{MergeAction: action}}
	}
	return out
}

// faults returns what is wrong with the first of the columns that is wrong; nil
// columns are not there.
func faults(columns []*Column) error {
	for _, c := range columns {
		if c == nil {
			continue
		}
		if err := c.fault(); err != nil {
			return err
		}
	}
	return nil
}
