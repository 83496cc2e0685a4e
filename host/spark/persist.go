package spark

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A StorageLevel says where and how Spark keeps the rows of a plan, as
// pyspark.StorageLevel does. Its zero value means that it keeps none.
type StorageLevel struct {
	UseDisk, UseMemory, UseOffHeap, Deserialized bool
	// Replication is on how many executors each partition is kept, at least 1.
	Replication int32
}

// storageLevels are PySpark's, by name.
var storageLevels = map[string]StorageLevel{
	"NONE":                  {Replication: 1},
	"DISK_ONLY":             {UseDisk: true, Replication: 1},
	"DISK_ONLY_2":           {UseDisk: true, Replication: 2},
	"DISK_ONLY_3":           {UseDisk: true, Replication: 3},
	"MEMORY_ONLY":           {UseMemory: true, Replication: 1},
	"MEMORY_ONLY_2":         {UseMemory: true, Replication: 2},
	"MEMORY_AND_DISK":       {UseDisk: true, UseMemory: true, Replication: 1},
	"MEMORY_AND_DISK_2":     {UseDisk: true, UseMemory: true, Replication: 2},
	"OFF_HEAP":              {UseDisk: true, UseMemory: true, UseOffHeap: true, Replication: 1},
	"MEMORY_AND_DISK_DESER": {UseDisk: true, UseMemory: true, Deserialized: true, Replication: 1},
}

// ParseStorageLevel returns the level that PySpark's StorageLevel has under
// name, in any case. The empty name is the default of DataFrame.persist,
// MEMORY_AND_DISK_DESER.
func ParseStorageLevel(name string) (StorageLevel, error) {
	if name == "" {
		name = "MEMORY_AND_DISK_DESER"
	}
	level, ok := storageLevels[strings.ToUpper(name)]
	if !ok {
		names := make([]string, 0, len(storageLevels))
		for name := range storageLevels {
			names = append(names, name)
		}
		slices.Sort(names)
		return StorageLevel{}, wrongArgument("storage level %q is unknown; it is one of %s", name, strings.Join(names, ", "))
	}
	return level, nil
}

// Kept reports whether the level keeps rows at all.
func (l StorageLevel) Kept() bool { return l.UseDisk || l.UseMemory || l.UseOffHeap }

// String returns PySpark's name of the level, or its parts where it has none.
func (l StorageLevel) String() string {
	l.Replication = max(l.Replication, 1)
	if !l.Kept() {
		return "NONE"
	}
	for name, known := range storageLevels {
		if known == l {
			return name
		}
	}
	return fmt.Sprintf("StorageLevel(%t, %t, %t, %t, %d)", l.UseDisk, l.UseMemory, l.UseOffHeap, l.Deserialized, l.Replication)
}

func (l StorageLevel) proto() *sparkpb.StorageLevel {
	return &sparkpb.StorageLevel{
		UseDisk: l.UseDisk, UseMemory: l.UseMemory, UseOffHeap: l.UseOffHeap, Deserialized: l.Deserialized,
		Replication: max(l.Replication, 1),
	}
}

// Persist tells the engine to keep the rows of df at level once something has
// computed them. Spark finds them again by the plan, in whatever session of the
// server it comes up, until [Session.Unpersist] or the server's end, also when
// this session has ended.
//
// An engine that would accept this and keep nothing (Sail) is refused with an
// [LacksError].
func (s *Session) Persist(ctx context.Context, df *DataFrame, level StorageLevel) error {
	plan, err := s.persistent(ctx, df)
	if err != nil {
		return err
	}
	_, err = s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_Persist_{Persist: &sparkpb.AnalyzePlanRequest_Persist{
			Relation: plan.GetRoot(), StorageLevel: level.proto(),
		}},
	})
	return err
}

// Unpersist tells the engine to drop the kept rows of df, for every session of
// the server; blocking waits until they are gone. Rows that were not kept are
// no error. It fails as [Session.Persist] does.
func (s *Session) Unpersist(ctx context.Context, df *DataFrame, blocking bool) error {
	plan, err := s.persistent(ctx, df)
	if err != nil {
		return err
	}
	_, err = s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_Unpersist_{Unpersist: &sparkpb.AnalyzePlanRequest_Unpersist{
			Relation: plan.GetRoot(), Blocking: &blocking,
		}},
	})
	return err
}

// StorageLevel returns how the engine is to keep the rows of df; see
// [StorageLevel.Kept]. It fails as [Session.Persist] does.
func (s *Session) StorageLevel(ctx context.Context, df *DataFrame) (StorageLevel, error) {
	plan, err := s.persistent(ctx, df)
	if err != nil {
		return StorageLevel{}, err
	}
	answer, err := s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{
		Analyze: &sparkpb.AnalyzePlanRequest_GetStorageLevel_{GetStorageLevel: &sparkpb.AnalyzePlanRequest_GetStorageLevel{
			Relation: plan.GetRoot(),
		}},
	})
	if err != nil {
		return StorageLevel{}, err
	}
	l := answer.GetGetStorageLevel().GetStorageLevel()
	return StorageLevel{
		UseDisk: l.GetUseDisk(), UseMemory: l.GetUseMemory(), UseOffHeap: l.GetUseOffHeap(), Deserialized: l.GetDeserialized(),
		Replication: l.GetReplication(),
	}, nil
}

// persistent returns the plan of df, if the engine really persists.
func (s *Session) persistent(ctx context.Context, df *DataFrame) (*sparkpb.Plan, error) {
	plan, err := s.plan(ctx, df)
	if err != nil {
		return nil, err
	}
	return plan, s.Lacks(ctx, FeaturePersist)
}
