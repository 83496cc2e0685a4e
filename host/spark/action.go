package spark

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// query returns the plan to be sent for df to any engine. What may differ by
// engine goes through [Session.plan].
func query(df *DataFrame) (*sparkpb.Plan, error) {
	if err := df.Err(); err != nil {
		return nil, err
	}
	if err := df.checkMaterialised(); err != nil {
		return nil, err
	}
	return &sparkpb.Plan{OpType: &sparkpb.Plan_Root{Root: df.relation()}}, nil
}

func command(c *sparkpb.Command) *sparkpb.Plan {
	return &sparkpb.Plan{OpType: &sparkpb.Plan_Command{Command: c}}
}

// Collect runs df and returns its rows as they arrive. It waits for the first
// of them. When ctx ends, so does the execution.
func (s *Session) Collect(ctx context.Context, df *DataFrame, opt Options) (*Stream, error) {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return nil, err
	}
	x, err := s.execute(ctx, plan, opt, df.repeatable())
	if err != nil {
		return nil, err
	}
	stream := &Stream{x: x}
	if err := stream.open(); err != nil {
		return nil, err
	}
	return stream, nil
}

// Count runs df and returns the number of its rows, which do not leave the
// engine.
func (s *Session) Count(ctx context.Context, df *DataFrame, opt Options) (int64, error) {
	counted := df.Aggregate(GroupBy, nil, []*Column{Call("count", []*Column{Lit(1)}, false).Alias("count")})
	stream, err := s.Collect(ctx, counted, opt)
	if err != nil {
		return 0, err
	}
	n, rows := int64(0), int64(0)
	for stream.Next() {
		batch := stream.Record()
		values, ok := batch.Column(0).(*array.Int64)
		if !ok {
			return 0, errors.Join(fmt.Errorf("count: the engine answered with a %s", batch.Column(0).DataType()), stream.Close())
		}
		n, rows = values.Value(0), rows+batch.NumRows()
	}
	if err := stream.Err(); err != nil {
		return 0, err
	}
	if rows != 1 {
		return 0, fmt.Errorf("count: the engine answered with %d rows", rows)
	}
	return n, nil
}

// A Field is a column of a schema.
type Field struct {
	Name     string
	Type     string // as DDL: bigint, array<string>, struct<a:int>
	Nullable bool

	kind *sparkpb.DataType // nil where the engine has not told it
}

// Schema returns the columns of df, without running it.
func (s *Session) Schema(ctx context.Context, df *DataFrame) ([]Field, error) {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return nil, err
	}
	return s.schemaOf(ctx, df, plan)
}

// schema is [Session.Schema] without a look at the plan before.
func (s *Session) schema(ctx context.Context, df *DataFrame) ([]Field, error) {
	plan, err := query(df)
	if err != nil {
		return nil, err
	}
	return s.schemaOf(ctx, df, plan)
}

func (s *Session) schemaOf(ctx context.Context, df *DataFrame, plan *sparkpb.Plan) ([]Field, error) {
	answer, err := s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_Schema_{Schema: &sparkpb.AnalyzePlanRequest_Schema{Plan: plan}},
	})
	if err != nil {
		return nil, err
	}
	columns := answer.GetSchema().GetSchema().GetStruct().GetFields()
	fields := make([]Field, len(columns))
	for i, c := range columns {
		fields[i] = Field{Name: c.GetName(), Type: ddl(c.GetDataType()), Nullable: c.GetNullable()}
	}
	return fields, nil
}

// Explain returns the plan as the engine explains it; mode is simple, extended,
// codegen, cost or formatted, and empty is simple.
func (s *Session) Explain(ctx context.Context, df *DataFrame, mode string) (string, error) {
	modes := map[string]sparkpb.AnalyzePlanRequest_Explain_ExplainMode{
		"":          sparkpb.AnalyzePlanRequest_Explain_EXPLAIN_MODE_SIMPLE,
		"simple":    sparkpb.AnalyzePlanRequest_Explain_EXPLAIN_MODE_SIMPLE,
		"extended":  sparkpb.AnalyzePlanRequest_Explain_EXPLAIN_MODE_EXTENDED,
		"codegen":   sparkpb.AnalyzePlanRequest_Explain_EXPLAIN_MODE_CODEGEN,
		"cost":      sparkpb.AnalyzePlanRequest_Explain_EXPLAIN_MODE_COST,
		"formatted": sparkpb.AnalyzePlanRequest_Explain_EXPLAIN_MODE_FORMATTED,
	}
	kind, ok := modes[mode]
	if !ok {
		return "", fmt.Errorf("explain: mode %q is unknown; it is simple, extended, codegen, cost or formatted", mode)
	}
	plan, err := s.plan(ctx, df)
	if err != nil {
		return "", err
	}
	answer, err := s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_Explain_{Explain: &sparkpb.AnalyzePlanRequest_Explain{Plan: plan, ExplainMode: kind}},
	})
	return answer.GetExplain().GetExplainString(), err
}

// Version returns the engine's version of Spark. Sail knows one only when
// PySpark is installed beside it, and otherwise fails.
func (s *Session) Version(ctx context.Context) (string, error) {
	answer, err := s.analyze(ctx, nil, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_SparkVersion_{SparkVersion: &sparkpb.AnalyzePlanRequest_SparkVersion{}},
	})
	return answer.GetSparkVersion().GetVersion(), err
}

// analyze asks about a plan. It waits for an engine that is away, and asks
// again unless df, which may be nil, could do something twice: engines run the
// commands in SQL text when they analyze it.
func (s *Session) analyze(ctx context.Context, df *DataFrame, request *sparkpb.AnalyzePlanRequest) (*sparkpb.AnalyzePlanResponse, error) {
	g, err := s.begin()
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx, g); err != nil {
		return nil, err
	}
	if err := s.sendLocal(ctx, g, request); err != nil {
		return nil, err
	}
	request.SessionId, request.UserContext, request.ClientType = g.id, s.user, &s.agent
	request.ClientObservedServerSideSessionId = g.observed()
	ask := func() (*sparkpb.AnalyzePlanResponse, error) {
		answer, err := s.client.AnalyzePlan(ctx, request)
		if err != nil {
			return nil, s.fail(ctx, g, err)
		}
		return answer, s.check(ctx, g, answer)
	}
	if df != nil && !df.repeatable() {
		return ask()
	}
	return patiently(ctx, s, ask)
}

// Exec runs a SQL command, such as CREATE TABLE or INSERT, once, and drops its
// result. An [ErrUnavailable] or [ErrSessionLost] leaves open whether it ran.
func (s *Session) Exec(ctx context.Context, sql string, opt Options) error {
	plan, err := query(SQL(sql, nil, nil))
	if err != nil {
		return err
	}
	text := &sparkpb.SqlCommand{Input: plan.GetRoot()}
	//lint:ignore SA1019 Spark 3.5 knows no input
	text.Sql = sql
	x, err := s.execute(ctx, command(&sparkpb.Command{CommandType: &sparkpb.Command_SqlCommand{SqlCommand: text}}), opt, false)
	if err != nil {
		return err
	}
	return x.drain(func(*sparkpb.ExecutePlanResponse) {})
}

// A Checkpoint names rows that the engine keeps, within one generation of the
// session.
type Checkpoint struct {
	RelationID string
	Generation uint64
}

// Checkpoint runs df and has the engine keep its rows, until [Session.Release]
// or the session's end. Plans read them through [DataFrame.Substitute].
func (s *Session) Checkpoint(ctx context.Context, df *DataFrame, opt Options) (Checkpoint, error) {
	return s.checkpoint(ctx, df, opt, true)
}

// LazyCheckpoint is [Session.Checkpoint], but that the rows are computed by the
// first execution that reads them. Sail computes them at once.
func (s *Session) LazyCheckpoint(ctx context.Context, df *DataFrame, opt Options) (Checkpoint, error) {
	out, err := s.checkpoint(ctx, df, opt, false)
	if engineError(err).Class == "java.lang.UnsupportedOperationException" && s.isSail() {
		return s.checkpoint(ctx, df, opt, true)
	}
	return out, err
}

func (s *Session) checkpoint(ctx context.Context, df *DataFrame, opt Options, eager bool) (Checkpoint, error) {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return Checkpoint{}, err
	}
	// A second run would leave the first one's rows behind until the session
	// ends, and do no other harm.
	x, err := s.execute(ctx, command(&sparkpb.Command{CommandType: &sparkpb.Command_CheckpointCommand{
		CheckpointCommand: &sparkpb.CheckpointCommand{Relation: plan.GetRoot(), Local: true, Eager: eager},
	}}), opt, df.repeatable())
	if err != nil {
		return Checkpoint{}, err
	}
	out := Checkpoint{Generation: x.gen.number}
	err = x.drain(func(r *sparkpb.ExecutePlanResponse) {
		if id := r.GetCheckpointCommandResult().GetRelation().GetRelationId(); id != "" {
			out.RelationID = id
		}
	})
	if err != nil {
		return Checkpoint{}, err
	}
	if out.RelationID == "" {
		return Checkpoint{}, errors.New("checkpoint: the engine made none")
	}
	return out, nil
}

// Release has the engine drop a checkpoint. One of an older generation is gone
// with its session, which is ErrRelationGone.
func (s *Session) Release(ctx context.Context, c Checkpoint) error {
	g, err := s.begin()
	if err != nil {
		return err
	}
	if c.Generation != g.number {
		return fmt.Errorf("release %s: %w", c.RelationID, ErrRelationGone)
	}
	x, err := s.execute(ctx, command(&sparkpb.Command{CommandType: &sparkpb.Command_RemoveCachedRemoteRelationCommand{
		RemoveCachedRemoteRelationCommand: &sparkpb.RemoveCachedRemoteRelationCommand{
			Relation: &sparkpb.CachedRemoteRelation{RelationId: c.RelationID},
		},
	}}), Options{}, true)
	if err != nil {
		return err
	}
	if err := x.drain(func(*sparkpb.ExecutePlanResponse) {}); err != nil {
		return fmt.Errorf("release %s: %w", c.RelationID, err)
	}
	return nil
}

// drain reads an execution to its end.
func (x *execution) drain(each func(*sparkpb.ExecutePlanResponse)) error {
	for {
		response, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		each(response)
	}
}
