package hostfn

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// failing returns an invocation whose counts fail with err, and a frame.
func failing(t *testing.T, err error) (*Invocation, abi.Frame) {
	s := &session{count: func(context.Context, *spark.DataFrame, spark.Options) (int64, error) {
		return 0, fmt.Errorf("count: %w", err)
	}}
	i := open(t, s, Config{})
	return i, i.FrameRange(0, 1, 1, 0)
}

func TestEngineErrorsBecomePySparksExceptions(t *testing.T) {
	i, frame := failing(t, &spark.Error{
		Class: "org.apache.spark.sql.AnalysisException", Condition: "PATH_NOT_FOUND", SQLState: "42K03",
		Message: "[PATH_NOT_FOUND] Path does not exist: file:/nowhere. SQLSTATE: 42K03",
	})
	e, _ := errors.AsType[*abi.Error](actionError(i, frame))
	if e == nil || e.Module != "pyspark.errors" || e.Type != "AnalysisException" ||
		e.Message() != "[PATH_NOT_FOUND] Path does not exist: file:/nowhere. SQLSTATE: 42K03" {
		t.Errorf("got %+v, want Spark's own words", e)
	}
	i, frame = failing(t, &spark.Error{
		Class: "org.apache.spark.sql.AnalysisException", Condition: "X", SQLState: "42000", Message: "bad",
	})
	wantError(t, actionError(i, frame), "pyspark.errors.AnalysisException", "[X] bad SQLSTATE: 42000")
}

func TestALostSessionIsToldFromFaultsOfTheTask(t *testing.T) {
	for _, lost := range []error{spark.ErrSessionLost, spark.ErrUnavailable, spark.ErrRelationGone} {
		i, frame := failing(t, lost)
		err := actionError(i, frame)
		wantError(t, err, "sparkstalk.SparkSessionLost", "call the task again")
		if !errors.Is(err, lost) {
			t.Errorf("%v is not in the chain of %v", lost, err)
		}
		// The guest has only the JSON, and adds words of its own.
		seen, _ := errors.AsType[*abi.Error](err)
		returned := abi.Errorf(seen.Module+"."+seen.Type, "count the words: %s", seen.Message())
		if err := i.ResultError(marshal(t, returned)); err != nil {
			t.Fatal(err)
		}
		_, err = i.Result(t.Context())
		wantError(t, err, "sparkstalk.SparkSessionLost", "count the words: ")
		if !errors.Is(err, lost) {
			t.Errorf("%v is not in the chain of the result %v", lost, err)
		}
	}
}

func TestAnErrorOfTheGuestsOwnHasNoCauseOfTheEngine(t *testing.T) {
	i, frame := failing(t, spark.ErrSessionLost)
	if actionError(i, frame) == nil {
		t.Fatal("no error")
	}
	if err := i.ResultError(marshal(t, abi.Errorf("ValueError", "no words"))); err != nil {
		t.Fatal(err)
	}
	_, err := i.Result(t.Context())
	wantError(t, err, "ValueError", "no words")
	if errors.Is(err, spark.ErrSessionLost) {
		t.Errorf("%v is taken for a lost session", err)
	}
}

func TestAnEndedContextIsItsCause(t *testing.T) {
	revoked := errors.New("revoked")
	ctx, end := context.WithCancelCause(t.Context())
	s := &session{count: func(ctx context.Context, _ *spark.DataFrame, _ spark.Options) (int64, error) {
		end(revoked)
		return 0, fmt.Errorf("count: %w: %w", spark.ErrInterrupted, context.Cause(ctx))
	}}
	i := openTask(ctx, s, Config{}, Task{})
	if err := actionError(i, i.FrameRange(0, 1, 1, 0)); err != revoked {
		t.Errorf("action = %v, want the cause itself", err)
	}
	if err := i.ResultError(marshal(t, abi.Errorf("sparkstalk.HostError", "revoked"))); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Result(t.Context()); !errors.Is(err, revoked) {
		t.Errorf("Result = %v, want the cause in its chain", err)
	}
}

func TestWhatTheEngineLacksIsToldWithTheWayOut(t *testing.T) {
	i, frame := failing(t, &spark.LacksError{Engine: "Sail 0.7.2", Feature: spark.FeatureObserve, Way: "aggregate instead"})
	wantError(t, actionError(i, frame), "NotImplementedError", "Sail 0.7.2 does not have observe: aggregate instead")
}

func TestOtherErrorsAreNamedForWhatTheyAre(t *testing.T) {
	i, frame := failing(t, spark.ErrInterrupted)
	wantError(t, actionError(i, frame), "sparkstalk.SparkInterrupted")
	i, frame = failing(t, errors.New("no disk"))
	wantError(t, actionError(i, frame), "RuntimeError", "no disk")
}

func TestWhatCannotBeCachedIsAValueError(t *testing.T) {
	i := open(t, &session{}, Config{})
	insert := i.FrameCache(i.FrameSQL("INSERT INTO t SELECT 1", nil, nil), "my counts")
	wantError(t, actionError(i, i.FrameLimit(insert, 1)), "ValueError", `"my counts"`, "INSERT", "only DataFrames can be cached")
	bad := i.FrameCache(i.FrameRange(0, 1, 0, 0), "my counts")
	wantError(t, actionError(i, bad), "ValueError", `"my counts"`, "step is 0")
	evil := i.FrameCache(i.FrameSQL("SET a=b", nil, nil), "a\nb\x1b[31m")
	wantError(t, actionError(i, evil), "ValueError", `a\\nb\\x1b[31m`)
}
