package spark_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

var canceled = sparktest.Error("OPERATION_CANCELED", "org.apache.spark.SparkSQLException", "[OPERATION_CANCELED] Operation has been canceled. SQLSTATE: HY008")

// endless answers nothing, or rows for ever, until it is interrupted.
func endless(o *sparktest.Operation) error {
	<-o.Context().Done()
	return canceled
}

func TestTheEndOfTheContextStopsTheExecution(t *testing.T) {
	revoked := errors.New("revoked")
	stopped := make(chan struct{})
	for _, c := range []struct {
		name   string
		script sparktest.Script
	}{
		{"before a response", endless},
		{"after rows", func(o *sparktest.Operation) error {
			o.Rows(1)
			return endless(o)
		}},
		{"as Sail", func(o *sparktest.Operation) error {
			<-o.Context().Done()
			return sparktest.ErrQuiet
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := sparktest.Start(t, func(o *sparktest.Operation) error {
				defer func() { stopped <- struct{}{} }()
				return c.script(o)
			})
			session := connect(t, server)
			ctx, cancel := contextWithCause(t)
			time.AfterFunc(50*time.Millisecond, func() { cancel(revoked) })
			id := uuid.NewString()
			_, err := ids(ctx, session, anything, spark.Options{OperationID: id})
			if !errors.Is(err, spark.ErrInterrupted) || !errors.Is(err, revoked) {
				t.Errorf("got %v, want ErrInterrupted and the cause", err)
			}
			// Not only the waiting has ended: the engine was told before.
			select {
			case <-stopped:
			case <-time.After(time.Minute):
				t.Fatal("the execution goes on")
			}
			interrupts := server.Requests("Interrupt")
			if len(interrupts) == 0 || interrupts[0].Message.(*sparkpb.InterruptRequest).GetOperationId() != id {
				t.Errorf("got %v, want an interrupt of %s", interrupts, id)
			}
			eventually(t, "the execution is released", func() bool { return server.Operations() == 0 })
		})
	}
}

func TestAnInterruptWaitsForAnExecutionOnItsWay(t *testing.T) {
	stopped := make(chan struct{})
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		defer close(stopped)
		return endless(o)
	})
	arrive := make(chan struct{})
	server.Hold("ExecutePlan", arrive)
	session := connect(t, server)
	ctx, cancel := contextWithCause(t)
	time.AfterFunc(20*time.Millisecond, func() { cancel(nil) })
	time.AfterFunc(40*time.Millisecond, func() {
		// The first interrupt found nothing.
		eventually(t, "an interrupt", func() bool { return len(server.Requests("Interrupt")) > 0 })
		close(arrive)
	})
	if _, err := ids(ctx, session, anything, spark.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cause", err)
	}
	select {
	case <-stopped:
	case <-time.After(time.Minute):
		t.Fatal("the execution goes on")
	}
}

func TestAnEndedContextSendsNothing(t *testing.T) {
	server := sparktest.Start(t, endless)
	ctx, cancel := contextWithCause(t)
	expired := errors.New("expired")
	cancel(expired)
	if _, err := ids(ctx, connect(t, server), anything, spark.Options{}); !errors.Is(err, expired) {
		t.Errorf("got %v, want the cause", err)
	}
	if n := len(server.Requests("ExecutePlan")); n != 0 {
		t.Errorf("%d plans were sent", n)
	}
}

func TestAnInterruptBySomeoneElse(t *testing.T) {
	for name, c := range map[string]struct {
		manners sparktest.Manners
		end     error
	}{
		"Spark": {sparktest.Manners{}, canceled},
		"Sail":  {sparktest.Manners{Trusting: true}, sparktest.ErrQuiet},
	} {
		t.Run(name, func(t *testing.T) {
			server := sparktest.StartWith(t, c.manners, func(*sparktest.Operation) error { return c.end })
			_, err := ids(t.Context(), connect(t, server), anything, spark.Options{})
			if !errors.Is(err, spark.ErrInterrupted) {
				t.Errorf("got %v, want ErrInterrupted", err)
			}
			if n := len(server.Requests("ExecutePlan")); n != 1 {
				t.Errorf("sent %d times, want once", n)
			}
		})
	}
}

func TestAStreamGivenUpIsInterrupted(t *testing.T) {
	stopped := make(chan struct{})
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		defer close(stopped)
		o.Rows(1, 2)
		return endless(o)
	})
	stream, err := connect(t, server).Collect(t.Context(), anything, spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
	}
	if stream.Next() {
		t.Error("there are rows after Close")
	}
	select {
	case <-stopped:
	case <-time.After(time.Minute):
		t.Fatal("the execution goes on")
	}
	eventually(t, "the execution is released", func() bool { return server.Operations() == 0 })
}
