package spark_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// send sends a batch message as it is.
func send(o *sparktest.Operation, m *sparkpb.ExecutePlanResponse_ArrowBatch) {
	o.Send(&sparkpb.ExecutePlanResponse{ResponseType: &sparkpb.ExecutePlanResponse_ArrowBatch_{ArrowBatch: m}})
}

// piece is part i of n of a batch.
func piece(data []byte, i, n int64) *sparkpb.ExecutePlanResponse_ArrowBatch {
	size := (int64(len(data)) + n - 1) / n
	return &sparkpb.ExecutePlanResponse_ArrowBatch{Data: data[i*size : min((i+1)*size, int64(len(data)))], ChunkIndex: &i, NumChunksInBatch: &n}
}

func TestBatchesInPieces(t *testing.T) {
	whole := sparktest.Batch(1, 2, 3)
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		o.CutAfter(2, away) // amid a batch
		for i := range int64(3) {
			send(o, piece(whole, i, 3))
		}
		send(o, piece(sparktest.Batch(4), 0, 1))
		return nil
	})
	got, err := ids(t.Context(), connect(t, server), anything, spark.Options{})
	if err != nil || !slices.Equal(got, []int64{1, 2, 3, 4}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestEmptyBatchesArePassedOver(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		o.Send(&sparkpb.ExecutePlanResponse{}) // a schema, metrics
		o.Rows()
		o.Rows(1)
		o.Rows()
		return nil
	})
	session := connect(t, server)
	got, err := ids(t.Context(), session, anything, spark.Options{})
	if err != nil || !slices.Equal(got, []int64{1}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAResultWithoutRowsHasASchema(t *testing.T) {
	for name, script := range map[string]sparktest.Script{
		"a query":   func(o *sparktest.Operation) error { o.Rows(); return nil },
		"a command": func(*sparktest.Operation) error { return nil },
	} {
		stream, err := connect(t, sparktest.Start(t, script)).Collect(t.Context(), anything, spark.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if stream.Schema() == nil || stream.Next() || stream.Err() != nil {
			t.Errorf("%s: got schema %v, error %v", name, stream.Schema(), stream.Err())
		}
		var out strings.Builder
		if err := spark.WriteJSON(&out, stream, spark.RowObjects, 2); err != nil || out.String() != "[]" {
			t.Errorf("%s: got %q, %v", name, out.String(), err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBrokenResultsAreErrors(t *testing.T) {
	whole := sparktest.Batch(1, 2, 3)
	seven := int64(7)
	for name, script := range map[string]sparktest.Script{
		"a piece is missing": func(o *sparktest.Operation) error {
			send(o, piece(whole, 0, 3))
			send(o, piece(whole, 2, 3))
			return nil
		},
		"the last is missing": func(o *sparktest.Operation) error { send(o, piece(whole, 0, 2)); return nil },
		"rows are missing": func(o *sparktest.Operation) error {
			send(o, &sparkpb.ExecutePlanResponse_ArrowBatch{Data: whole, StartOffset: &seven})
			return nil
		},
		"not Arrow": func(o *sparktest.Operation) error {
			send(o, &sparkpb.ExecutePlanResponse_ArrowBatch{Data: []byte("no batch at all")})
			return nil
		},
		"cut Arrow": func(o *sparktest.Operation) error {
			send(o, &sparkpb.ExecutePlanResponse_ArrowBatch{Data: whole[:len(whole)-200]})
			return nil
		},
		"a row that is too large": func(o *sparktest.Operation) error {
			n := int64(math.MaxInt32)
			for i := range int64(6) {
				send(o, &sparkpb.ExecutePlanResponse_ArrowBatch{Data: make([]byte, 30<<20), ChunkIndex: &i, NumChunksInBatch: &n})
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := sparktest.Start(t, script)
			got, err := ids(t.Context(), connect(t, server), anything, spark.Options{})
			if err == nil {
				t.Errorf("got %v and no error", got)
			}
			eventually(t, "the execution is released", func() bool { return server.Operations() == 0 })
		})
	}
}

func TestALongMessageIsFetchedWhole(t *testing.T) {
	cut := strings.Repeat("x", 2045) + "..."
	server := sparktest.Start(t, func(*sparktest.Operation) error {
		return sparktest.ErrorWith(cut, map[string]string{"errorClass": "LONG", "errorId": "id-1"}, "org.apache.spark.SparkException")
	})
	session := connect(t, server)
	_, err := session.Count(t.Context(), anything, spark.Options{OperationID: "7b2f0a4c-8a52-4f8e-9f5a-0b1f3ad2f6d1"})
	e, ok := errors.AsType[*spark.Error](err)
	if !ok || e.Message != "the whole message of id-1" || e.Condition != "LONG" || e.Operation != "7b2f0a4c-8a52-4f8e-9f5a-0b1f3ad2f6d1" {
		t.Errorf("got %+v", e)
	}
	// What cannot be fetched stays as it came.
	server.Fail("FetchErrorDetails", status.Error(codes.Unimplemented, "no"))
	_, err = session.Count(t.Context(), anything, spark.Options{})
	if e, ok := errors.AsType[*spark.Error](err); !ok || e.Message != cut {
		t.Errorf("got %+v", e)
	}
}

func TestRefusalsOfTheServerAreErrors(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := connect(t, server)
	for _, code := range []codes.Code{codes.Unauthenticated, codes.ResourceExhausted, codes.Unknown, codes.Unimplemented} {
		server.Fail("ExecutePlan", status.Error(code, "no"))
		_, err := session.Count(t.Context(), anything, spark.Options{})
		if e, ok := errors.AsType[*spark.Error](err); !ok || e.Code != code.String() {
			t.Errorf("%s: got %v", code, err)
		}
	}
}

func TestProgressNeverFalls(t *testing.T) {
	stage := func(done, tasks int64) *sparkpb.ExecutePlanResponse_ExecutionProgress_StageInfo {
		return &sparkpb.ExecutePlanResponse_ExecutionProgress_StageInfo{NumTasks: tasks, NumCompletedTasks: done, InputBytesRead: 10}
	}
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		for _, stages := range [][]*sparkpb.ExecutePlanResponse_ExecutionProgress_StageInfo{
			nil, {stage(1, 4)}, {stage(3, 4)}, {stage(4, 4), stage(0, 12)}, {stage(4, 4), stage(12, 12)},
		} {
			o.Send(&sparkpb.ExecutePlanResponse{ResponseType: &sparkpb.ExecutePlanResponse_ExecutionProgress_{
				ExecutionProgress: &sparkpb.ExecutePlanResponse_ExecutionProgress{Stages: stages, NumInflightTasks: 2},
			}})
		}
		o.Rows(1)
		return nil
	})
	var got []spark.Progress
	_, err := ids(t.Context(), connect(t, server), anything, spark.Options{Progress: func(p spark.Progress) { got = append(got, p) }})
	if err != nil {
		t.Fatal(err)
	}
	want := []spark.Progress{
		{Stages: 1, Tasks: 4, Done: 1, Running: 2, BytesRead: 10, Fraction: 0.25},
		{Stages: 1, Tasks: 4, Done: 3, Running: 2, BytesRead: 10, Fraction: 0.75},
		{Stages: 2, Tasks: 16, Done: 4, Running: 2, BytesRead: 20, Fraction: 0.75},
		{Stages: 2, Tasks: 16, Done: 16, Running: 2, BytesRead: 20, Fraction: 0.99},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestResultsThatAreNotACount(t *testing.T) {
	for name, script := range map[string]sparktest.Script{
		"none": func(o *sparktest.Operation) error { o.Rows(); return nil },
		"two":  func(o *sparktest.Operation) error { o.Rows(1, 2); return nil },
	} {
		if n, err := connect(t, sparktest.Start(t, script)).Count(t.Context(), anything, spark.Options{}); err == nil {
			t.Errorf("%s: got %d", name, n)
		}
	}
	if c, err := connect(t, sparktest.Start(t, twoBatches)).Checkpoint(t.Context(), anything, spark.Options{}); err == nil {
		t.Errorf("got checkpoint %+v", c)
	}
}
