package spark

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// inquire sends what is asked about a plan, which make is given.
func (s *Session) inquire(ctx context.Context, df *DataFrame, make func(*sparkpb.Plan) *sparkpb.AnalyzePlanRequest) (*sparkpb.AnalyzePlanResponse, error) {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return nil, err
	}
	return s.analyze(ctx, df, make(plan))
}

// Tree returns the schema of df as Spark prints it, down to the given level of
// nesting; zero is all of them.
func (s *Session) Tree(ctx context.Context, df *DataFrame, level int32) (string, error) {
	answer, err := s.inquire(ctx, df, func(plan *sparkpb.Plan) *sparkpb.AnalyzePlanRequest {
		tree := &sparkpb.AnalyzePlanRequest_TreeString{Plan: plan}
		if level > 0 {
			tree.Level = &level
		}
		return &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_TreeString_{TreeString: tree}}
	})
	return answer.GetTreeString().GetTreeString(), err
}

// InputFiles returns the files that df reads.
func (s *Session) InputFiles(ctx context.Context, df *DataFrame) ([]string, error) {
	if err := s.checkPaths(ctx, df); err != nil {
		return nil, err
	}
	return s.inputFiles(ctx, df)
}

// IsLocal reports whether the rows of df can be had without an executor.
func (s *Session) IsLocal(ctx context.Context, df *DataFrame) (bool, error) {
	answer, err := s.inquire(ctx, df, func(plan *sparkpb.Plan) *sparkpb.AnalyzePlanRequest {
		return &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_IsLocal_{IsLocal: &sparkpb.AnalyzePlanRequest_IsLocal{Plan: plan}}}
	})
	return answer.GetIsLocal().GetIsLocal(), err
}

// IsStreaming reports whether df reads a source that never ends.
func (s *Session) IsStreaming(ctx context.Context, df *DataFrame) (bool, error) {
	answer, err := s.inquire(ctx, df, func(plan *sparkpb.Plan) *sparkpb.AnalyzePlanRequest {
		return &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_IsStreaming_{IsStreaming: &sparkpb.AnalyzePlanRequest_IsStreaming{Plan: plan}}}
	})
	return answer.GetIsStreaming().GetIsStreaming(), err
}

// SameSemantics reports whether the engine can tell that df and other give the
// same rows. An engine that lacks [FeatureSemanticHash] is a [*LacksError].
func (s *Session) SameSemantics(ctx context.Context, df, other *DataFrame) (bool, error) {
	if err := s.Lacks(ctx, FeatureSemanticHash); err != nil {
		return false, err
	}
	second, err := s.plan(ctx, other)
	if err != nil {
		return false, err
	}
	answer, err := s.inquire(ctx, df, func(plan *sparkpb.Plan) *sparkpb.AnalyzePlanRequest {
		return &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_SameSemantics_{
			SameSemantics: &sparkpb.AnalyzePlanRequest_SameSemantics{TargetPlan: plan, OtherPlan: second},
		}}
	})
	return answer.GetSameSemantics().GetResult(), err
}

// SemanticHash returns the engine's hash of df, the same for plans of the same
// semantics. An engine that lacks [FeatureSemanticHash] is a [*LacksError].
func (s *Session) SemanticHash(ctx context.Context, df *DataFrame) (int32, error) {
	if err := s.Lacks(ctx, FeatureSemanticHash); err != nil {
		return 0, err
	}
	answer, err := s.inquire(ctx, df, func(plan *sparkpb.Plan) *sparkpb.AnalyzePlanRequest {
		return &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_SemanticHash_{SemanticHash: &sparkpb.AnalyzePlanRequest_SemanticHash{Plan: plan}}}
	})
	return answer.GetSemanticHash().GetResult(), err
}

// Show runs df and returns its first n rows as Spark prints them. Values are
// cut after truncate characters, if that is above zero; vertical prints a line
// for each value.
func (s *Session) Show(ctx context.Context, df *DataFrame, n, truncate int32, vertical bool, opt Options) (string, error) {
	text, err := s.rendered(ctx, df.step("show", fmt.Sprint(n), 12, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_ShowString{
			ShowString: &sparkpb.ShowString{Input: in, NumRows: n, Truncate: truncate, Vertical: vertical},
		}}
	}), opt)
	if strings.HasSuffix(text, " rows\n") { // Sail ends the line of "only showing top 20 rows"
		text = strings.TrimSuffix(text, "\n")
	}
	return text, err
}

// HTML runs df and returns its first n rows as an HTML table, with values cut
// as by [Session.Show].
func (s *Session) HTML(ctx context.Context, df *DataFrame, n, truncate int32, opt Options) (string, error) {
	return s.rendered(ctx, df.step("html", fmt.Sprint(n), 12, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_HtmlString{HtmlString: &sparkpb.HtmlString{Input: in, NumRows: n, Truncate: truncate}}}
	}), opt)
}

// rendered runs df and returns the one string that is its answer.
func (s *Session) rendered(ctx context.Context, df *DataFrame, opt Options) (string, error) {
	stream, err := s.Collect(ctx, df, opt)
	if err != nil {
		return "", err
	}
	text, rows := "", int64(0)
	for stream.Next() {
		batch := stream.Record()
		column, ok := batch.Column(0).(array.StringLike)
		if !ok {
			return "", errors.Join(fmt.Errorf("the engine answered with a %s, not with text", batch.Column(0).DataType()), stream.Close())
		}
		text, rows = column.Value(0), rows+batch.NumRows()
	}
	if err := stream.Err(); err != nil {
		return "", err
	}
	if rows != 1 {
		return "", fmt.Errorf("the engine answered with %d rows, not with one text", rows)
	}
	return text, nil
}
