package spark

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A probe finds out whether the engine has a feature, in a session that is
// thrown away. An error of the engine's counts as no. main is the session that
// asks.
type probe func(ctx context.Context, s, main *Session) (bool, error)

// probes are filled in by init, for a probe runs plans, and what a plan needs is
// probed.
var probes map[Feature]probe

func init() {
	probes = map[Feature]probe{
		FeatureCheckpoint:    probeCheckpoint,
		FeaturePersist:       probePersist,
		FeatureCacheTable:    probeCacheTable,
		FeatureGlobalViews:   probeGlobalViews,
		FeatureProgress:      probeProgress,
		FeatureInterrupt:     probeInterrupt,
		FeatureStatus:        probeStatus,
		FeatureErrorDetails:  probeErrorDetails,
		FeatureCloneSession:  probeCloneSession,
		FeatureArtifacts:     probeArtifacts,
		FeatureJavaFunctions: probeJavaFunctions,
		FeatureSemanticHash:  probeSemanticHash,
		FeatureORC:           probeORC,
		FeatureToSchema:      probeToSchema,
	}
	for feature, p := range valueProbes {
		probes[feature] = p.probe
	}
	for feature, use := range stepProbes {
		probes[feature] = probeStep(use)
	}
}

// A valueProbe is an expression that only an engine with the feature gives the
// text want: others answer as if nothing were wrong.
type valueProbe struct {
	value func() *Column
	want  string
}

var valueProbes = map[Feature]valueProbe{
	FeatureNamedArguments: {func() *Column { return Call("mask", []*Column{Lit("a"), NamedArgument("lowerChar", Lit("q"))}, false) }, "q"},
	FeatureMaxBySeveral: {func() *Column {
		return Call("typeof", []*Column{Call("max_by", []*Column{Col("id"), Col("id"), Lit(2)}, false)}, false)
	}, "array<bigint>"},
}

func (p valueProbe) probe(ctx context.Context, s, _ *Session) (bool, error) {
	df := probeRange().Aggregate(GroupBy, nil, []*Column{p.value()})
	df.needs = nil
	got, err := s.text(ctx, df)
	return got == p.want, err
}

// stepProbes are plans over a frame with a column id that use a feature.
var stepProbes = map[Feature]func(in *DataFrame) *DataFrame{
	FeatureObserve: func(in *DataFrame) *DataFrame { return in.Observe("probe", []*Column{countAll()}) },
	FeatureQuantiles: func(in *DataFrame) *DataFrame {
		return in.Statistic(ApproxQuantile, []string{"id"}, []*Column{Lit(0), Lit(0.5)})
	},
	FeatureFreqItems: func(in *DataFrame) *DataFrame { return in.Statistic(FreqItems, []string{"id"}, []*Column{Lit(0.5)}) },
	FeatureAsOfJoin: func(in *DataFrame) *DataFrame {
		return in.JoinAsOf(probeRange(), AsOf{Left: ColOf(in, "id"), Right: Lit(0), Exact: true})
	},
	FeatureNearestJoin: func(in *DataFrame) *DataFrame {
		return in.JoinNearest(probeRange(), ColOf(in, "id"), 1, "", "exact", "distance")
	},
	FeatureTableFunctions: func(*DataFrame) *DataFrame { return TableFunction("explode", Call("array", []*Column{Lit(1)}, false)) },
	FeatureWatermark: func(in *DataFrame) *DataFrame {
		return in.Select(Lit("2024-01-01").Cast("timestamp", false).Alias("t")).Watermark("t", "1 minute")
	},
	FeatureRepartitionID: func(in *DataFrame) *DataFrame {
		return in.Repartition(Shuffle, 1, []*Column{Lit(0).ShufflePartition()})
	},
	FeatureTranspose: func(in *DataFrame) *DataFrame { return in.Transpose(nil) },
	FeatureParse: func(in *DataFrame) *DataFrame {
		return in.Select(Lit("1").Alias("value")).Parse("csv", "n INT", nil)
	},
	FeatureRowIndex: func(in *DataFrame) *DataFrame { return in.Select(Call(rowIndex, nil, false)) },
	FeatureZip:      func(in *DataFrame) *DataFrame { return in.Zip(in.Select(ColOf(in, "id"))) },
	FeatureDistinctCounts: func(in *DataFrame) *DataFrame {
		counted := in.Statistic(Summary, []string{"count_distinct"}, nil)
		// Where there is no row for it, the engine has ignored it.
		return counted.Aggregate(GroupBy, nil, []*Column{Call("assert_true", []*Column{
			Call(">", []*Column{countAll(), Lit(0)}, false),
		}, false)})
	},
}

// countAll is the number of rows.
func countAll() *Column { return Call("count", []*Column{Lit(1)}, false).Alias("n") }

// probeStep runs a plan that needs a feature, whether the engine has it or not.
func probeStep(use func(in *DataFrame) *DataFrame) probe {
	return func(ctx context.Context, s, _ *Session) (bool, error) {
		df := use(probeRange())
		df.needs = nil
		stream, err := s.Collect(ctx, df, Options{})
		if err != nil {
			return false, err
		}
		for stream.Next() {
			continue
		}
		return stream.Err() == nil, stream.Err()
	}
}

// probeFrame is a step that the package does not build for its users.
func probeFrame(relation *sparkpb.Relation) *DataFrame {
	n := leaf("probe", 0)
	n.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation { return relation }
	return frame(n, nil, nil)
}

// probeToSchema does not try: Sail's process ends when a schema has the columns in
// another order and with other types.
func probeToSchema(ctx context.Context, s, _ *Session) (bool, error) {
	sail, err := s.onSail(ctx)
	return !sail, err
}

// probeRange is a plan that no other client has.
func probeRange() *DataFrame { return Range(0, 2+int64(uuid.New().ID()), 1<<40, 1) }

func probeCheckpoint(ctx context.Context, s, _ *Session) (bool, error) {
	kept, err := s.Checkpoint(ctx, Range(0, 3, 1, 1), Options{})
	if err != nil {
		return false, err
	}
	cached := Range(0, 3, 1, 1).Cached("probe")
	n, err := s.Count(ctx, cached.Substitute(map[string]string{cached.CachedInputs()[0].ID: kept.RelationID}), Options{})
	return n == 3, errors.Join(err, s.Release(ctx, kept))
}

// probePersist does not believe the answer: a plan that is persisted is read
// from memory, and says so.
func probePersist(ctx context.Context, s, _ *Session) (bool, error) {
	df := probeRange()
	persist := &sparkpb.AnalyzePlanRequest_Persist{Relation: df.relation()}
	if _, err := s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_Persist_{Persist: persist}}); err != nil {
		return false, err
	}
	text, err := s.Explain(ctx, df, "simple")
	unpersist := &sparkpb.AnalyzePlanRequest_Unpersist{Relation: df.relation()}
	_, dropped := s.analyze(ctx, df, &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_Unpersist_{Unpersist: unpersist}})
	return strings.Contains(text, "InMemoryTableScan") || strings.Contains(text, "InMemoryRelation"), errors.Join(err, dropped)
}

func probeCacheTable(ctx context.Context, s, _ *Session) (bool, error) {
	if err := s.Exec(ctx, "CACHE LAZY TABLE sparkstalk_probe AS SELECT 1 AS n", Options{}); err != nil {
		return false, err
	}
	return true, s.Exec(ctx, "UNCACHE TABLE IF EXISTS sparkstalk_probe", Options{})
}

func probeGlobalViews(ctx context.Context, s, main *Session) (bool, error) {
	kept, err := s.Checkpoint(ctx, Range(0, 3, 1, 1), Options{})
	if err != nil {
		return false, err
	}
	name := "sparkstalk_" + strings.ReplaceAll(uuid.NewString(), "-", "_")
	rows := &sparkpb.Relation{RelType: &sparkpb.Relation_CachedRemoteRelation{
		CachedRemoteRelation: &sparkpb.CachedRemoteRelation{RelationId: kept.RelationID},
	}}
	x, err := s.execute(ctx, command(viewCommand(rows, name, true, false)), Options{}, true)
	if err != nil {
		return false, err
	}
	if err := x.drain(func(*sparkpb.ExecutePlanResponse) {}); err != nil {
		return false, err
	}
	n, err := main.Count(ctx, SQL("SELECT * FROM global_temp."+name, nil, nil), Options{})
	return n == 3, errors.Join(err, s.Exec(ctx, "DROP VIEW IF EXISTS global_temp."+name, Options{}))
}

// probeProgress asks a few times: an answer that is ready at once comes without a
// report.
func probeProgress(ctx context.Context, s, _ *Session) (bool, error) {
	plan, err := query(Range(0, 3, 1, 1))
	if err != nil {
		return false, err
	}
	for range 5 {
		x, err := s.execute(ctx, plan, Options{}, true)
		if err != nil {
			return false, err
		}
		reported := false
		err = x.drain(func(r *sparkpb.ExecutePlanResponse) { reported = reported || r.GetExecutionProgress() != nil })
		if reported || err != nil {
			return reported, err
		}
	}
	return false, nil
}

// rpc makes of a request's outcome a probe's. An answer is a yes.
func (s *Session) rpc(ctx context.Context, err error) (bool, error) {
	if err != nil {
		return false, s.fail(ctx, s.current(), err)
	}
	return true, nil
}

func probeInterrupt(ctx context.Context, s, _ *Session) (bool, error) {
	_, err := s.interrupt(ctx, s.current(), uuid.NewString())
	return s.rpc(ctx, err)
}

func probeStatus(ctx context.Context, s, _ *Session) (bool, error) {
	_, err := s.client.GetStatus(ctx, &sparkpb.GetStatusRequest{SessionId: s.current().id, UserContext: s.user, ClientType: &s.agent})
	return s.rpc(ctx, err)
}

func probeErrorDetails(ctx context.Context, s, _ *Session) (bool, error) {
	_, err := s.client.FetchErrorDetails(ctx, &sparkpb.FetchErrorDetailsRequest{
		SessionId: s.current().id, UserContext: s.user, ClientType: &s.agent, ErrorId: uuid.NewString(),
	})
	return s.rpc(ctx, err)
}

func probeCloneSession(ctx context.Context, s, _ *Session) (bool, error) {
	answer, err := s.client.CloneSession(ctx, &sparkpb.CloneSessionRequest{SessionId: s.current().id, UserContext: s.user, ClientType: &s.agent})
	if err != nil {
		return s.rpc(ctx, err)
	}
	s.releaseSession(ctx, newGeneration(1, answer.GetNewSessionId()))
	return true, nil
}

func probeArtifacts(ctx context.Context, s, _ *Session) (bool, error) {
	data := []byte("sparkstalk")
	hash := sha256.Sum256(data)
	stream, err := s.client.AddArtifacts(ctx)
	if err != nil {
		return s.rpc(ctx, err)
	}
	err = stream.Send(&sparkpb.AddArtifactsRequest{
		SessionId: s.current().id, UserContext: s.user, ClientType: &s.agent,
		Payload: &sparkpb.AddArtifactsRequest_Batch_{Batch: &sparkpb.AddArtifactsRequest_Batch{
			Artifacts: []*sparkpb.AddArtifactsRequest_SingleChunkArtifact{{
				Name: "cache/" + hex.EncodeToString(hash[:]),
				Data: &sparkpb.AddArtifactsRequest_ArtifactChunk{Data: data, Crc: int64(crc32.ChecksumIEEE(data))},
			}},
		}},
	})
	answer, closed := stream.CloseAndRecv() // says why Send failed, if it did
	if closed != nil {
		return s.rpc(ctx, closed)
	}
	for _, summary := range answer.GetArtifacts() {
		if !summary.GetIsCrcSuccessful() {
			return false, nil
		}
	}
	return s.rpc(ctx, err)
}

// probeJavaFunctions registers a class that is not there: an engine that takes
// such looks for it.
func probeJavaFunctions(ctx context.Context, s, _ *Session) (bool, error) {
	const class = "io.sparkstalk.udf.NoSuchClass"
	err := s.registerJava(ctx, "sparkstalk_probe", &sparkpb.JavaUDF{
		ClassName: class, OutputType: &sparkpb.DataType{Kind: &sparkpb.DataType_Long_{Long: &sparkpb.DataType_Long{}}},
	})
	// The condition's name differs between versions.
	if engineError(err).Parameters["className"] == class {
		return true, nil
	}
	return err == nil, err
}

func probeSemanticHash(ctx context.Context, s, _ *Session) (bool, error) {
	plan, err := query(Range(0, 3, 1, 1))
	if err != nil {
		return false, err
	}
	_, err = s.analyze(ctx, nil, &sparkpb.AnalyzePlanRequest{Analyze: &sparkpb.AnalyzePlanRequest_SemanticHash_{
		SemanticHash: &sparkpb.AnalyzePlanRequest_SemanticHash{Plan: plan},
	}})
	return err == nil, err
}

// probeORC reads no file: the format is looked up before the folder.
func probeORC(ctx context.Context, s, _ *Session) (bool, error) {
	_, err := s.schema(ctx, Read("orc", "id BIGINT", nil, []string{os.TempDir() + "/sparkstalk-no-such-folder"}))
	e := engineError(err)
	missing := e.Condition == "PATH_NOT_FOUND" || strings.Contains(e.Message, "Path does not exist")
	return err == nil || missing, nil
}
