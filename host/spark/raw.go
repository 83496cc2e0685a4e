package spark

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// rawRelations are the relations that a serialized plan may hold: those that
// describe rows. What is left out runs commands or foreign code, or reaches what
// is not the plan's own: the catalog's commands, user-defined functions, machine
// learning, extensions, streams, and rows that the engine keeps for others.
var rawRelations = map[protoreflect.Name]bool{
	"read": true, "project": true, "filter": true, "join": true, "set_op": true, "sort": true, "limit": true, "aggregate": true, "sql": true,
	"local_relation": true, "sample": true, "offset": true, "deduplicate": true, "range": true, "subquery_alias": true, "repartition": true,
	"to_df": true, "with_columns_renamed": true, "show_string": true, "drop": true, "tail": true, "with_columns": true, "hint": true,
	"unpivot": true, "to_schema": true, "repartition_by_expression": true, "collect_metrics": true, "parse": true, "html_string": true,
	"as_of_join": true, "with_relations": true, "transpose": true, "unresolved_table_valued_function": true, "lateral_join": true,
	"relation_changes": true, "zip": true, "nearest_by_join": true, "fill_na": true, "drop_na": true, "replace": true, "summary": true, "crosstab": true,
	"describe": true, "cov": true, "corr": true, "approx_quantile": true, "freq_items": true, "sample_by": true,
}

// rawForbidden are messages that a serialized plan may hold nowhere.
var rawForbidden = map[protoreflect.FullName]bool{
	"spark.connect.Command":                           true,
	"spark.connect.CommonInlineUserDefinedFunction":   true,
	"spark.connect.CommonInlineUserDefinedDataSource": true,
	"spark.connect.TypedAggregateExpression":          true,
	"spark.connect.MergeAction":                       true,
	"google.protobuf.Any":                             true,
}

// Raw is a serialized spark.connect.Relation as a DataFrame. Only what describes
// rows is taken: no commands, also in SQL text, and no functions of the user's
// own; and no more depth and size than any other plan.
func Raw(relation []byte) *DataFrame {
	rel := &sparkpb.Relation{}
	// Three messages for each step at most, and some for what is in it.
	if err := (proto.UnmarshalOptions{RecursionLimit: 3*MaxDepth + 100}).Unmarshal(relation, rel); err != nil {
		return Invalid(fmt.Errorf("raw plan: it is no serialized spark.connect.Relation, or too deep: %w", err))
	}
	c := rawCheck{ids: make(map[int64]int64)}
	if err := c.message(rel.ProtoReflect(), 0); err != nil {
		return Invalid(fmt.Errorf("raw plan: %w", err))
	}
	n := leaf("raw plan", int64(len(relation)))
	n.depth = c.depth
	n.build = func(r *renderer, _ []*sparkpb.Relation) *sparkpb.Relation {
		out := proto.CloneOf(rel)
		c.renumber(r, out.ProtoReflect())
		return out
	}
	return frame(n, nil, nil)
}

// rawCheck is what is found in a serialized plan.
type rawCheck struct {
	depth int
	ids   map[int64]int64 // of its steps: by those that it came with, ours
}

// message checks a message that has so many relations and expressions above it.
func (c *rawCheck) message(m protoreflect.Message, depth int) error {
	if len(m.GetUnknown()) > 0 {
		return fmt.Errorf("%s has fields that this version does not know", m.Descriptor().Name())
	}
	if rawForbidden[m.Descriptor().FullName()] {
		return fmt.Errorf("it holds a %s; a plan may only describe rows", m.Descriptor().Name())
	}
	switch v := m.Interface().(type) {
	case *sparkpb.Relation:
		depth++
		if err := checkRawRelation(v); err != nil {
			return err
		}
	case *sparkpb.RelationCommon:
		if v.PlanId != nil {
			c.see(v.GetPlanId())
		}
	case *sparkpb.Expression:
		depth++
		if text := v.GetExpressionString().GetExpression(); text != "" {
			nesting, err := checkSQL(text)
			if err != nil {
				return err
			}
			c.depth = max(c.depth, depth+nesting)
		}
	}
	c.depth = max(c.depth, depth)
	if err := checkPlan(depth, 0); err != nil {
		return err
	}
	return eachMessage(m, func(inner protoreflect.Message) error { return c.message(inner, depth) })
}

func (c *rawCheck) see(id int64) int64 {
	if c.ids[id] == 0 {
		c.ids[id] = planIDs.Add(1)
	}
	return c.ids[id]
}

// checkRawRelation checks what is in one relation itself.
func checkRawRelation(rel *sparkpb.Relation) error {
	m := rel.ProtoReflect()
	which := m.WhichOneof(m.Descriptor().Oneofs().ByName("rel_type"))
	switch {
	case which == nil:
		return errors.New("a relation has no kind")
	case !rawRelations[which.Name()]:
		return fmt.Errorf("it holds a relation of kind %s; a plan may only describe rows, without commands, functions of its own and what the engine keeps for others", which.Name())
	case rel.GetRead().GetIsStreaming():
		return errors.New("it reads a stream")
	case rel.GetSql() != nil:
		text := rel.GetSql().GetQuery()
		if !isPlainQuery(text) {
			return fmt.Errorf("its SQL %q is no plain query; SELECT, VALUES and TABLE are", oneLine(text))
		}
		_, err := checkSQL(text)
		return err
	}
	return nil
}

// eachMessage calls visit with the messages that m holds itself.
func eachMessage(m protoreflect.Message, visit func(protoreflect.Message) error) error {
	var err error
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() == nil {
				break
			}
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				err = visit(v.Message())
				return err == nil
			})
		case field.Message() == nil:
		case field.IsList():
			for i := 0; i < v.List().Len() && err == nil; i++ {
				err = visit(v.List().Get(i).Message())
			}
		default:
			err = visit(v.Message())
		}
		return err == nil
	})
	return err
}

// renumber gives the plan's steps numbers that no other step has, and those who
// refer to them the same.
func (c *rawCheck) renumber(r *renderer, m protoreflect.Message) {
	id := m.Descriptor().Fields().ByName("plan_id")
	switch _, isStep := m.Interface().(*sparkpb.RelationCommon); {
	case id == nil || !m.Has(id):
	case isStep:
		if n := r.id(c.ids[m.Get(id).Int()]); n >= 0 {
			m.Set(id, protoreflect.ValueOfInt64(n))
		} else {
			m.Clear(id)
		}
	default:
		if own := c.ids[m.Get(id).Int()]; own != 0 {
			m.Set(id, protoreflect.ValueOfInt64(*r.reference(own)))
		}
	}
	// Nothing in here fails.
	_ = eachMessage(m, func(inner protoreflect.Message) error { c.renumber(r, inner); return nil })
}
