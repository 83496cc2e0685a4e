package spark

import (
	"maps"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// ReadJDBC returns a table of a database, which options name as url and dbtable.
// Each of predicates, SQL conditions, is read by a partition of its own;
// without any there is one partition, or those that options ask for. The engine
// needs the database's driver.
func ReadJDBC(options map[string]string, predicates []string) *DataFrame {
	options, predicates = maps.Clone(options), slices.Clone(predicates)
	n := leaf("read", mapWeight(options)+textWeight(predicates...))
	n.detail = "jdbc " + options["dbtable"]
	format := "jdbc"
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Read{Read: &sparkpb.Read{
			ReadType: &sparkpb.Read_DataSource_{DataSource: &sparkpb.Read_DataSource{Format: &format, Options: options, Predicates: predicates}},
		}}}
	}
	return frame(n, nil, nil)
}

// Changes returns the changes of a table, whose catalog keeps them, between the
// versions or times that options name. Spark has this from 4.2; Sail does not.
func Changes(table string, options map[string]string) *DataFrame {
	options = maps.Clone(options)
	n := leaf("changes", textWeight(table)+mapWeight(options))
	n.detail = table
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_RelationChanges{
			RelationChanges: &sparkpb.RelationChanges{UnparsedIdentifier: table, Options: options},
		}}
	}
	return frame(n, nil, nil)
}
