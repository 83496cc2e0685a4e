package spark_test

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

func TestARequestIsSentAgainWhenTheEngineAsksForThat(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		o.Rows(1, 2)
		return nil
	})
	later, err := status.New(codes.ResourceExhausted, "too many").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	session := connect(t, server)
	server.Fail("ExecutePlan", later.Err(), later.Err())
	server.Fail("Config", later.Err())
	got, err := ids(t.Context(), session, anything, spark.Options{})
	if err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	// Without that word it is the caller's to know.
	server.Fail("ExecutePlan", status.Error(codes.ResourceExhausted, "too large"))
	if _, err := ids(t.Context(), session, anything, spark.Options{}); err == nil {
		t.Error("a refusal was not told")
	}
}
