package spark

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A MergeWriter describes how the rows of a DataFrame are merged into a table
// whose source can do that, such as Delta Lake. Its methods leave it as it is
// and return a changed copy; Merge runs it, at once and once, as with [Writer].
//
//	err := changes.As("c").MergeInto("users", F.Expr("users.id = c.id")).
//		WhenMatched(F.Col("c.gone")).Delete().
//		WhenMatched().UpdateAll().
//		WhenNotMatched().InsertAll().
//		Merge()
//
// The first clause of its kind whose condition holds counts for a row.
type MergeWriter struct {
	df        *DataFrame
	table     string
	condition Column
	evolution bool
	clauses   [3][]mergeClause
}

// The kinds of clauses.
const (
	matched = iota
	notMatched
	notMatchedBySource
)

type mergeClause struct {
	action    string
	condition []Column
	set       map[string]Column
}

// A MergeClause waits for what is to be done with the rows that it is for.
type MergeClause struct {
	merge     *MergeWriter
	kind      int
	condition []Column
}

// MergeInto returns a merge into a table. condition says which rows of the
// DataFrame and of the table match; the DataFrame needs a name for it, see As.
func (df *DataFrame) MergeInto(table string, condition Column) *MergeWriter {
	return &MergeWriter{df: df, table: table, condition: condition}
}

// WithSchemaEvolution lets the table take over new columns and wider types.
func (m *MergeWriter) WithSchemaEvolution() *MergeWriter {
	c := *m
	c.evolution = true
	return &c
}

// WhenMatched is for rows that match, if the condition, where one is given, is
// true.
func (m *MergeWriter) WhenMatched(condition ...Column) *MergeClause {
	return &MergeClause{m, matched, condition}
}

// WhenNotMatched is for rows of the DataFrame that match none of the table's.
func (m *MergeWriter) WhenNotMatched(condition ...Column) *MergeClause {
	return &MergeClause{m, notMatched, condition}
}

// WhenNotMatchedBySource is for rows of the table that match none of the
// DataFrame's.
func (m *MergeWriter) WhenNotMatchedBySource(condition ...Column) *MergeClause {
	return &MergeClause{m, notMatchedBySource, condition}
}

func (c *MergeClause) then(action string, set map[string]Column) *MergeWriter {
	m := *c.merge
	m.clauses[c.kind] = append(slices.Clip(m.clauses[c.kind]), mergeClause{action, c.condition, maps.Clone(set)})
	return &m
}

// UpdateAll sets all columns of the table's row to those of the DataFrame's.
func (c *MergeClause) UpdateAll() *MergeWriter { return c.then("update_all", nil) }

// Update sets columns of the table's row.
func (c *MergeClause) Update(set map[string]Column) *MergeWriter { return c.then("update", set) }

// InsertAll adds the DataFrame's row.
func (c *MergeClause) InsertAll() *MergeWriter { return c.then("insert_all", nil) }

// Insert adds a row with columns of these values.
func (c *MergeClause) Insert(set map[string]Column) *MergeWriter { return c.then("insert", set) }

// Delete drops the table's row.
func (c *MergeClause) Delete() *MergeWriter { return c.then("delete", nil) }

// Merge runs it.
func (m *MergeWriter) Merge() error {
	if err := m.df.check(); err != nil {
		return err
	}
	b := &builder{session: m.df.session, host: m.df.session.host}
	spec := abi.MergeSpec{
		Table: m.table, Condition: b.expr(m.condition), SchemaEvolution: m.evolution,
		Matched: b.mergeClauses(m.clauses[matched]), NotMatched: b.mergeClauses(m.clauses[notMatched]),
		NotMatchedBySource: b.mergeClauses(m.clauses[notMatchedBySource]),
	}
	if b.err != nil {
		return b.err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("merge into %s: %w", m.table, err)
	}
	return b.host.ActionMerge(m.df.handle, data)
}

func (b *builder) mergeClauses(list []mergeClause) []abi.MergeClause {
	var out []abi.MergeClause
	for _, c := range list {
		clause := abi.MergeClause{Action: c.action}
		switch len(c.condition) {
		case 0:
		case 1:
			clause.Condition = b.expr(c.condition[0])
		default:
			b.fail("MergeInto: a clause has %d conditions; join them with And", len(c.condition))
		}
		for _, name := range slices.Sorted(maps.Keys(c.set)) {
			clause.Columns = append(clause.Columns, name)
			clause.Values = append(clause.Values, b.expr(c.set[name]))
		}
		out = append(out, clause)
	}
	return out
}
