package hostfn

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func (s *session) Ping(context.Context) error { return nil }

func (s *session) Write(_ context.Context, df *spark.DataFrame, w spark.Write, _ spark.Options) error {
	s.writes++
	return s.written(df, w)
}

func TestWritesRunOnceOverCachedFrames(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Write")
		path := filepath.Join(t.TempDir(), "out")
		frame := i.FrameCache(i.FrameRange(0, 5, 1, 1), "five")
		spec := marshal(t, abi.WriteSpec{Path: path, Format: "parquet", Mode: "error"})
		if err := i.ActionWrite(frame, spec); err != nil {
			t.Fatal(err)
		}
		if n, err := i.ActionCount(i.FrameRead("parquet", "", nil, []string{path})); err != nil || n != 5 {
			t.Errorf("got %d, %v", n, err)
		}
		if len(w.cache.Entries()) != 1 {
			t.Error("the cached frame was not built by the write")
		}
		wantError(t, i.ActionWrite(frame, spec), "pyspark.errors.AnalysisException", "already exists")
	})
}

func TestALostSessionDoesNotRepeatAWrite(t *testing.T) {
	for _, loss := range []error{spark.ErrSessionLost, spark.ErrRelationGone, spark.ErrUnavailable} {
		s := &session{written: func(*spark.DataFrame, spark.Write) error { return loss }}
		i := open(t, s, Config{})
		err := i.ActionWrite(i.FrameCache(i.FrameRange(0, 5, 1, 1), "five"), marshal(t, abi.WriteSpec{Path: "/x"}))
		wantError(t, err, "sparkstalk.SparkSessionLost")
		if s.writes != 1 {
			t.Errorf("%v: written %d times", loss, s.writes)
		}
	}
}

func TestBadWriteSpecs(t *testing.T) {
	s := &session{written: func(*spark.DataFrame, spark.Write) error { return nil }}
	i := open(t, s, Config{})
	frame := i.FrameRange(0, 5, 1, 1)
	wantError(t, i.ActionWrite(99, []byte(`{}`)), "sparkstalk.BadHandle", "frame 99 does not exist")
	wantError(t, i.ActionWrite(frame, []byte(`{"partitionBy":["a"]}`)), "ValueError", `unknown field "partitionBy"`)
	wantError(t, i.ActionWrite(frame, []byte("\xff")), "ValueError", "ActionWrite")
	wantError(t, i.ActionWrite(frame, nil), "ValueError", "ActionWrite")
	wantError(t, i.ActionWriteTo(frame, []byte(`{"table":"t","mode":"create","partitioned_by":[7]}`)), "sparkstalk.BadHandle", "expression 7 does not exist")
	wantError(t, i.ActionMerge(frame, []byte(`{"table":"t","condition":8}`)), "sparkstalk.BadHandle", "expression 8 does not exist")
	wantError(t, i.ActionMerge(frame, []byte(`{"table":"t","condition":-1}`)), "ValueError", "condition")
	wantError(t, i.ActionWrite(i.FrameSelect(frame, []abi.Expr{5}), []byte(`{"path":"/x"}`)), "sparkstalk.BadHandle", "expression 5")
	if s.writes != 0 {
		t.Errorf("%d writes", s.writes)
	}
}

func TestTheSharedSessionIsNotATasksToChange(t *testing.T) {
	i := open(t, &session{}, Config{TaskConf: []string{"spark.sql.shuffle.partitions", "spark.mine.*"}})
	for _, method := range []string{"setCurrentDatabase", "setCurrentCatalog", "clearCache"} {
		_, err := i.ActionCatalog(marshal(t, abi.CatalogCall{Call: method}))
		wantError(t, err, "PermissionError", method, "share")
	}
	for _, key := range []string{"spark.sql.ansi.enabled", "spark.sql.shuffle.partitions.x", ""} {
		for _, method := range []string{"set", "unset"} {
			_, err := i.ActionConf(marshal(t, abi.ConfCall{Call: method, Key: key}))
			wantError(t, err, "PermissionError", "task_conf")
		}
	}
	for _, key := range []string{"spark.sql.shuffle.partitions", "spark.mine.a"} {
		if !i.mayConf(key) {
			t.Errorf("%s is refused", key)
		}
	}
}

func TestCatalogAndConfOnEngines(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.Catalog")
		got, err := i.ActionCatalog(marshal(t, abi.CatalogCall{Call: "tableExists", Name: "nosuch"}))
		if err != nil || string(got) != "false" {
			t.Errorf("got %s, %v", got, err)
		}
		_, err = i.ActionCatalog(marshal(t, abi.CatalogCall{Call: "tableExists"}))
		wantError(t, err, "ValueError", "no name is given")
		got, err = i.ActionConf(marshal(t, abi.ConfCall{Call: "get", Key: "spark.sql.shuffle.partitions"}))
		var value string
		if err != nil || json.Unmarshal(got, &value) != nil || value == "" {
			t.Errorf("got %s, %v", got, err)
		}
	})
}
