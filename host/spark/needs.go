package spark

import (
	"context"
	"errors"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// need marks a frame, or what is wrong with it, as using a feature that not
// every engine has.
func (df *DataFrame) need(feature Feature) *DataFrame {
	if df.Err() == nil {
		df.needs = merge(df.needs, []Feature{feature})
	}
	return df
}

// onSailToo marks a frame as having a step that is sent to Sail in another form.
func (df *DataFrame) onSailToo() *DataFrame {
	if df.Err() == nil {
		df.differs = true
	}
	return df
}

// onSail reports whether the engine is Sail.
func (s *Session) onSail(ctx context.Context) (bool, error) {
	g, err := s.begin()
	if err != nil {
		return false, err
	}
	if err := s.open(ctx, g); err != nil {
		return false, err
	}
	return g.isSail(), nil
}

// plan returns the plan to be sent for df to this engine. It refuses one that
// the engine would fail at with words that say nothing, or would answer as if
// nothing were wrong.
func (s *Session) plan(ctx context.Context, df *DataFrame) (*sparkpb.Plan, error) {
	if err := df.Err(); err != nil {
		return nil, err
	}
	if err := df.checkMaterialised(); err != nil {
		return nil, err
	}
	r := renderer{done: make(map[*node]*sparkpb.Relation)}
	for _, feature := range df.needs {
		err := s.Lacks(ctx, feature)
		if lacks, ok := errors.AsType[*LacksError](err); ok {
			return nil, lacks
		}
		if err != nil {
			return nil, err
		}
	}
	if df.differs {
		var err error
		if r.sail, err = s.onSail(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.define(ctx, df.functions); err != nil {
		return nil, err
	}
	if err := s.checkPaths(ctx, df); err != nil {
		return nil, err
	}
	root := r.relation(df.node)
	if r.err != nil {
		return nil, r.err
	}
	return &sparkpb.Plan{OpType: &sparkpb.Plan_Root{Root: root}}, nil
}
