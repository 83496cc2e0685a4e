package spark

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Grouping says how the keys of [DataFrame.Aggregate] form groups.
type Grouping int32

// The groupings.
const (
	GroupBy Grouping = 0 // one group per combination of the keys
	Rollup  Grouping = 1 // and subtotals along the keys' order
	Cube    Grouping = 2 // and subtotals for every subset of the keys
)

// SetOp is the operation of [DataFrame.SetOp].
type SetOp int32

// The set operations.
const (
	Union     SetOp = 0
	Intersect SetOp = 1
	Except    SetOp = 2
)

// A DataFrame is a plan: the description of a table that an engine computes
// when an action asks for it. It is immutable and safe for concurrent use.
// Its methods return new DataFrames and never fail: see [DataFrame.Err].
type DataFrame struct {
	node   *node
	cached []CachedInput
	needs  []Feature // that not every engine has, each once
	// functions are what it calls of the session's own, each once.
	functions []*Function
	// differs says that a step is sent to Sail in another form than to Spark.
	differs bool
	err     error
}

// node is one step of a plan. Its inputs may be shared with other plans, and
// with other places in this one.
type node struct {
	id     int64 // of this step within the process; what ColOf refers to
	op     string
	detail string // for people
	text   string // of a SQL statement; a placeholder's id
	inputs []*node
	// subqueries is how many of the last inputs are no relation's input but the
	// plans of subqueries in this step's expressions.
	subqueries int
	build      buildRelation

	depth  int   // steps on the longest way to a leaf, through expressions too
	weight int64 // about how many bytes it takes on the wire, inputs included
}

// buildRelation makes the message of one step from those of its inputs.
type buildRelation func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation

// opSQL is the op of a SQL statement; its node's text is the statement.
const opSQL = "sql"

// opAlias is the op of a named frame.
const opAlias = "alias"

var planIDs atomic.Int64

var errNoFrame = errors.New("a DataFrame is missing")

// Invalid returns a DataFrame whose every action fails with err.
func Invalid(err error) *DataFrame {
	if err == nil {
		err = errNoFrame
	}
	return &DataFrame{err: err}
}

// Read returns what a data source such as text, parquet, csv or json reads. An
// empty format leaves the choice to the engine (Spark: parquet). schema is a
// DDL string; empty means that the source says it, or infers it.
func Read(format, schema string, options map[string]string, paths []string) *DataFrame {
	options, paths = maps.Clone(options), slices.Clone(paths)
	n := leaf("read", textWeight(format, schema)+mapWeight(options)+textWeight(paths...))
	n.detail = format
	if len(paths) > 0 {
		n.detail += " " + paths[0]
	}
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		source := &sparkpb.Read_DataSource{Options: options, Paths: paths}
		if format != "" {
			source.Format = &format
		}
		if schema != "" {
			source.Schema = &schema
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Read{Read: &sparkpb.Read{
			ReadType: &sparkpb.Read_DataSource_{DataSource: source},
		}}}
	}
	return frame(n, nil, nil)
}

// Table returns a table or view of the catalog.
func Table(name string, options map[string]string) *DataFrame {
	options = maps.Clone(options)
	n := leaf("table", textWeight(name)+mapWeight(options))
	n.detail = name
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Read{Read: &sparkpb.Read{
			ReadType: &sparkpb.Read_NamedTable_{NamedTable: &sparkpb.Read_NamedTable{UnparsedIdentifier: name, Options: options}},
		}}}
	}
	return frame(n, nil, nil)
}

// SQL returns the rows of a query. args replace its parameters: :name with as
// many names as args, ? in their order without names.
//
// A command, such as INSERT, runs each time that an action needs the DataFrame;
// [Session.Exec] runs it once.
func SQL(query string, names []string, args []*Column) *DataFrame {
	if len(names) > 0 && len(names) != len(args) {
		return Invalid(fmt.Errorf("SQL query: %d names of parameters and %d values", len(names), len(args)))
	}
	nesting, err := checkSQL(query)
	if err != nil {
		return Invalid(fmt.Errorf("SQL query: %w", err))
	}
	named := make(map[string]*Column, len(names))
	for i, name := range names {
		if _, twice := named[name]; twice {
			return Invalid(fmt.Errorf("SQL query: parameter %q is given twice", name))
		}
		named[name] = args[i]
	}
	args, names = slices.Clone(args), slices.Clone(names)
	n := leaf(opSQL, textWeight(query)+textWeight(names...))
	n.detail, n.text, n.depth = query, query, nesting
	n.build = func(r *renderer, _ []*sparkpb.Relation) *sparkpb.Relation {
		sql := &sparkpb.SQL{Query: query}
		if len(names) == 0 {
			sql.PosArguments = r.exprs(args)
		} else {
			sql.NamedArguments = make(map[string]*sparkpb.Expression, len(names))
			// In the given order, for the numbering of plan ids to be the same each time.
			for i, e := range r.exprs(args) {
				sql.NamedArguments[names[i]] = e
			}
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Sql{Sql: sql}}
	}
	return frame(n, nil, args)
}

// Range has the column id with the numbers from start to end, exclusive, in
// steps. Zero partitions leave their number to the engine.
func Range(start, end, step int64, partitions int32) *DataFrame {
	switch {
	case step == 0:
		return Invalid(errors.New("range: the step is 0, so it would never end"))
	case partitions < 0:
		return Invalid(fmt.Errorf("range: %d partitions; 0 leaves their number to the engine", partitions))
	}
	n := leaf("range", 32)
	n.detail = fmt.Sprintf("%d %d %d", start, end, step)
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		r := &sparkpb.Range{Start: &start, End: end, Step: step}
		if partitions > 0 {
			r.NumPartitions = &partitions
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Range{Range: r}}
	}
	return frame(n, nil, nil)
}

// Err returns why the plan cannot be run, or nil if nothing is known against
// it: only the engine knows whether its columns and files exist.
func (df *DataFrame) Err() error {
	if df == nil {
		return errNoFrame
	}
	return df.err
}

// Weight is about how many bytes the plan takes when it is sent.
func (df *DataFrame) Weight() int64 {
	if df.Err() != nil {
		return 0
	}
	return df.node.weight
}

// Queries returns the SQL texts in the plan. Those inside the definitions of
// cached DataFrames are not in it: see [DataFrame.CachedInputs].
func (df *DataFrame) Queries() []string {
	if df.Err() != nil {
		return nil
	}
	var queries []string
	df.node.walk(make(map[*node]bool), func(n *node) {
		if n.op == opSQL {
			queries = append(queries, n.text)
		}
	})
	return queries
}

// walk visits each node once, inputs first.
func (n *node) walk(seen map[*node]bool, visit func(*node)) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, in := range n.inputs {
		in.walk(seen, visit)
	}
	visit(n)
}

// leaf returns a node without inputs whose own weight is given.
func leaf(op string, weight int64) *node {
	return &node{op: op, weight: weight}
}

// frame completes a new node: it counts the inputs' and columns' depth and
// weight, takes over their errors, and gives it an id.
func frame(n *node, inputs []*DataFrame, columns []*Column) *DataFrame {
	df := &DataFrame{node: n}
	for _, in := range inputs {
		if err := in.Err(); err != nil {
			return Invalid(err)
		}
		n.inputs = append(n.inputs, in.node)
		n.depth = max(n.depth, in.node.depth)
		n.weight = addWeight(n.weight, in.node.weight)
		df.cached = mergeCached(df.cached, in.cached)
		df.needs = merge(df.needs, in.needs)
		df.functions = merge(df.functions, in.functions)
		df.differs = df.differs || in.differs
	}
	for _, c := range columns {
		if err := c.fault(); err != nil {
			return Invalid(err)
		}
		df.needs = merge(df.needs, c.needs)
		df.functions = merge(df.functions, c.functions)
		n.depth = max(n.depth, c.depth)
		n.weight = addWeight(n.weight, c.weight)
	}
	for _, sub := range subqueriesOf(columns) {
		n.inputs = append(n.inputs, sub.node)
		n.subqueries++
		n.weight = addWeight(n.weight, sub.node.weight)
		df.cached = mergeCached(df.cached, sub.cached)
		df.needs = merge(df.needs, sub.needs)
		df.functions = merge(df.functions, sub.functions)
		df.differs = df.differs || sub.differs
	}
	n.depth++
	n.weight = addWeight(n.weight, nodeWeight)
	if err := checkPlan(n.depth, n.weight); err != nil {
		return Invalid(err)
	}
	n.id = planIDs.Add(1)
	return df
}
