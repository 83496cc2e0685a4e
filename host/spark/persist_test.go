package spark_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

func TestPersistIsRealOrRefused(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		// The text makes it a plan that no other test has persisted.
		df := spark.Range(0, 4, 1, 2).WithColumns([]string{"run"}, []*spark.Column{spark.Lit(uuid.NewString())})
		level, err := spark.ParseStorageLevel("disk_only")
		if err != nil {
			t.Fatal(err)
		}
		err = session.Persist(t.Context(), df, level)
		if engine == "sail" {
			_, levelErr := session.StorageLevel(t.Context(), df)
			for _, err := range []error{err, session.Unpersist(t.Context(), df, true), levelErr} {
				if lacks, ok := errors.AsType[*spark.LacksError](err); !ok || lacks.Feature != spark.FeaturePersist {
					t.Errorf("got %v", err)
				}
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		check := func(want string) {
			t.Helper()
			if got, err := session.StorageLevel(t.Context(), df); err != nil || got.String() != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		}
		check("DISK_ONLY")
		if got, err := ids(t.Context(), session, df, spark.Options{}); err != nil || len(got) != 4 {
			t.Errorf("got %v, %v", got, err)
		}
		plan, err := session.Explain(t.Context(), df, "simple")
		if err != nil || !strings.Contains(plan, "InMemoryTableScan") {
			t.Errorf("the rows are not read from where they are kept: %s, %v", plan, err)
		}
		if err := session.Unpersist(t.Context(), df, true); err != nil {
			t.Error(err)
		}
		check("NONE")
	})
}

func TestStorageLevelsHavePySparksNames(t *testing.T) {
	for name, want := range map[string]spark.StorageLevel{
		"":                      {UseDisk: true, UseMemory: true, Deserialized: true, Replication: 1},
		"MEMORY_AND_DISK_DESER": {UseDisk: true, UseMemory: true, Deserialized: true, Replication: 1},
		"Memory_Only_2":         {UseMemory: true, Replication: 2},
		"OFF_HEAP":              {UseDisk: true, UseMemory: true, UseOffHeap: true, Replication: 1},
	} {
		got, err := spark.ParseStorageLevel(name)
		if err != nil || got != want || name != "" && !strings.EqualFold(got.String(), name) {
			t.Errorf("%q: got %s, %v", name, got, err)
		}
	}
	if _, err := spark.ParseStorageLevel("RAM"); err == nil || !strings.Contains(err.Error(), `"RAM" is unknown; it is one of DISK_ONLY, DISK_ONLY_2`) {
		t.Errorf("got %v", err)
	}
	if got := (spark.StorageLevel{UseMemory: true, Deserialized: true}).String(); got != "StorageLevel(false, true, false, true, 1)" {
		t.Errorf("got %s", got)
	}
}
