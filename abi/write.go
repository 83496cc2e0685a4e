package abi

// A WriteSpec says how [Host.ActionWrite] writes a frame, as DataFrame.write
// does in PySpark. What is left out is not set.
type WriteSpec struct {
	// Path is the folder to write to. Sources that are not files, such as
	// jdbc, have neither Path nor Table.
	Path string `json:"path,omitempty"`
	// Table is the table to write to, instead of a path.
	Table string `json:"table,omitempty"`
	// Insert puts the rows into the existing table, by the position of the
	// columns (insertInto); otherwise the table is made if it is not there,
	// and columns go by name (saveAsTable).
	Insert bool `json:"insert,omitempty"`
	// Format is the data source: parquet, csv, json, orc, text and so on.
	// Empty is the engine's default, parquet.
	Format string `json:"format,omitempty"`
	// Mode says what happens if something is there: error (or errorifexists,
	// the default), append, overwrite or ignore.
	Mode string `json:"mode,omitempty"`
	// Options are those of the data source, such as header or compression.
	Options map[string]string `json:"options,omitempty"`
	// PartitionBy names the columns that make sub-folders.
	PartitionBy []string `json:"partition_by,omitempty"`
	// Buckets is the number of buckets by the columns BucketBy, for tables.
	Buckets  int32    `json:"buckets,omitempty"`
	BucketBy []string `json:"bucket_by,omitempty"`
	// SortBy orders the rows within each bucket.
	SortBy []string `json:"sort_by,omitempty"`
	// ClusterBy names the columns by which the source clusters rows.
	ClusterBy []string `json:"cluster_by,omitempty"`
	// SchemaEvolution lets the table take over new columns and wider types.
	SchemaEvolution bool `json:"schema_evolution,omitempty"`
}

// A WriteToSpec says how [Host.ActionWriteTo] writes a frame to a table, as
// DataFrame.writeTo does in PySpark. Expressions are handles.
type WriteToSpec struct {
	// Table is the table's name.
	Table string `json:"table"`
	// Mode is create, replace, create_or_replace, append, overwrite or
	// overwrite_partitions.
	Mode string `json:"mode"`
	// Using is the data source of a new table, such as parquet or delta.
	Using string `json:"using,omitempty"`
	// Options are those of the write, Properties those of a new table.
	Options    map[string]string `json:"options,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	// PartitionedBy are columns or the transforms years, months, days, hours
	// and bucket of them, for a new table.
	PartitionedBy []Expr `json:"partitioned_by,omitempty"`
	// ClusterBy names the columns by which a new table clusters rows.
	ClusterBy []string `json:"cluster_by,omitempty"`
	// Condition says which rows overwrite replaces.
	Condition Expr `json:"condition,omitempty"`
	// SchemaEvolution lets the table take over new columns and wider types.
	SchemaEvolution bool `json:"schema_evolution,omitempty"`
}

// A MergeSpec says how [Host.ActionMerge] merges a frame into a table, as
// DataFrame.mergeInto does in PySpark.
type MergeSpec struct {
	// Table is the table's name.
	Table string `json:"table"`
	// Condition says which rows of the frame and of the table match.
	Condition Expr `json:"condition"`
	// Matched are the clauses for rows of both that match, NotMatched those for
	// rows of the frame, and NotMatchedBySource for rows of the table, that
	// match none. The first clause whose own condition holds counts.
	Matched            []MergeClause `json:"matched,omitempty"`
	NotMatched         []MergeClause `json:"not_matched,omitempty"`
	NotMatchedBySource []MergeClause `json:"not_matched_by_source,omitempty"`
	// SchemaEvolution lets the table take over new columns and wider types.
	SchemaEvolution bool `json:"schema_evolution,omitempty"`
}

// A MergeClause is one WHEN … THEN … of a merge.
type MergeClause struct {
	// Action is update, update_all, insert, insert_all or delete.
	Action string `json:"action"`
	// Condition is the clause's own; 0 means none.
	Condition Expr `json:"condition,omitempty"`
	// Columns are the table's columns that update and insert set, to Values.
	Columns []string `json:"columns,omitempty"`
	Values  []Expr   `json:"values,omitempty"`
}
