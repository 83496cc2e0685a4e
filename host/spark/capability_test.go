package spark_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestCapabilitiesOfEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		want := spark.Capabilities{
			Engine: "Spark",
			Has: []spark.Feature{
				spark.FeatureArtifacts, spark.FeatureAsOfJoin, spark.FeatureCacheTable, spark.FeatureCheckpoint, spark.FeatureCloneSession,
				spark.FeatureErrorDetails, spark.FeatureFreqItems, spark.FeatureGlobalViews, spark.FeatureInterrupt, spark.FeatureJavaFunctions, spark.FeatureMaxBySeveral, spark.FeatureNamedArguments, spark.FeatureNearestJoin,
				spark.FeatureObserve, spark.FeatureORC, spark.FeatureParse, spark.FeaturePersist, spark.FeatureProgress, spark.FeatureQuantiles,
				spark.FeatureRepartitionID, spark.FeatureSemanticHash, spark.FeatureStatus, spark.FeatureDistinctCounts,
				spark.FeatureTableFunctions, spark.FeatureToSchema, spark.FeatureTranspose, spark.FeatureWatermark, spark.FeatureZip, spark.FeatureRowIndex,
			},
			Catalogs: []string{"spark_catalog"},
		}
		if engine == "sail" {
			want.Engine, want.Catalogs = "Sail", []string{"sail", "system"}
			want.Lacks = want.Has
			want.Has = []spark.Feature{spark.FeatureCheckpoint, spark.FeatureInterrupt}
			want.Lacks = slices.DeleteFunc(want.Lacks, func(f spark.Feature) bool { return slices.Contains(want.Has, f) })
		}
		got, err := session.Capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Engine != want.Engine || !strings.Contains(got.Version, ".") || !slices.Equal(got.Catalogs, want.Catalogs) {
			t.Errorf("got %s %s with catalogs %v, want %s with %v", got.Engine, got.Version, got.Catalogs, want.Engine, want.Catalogs)
		}
		if !slices.Equal(got.Has, want.Has) || !slices.Equal(got.Lacks, want.Lacks) {
			t.Errorf("has %v\nlacks %v\nwant it to have %v\nand lack %v", got.Has, got.Lacks, want.Has, want.Lacks)
		}
		for _, feature := range got.Has {
			if err := session.Lacks(t.Context(), feature); err != nil {
				t.Errorf("%s: %v", feature, err)
			}
		}
		for _, feature := range got.Lacks {
			lack, ok := errors.AsType[*spark.LacksError](session.Lacks(t.Context(), feature))
			if !ok || !strings.Contains(lack.Error(), "Sail 0.") || !strings.Contains(lack.Error(), "local[*]") {
				t.Errorf("%s: %v", feature, lack)
			}
		}
	})
}

func TestAnUnsupportedStepNamesTheEngineAndTheWayOut(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		_, err := rows(t.Context(), session, spark.SQL("SELECT session_window(ts, '5 minutes') FROM VALUES (timestamp '2024-01-01 00:00:00') AS t(ts) GROUP BY session_window(ts, '5 minutes')", nil, nil), spark.RowArrays)
		if engine == "spark" {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), "Sail does not have this") || !strings.Contains(err.Error(), "local[*]") {
			t.Errorf("got %v", err)
		}
	})
}
