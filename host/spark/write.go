package spark

import (
	"context"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Write says where and how [Session.Write] writes, as PySpark's
// DataFrame.write. Path and Table exclude each other; both are empty for sources
// such as jdbc.
type Write struct {
	Path   string
	Table  string
	Insert bool   // into the table, by position; else by name, making it if need be
	Format string // empty leaves it to the engine: parquet
	Mode   string // error (also empty, errorifexists), append, overwrite, ignore

	Options     map[string]string
	PartitionBy []string
	Buckets     int32
	BucketBy    []string
	SortBy      []string
	ClusterBy   []string

	SchemaEvolution bool
}

var saveModes = map[string]sparkpb.WriteOperation_SaveMode{
	"": sparkpb.WriteOperation_SAVE_MODE_UNSPECIFIED, "error": sparkpb.WriteOperation_SAVE_MODE_ERROR_IF_EXISTS,
	"errorifexists": sparkpb.WriteOperation_SAVE_MODE_ERROR_IF_EXISTS, "default": sparkpb.WriteOperation_SAVE_MODE_ERROR_IF_EXISTS,
	"append": sparkpb.WriteOperation_SAVE_MODE_APPEND, "overwrite": sparkpb.WriteOperation_SAVE_MODE_OVERWRITE,
	"ignore": sparkpb.WriteOperation_SAVE_MODE_IGNORE,
}

// operation is the command's message, but for its input.
func (w Write) operation() (*sparkpb.WriteOperation, error) {
	mode, ok := saveModes[strings.ToLower(w.Mode)]
	switch {
	case !ok:
		return nil, wrongArgument("write: mode %q is unknown; it is append, overwrite, error or ignore", w.Mode)
	case w.Path != "" && w.Table != "":
		return nil, wrongArgument("write: to the path %q or to the table %q, not both", w.Path, w.Table)
	case w.Insert && w.Table == "":
		return nil, wrongArgument("write: rows can be inserted into a table only, and none is named")
	case w.Buckets < 0:
		return nil, wrongArgument("write: %d buckets", w.Buckets)
	case (w.Buckets > 0) != (len(w.BucketBy) > 0):
		return nil, wrongArgument("write: %d buckets by %d columns; both are needed", w.Buckets, len(w.BucketBy))
	}
	op := &sparkpb.WriteOperation{
		Mode: mode, Options: w.Options, PartitioningColumns: w.PartitionBy, SortColumnNames: w.SortBy,
		ClusteringColumns: w.ClusterBy, WithSchemaEvolution: w.SchemaEvolution,
	}
	if w.Format != "" {
		op.Source = &w.Format
	}
	switch {
	case w.Table != "":
		method := sparkpb.WriteOperation_SaveTable_TABLE_SAVE_METHOD_SAVE_AS_TABLE
		if w.Insert {
			method = sparkpb.WriteOperation_SaveTable_TABLE_SAVE_METHOD_INSERT_INTO
		}
		op.SaveType = &sparkpb.WriteOperation_Table{Table: &sparkpb.WriteOperation_SaveTable{TableName: w.Table, SaveMethod: method}}
	case w.Path != "":
		op.SaveType = &sparkpb.WriteOperation_Path{Path: w.Path}
	}
	if w.Buckets > 0 {
		op.BucketBy = &sparkpb.WriteOperation_BucketBy{NumBuckets: w.Buckets, BucketColumnNames: w.BucketBy}
	}
	return op, nil
}

// Write runs df and has the engine write its rows, once. When ctx ends, so does
// the write. An [ErrUnavailable] or [ErrSessionLost] leaves open whether, and how
// much, was written.
//
// What Sail would do otherwise than Spark without a word is refused there.
func (s *Session) Write(ctx context.Context, df *DataFrame, w Write, opt Options) error {
	op, err := w.operation()
	if err != nil {
		return err
	}
	if err := s.checkWrite(ctx, w); err != nil {
		return err
	}
	return s.write(ctx, df, opt, func(input *sparkpb.Relation) *sparkpb.Command {
		op.Input = input
		return &sparkpb.Command{CommandType: &sparkpb.Command_WriteOperation{WriteOperation: op}}
	})
}

// Features of writes, for what Sail accepts and does otherwise, or refuses with
// other words.
const (
	featureDynamicOverwrite Feature = "partitionOverwriteMode=dynamic" // it would replace all of the table
	featureBuckets          Feature = "bucketBy and sortBy"
)

// checkWrite refuses what Sail would do otherwise than Spark.
func (s *Session) checkWrite(ctx context.Context, w Write) error {
	g, err := s.begin()
	if err != nil {
		return err
	}
	if err := s.open(ctx, g); err != nil || !g.isSail() {
		return err
	}
	for name, value := range w.Options {
		if strings.EqualFold(name, "partitionOverwriteMode") && strings.EqualFold(value, "dynamic") {
			return sailLacks(featureDynamicOverwrite, "write the folder of each partition by itself, or "+otherEngine)
		}
	}
	if len(w.BucketBy) > 0 || len(w.SortBy) > 0 {
		return sailLacks(featureBuckets, "leave them out, or "+otherEngine)
	}
	return nil
}

func sailLacks(feature Feature, way string) error {
	return &LacksError{Engine: "Sail", Feature: feature, Way: way}
}

// write runs a command once that has df as its input.
func (s *Session) write(ctx context.Context, df *DataFrame, opt Options, build func(*sparkpb.Relation) *sparkpb.Command) error {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return err
	}
	return s.run(ctx, build(plan.GetRoot()), opt)
}

// run executes a command once and drops its result.
func (s *Session) run(ctx context.Context, c *sparkpb.Command, opt Options) error {
	x, err := s.execute(ctx, command(c), opt, false)
	if err != nil {
		return err
	}
	return x.drain(func(*sparkpb.ExecutePlanResponse) {})
}
