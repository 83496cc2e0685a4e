package spark

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Partitioning says how [DataFrame.Repartition] spreads rows.
type Partitioning int32

// The partitionings.
const (
	Shuffle  Partitioning = 0 // evenly or, given expressions, by their hash
	Coalesce Partitioning = 1 // partitions are put together, no row moves on its own
	ByRange  Partitioning = 2 // by the order of the expressions
)

// Repartition spreads the rows over partitions. Zero partitions leave their
// number to the engine, which Shuffle and ByRange allow with expressions.
func (df *DataFrame) Repartition(how Partitioning, partitions int32, by []*Column) *DataFrame {
	if df.Err() != nil {
		return df
	}
	if err := checkRepartition(how, partitions, by); err != nil {
		return Invalid(fmt.Errorf("repartition: %w", err))
	}
	detail := fmt.Sprint(partitions)
	if len(by) == 0 {
		shuffle := how == Shuffle
		return df.step("repartition", detail, 8, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
			return &sparkpb.Relation{RelType: &sparkpb.Relation_Repartition{Repartition: &sparkpb.Repartition{
				Input: in, NumPartitions: partitions, Shuffle: &shuffle,
			}}}
		})
	}
	by = slices.Clone(by)
	for i, c := range by {
		if how == ByRange && c.fault() == nil && !c.order {
			by[i] = c.SortOrder(false, false)
		}
	}
	return df.step("repartition", detail, 8, by, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		repartition := &sparkpb.RepartitionByExpression{Input: in, PartitionExprs: r.exprs(by)}
		if partitions > 0 {
			repartition.NumPartitions = &partitions
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_RepartitionByExpression{RepartitionByExpression: repartition}}
	})
}

func checkRepartition(how Partitioning, partitions int32, by []*Column) error {
	switch {
	case partitions < 0:
		return fmt.Errorf("%d partitions; there must be 1 or more", partitions)
	case how < Shuffle || how > ByRange:
		return fmt.Errorf("partitioning %d is unknown", how)
	case how == Coalesce && len(by) > 0:
		return errors.New("partitions are put together by no expression")
	case how == ByRange && len(by) == 0:
		return errors.New("no column is given whose order counts")
	case partitions == 0 && len(by) == 0:
		return errors.New("the number of partitions must be 1 or more")
	}
	return nil
}
