package spark

import (
	"context"
	"errors"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// CreateGlobalTempView makes df a view that SQL text and [Table] read as
// global_temp.NAME, in every session of the engine's on Spark, until it is
// dropped or the engine ends. It runs once, as [Session.Write] does, and is not
// kept: the cache package does that.
func (s *Session) CreateGlobalTempView(ctx context.Context, df *DataFrame, name string, replace bool, opt Options) error {
	if err := CheckViewName(name); err != nil {
		return err
	}
	return s.write(ctx, df, opt, func(input *sparkpb.Relation) *sparkpb.Command {
		return viewCommand(input, name, true, replace)
	})
}

// Command runs a SQL command once and returns the rows that it answers with. It
// returns nil for a query, which is for [Session.Collect] to run. df is what
// [SQL] or [SQLOver] returned.
func (s *Session) Command(ctx context.Context, df *DataFrame, opt Options) (*DataFrame, error) {
	plan, err := query(df)
	if err != nil {
		return nil, err
	}
	sql := &sparkpb.SqlCommand{Input: plan.GetRoot()}
	//lint:ignore SA1019 Spark 3.5 knows no input
	sql.Sql = plan.GetRoot().GetSql().GetQuery()
	x, err := s.execute(ctx, command(&sparkpb.Command{CommandType: &sparkpb.Command_SqlCommand{SqlCommand: sql}}), opt, false)
	if err != nil {
		return nil, err
	}
	var result *sparkpb.Relation
	err = x.drain(func(r *sparkpb.ExecutePlanResponse) {
		if answer := r.GetSqlCommandResult().GetRelation(); answer != nil {
			result = answer
		}
	})
	if err != nil {
		return nil, err
	}
	if result == nil {
		return nil, errors.New("SQL command: the engine answered without a result")
	}
	if result.GetLocalRelation() == nil {
		return nil, nil // the query itself
	}
	n := leaf("result", int64(len(result.GetLocalRelation().GetData())))
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: result.RelType}
	}
	return frame(n, nil, nil), nil
}
