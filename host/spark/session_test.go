package spark_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

func TestALostSessionIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		manners sparktest.Manners
		lose    func(*sparktest.Server)
	}{
		"a restarted Spark": {sparktest.Manners{}, (*sparktest.Server).Restart},
		"a restarted Sail":  {sparktest.Manners{Trusting: true}, (*sparktest.Server).Restart},
		"evicted by Spark":  {sparktest.Manners{}, (*sparktest.Server).CloseSessions},
		"evicted by Sail":   {sparktest.Manners{Trusting: true}, (*sparktest.Server).CloseSessions},
	} {
		t.Run(name, func(t *testing.T) {
			server := sparktest.StartWith(t, c.manners, twoBatches)
			session := connect(t, server)
			ctx := t.Context()
			if _, err := ids(ctx, session, anything, spark.Options{}); err != nil {
				t.Fatal(err)
			}
			id := session.ID()
			c.lose(server)
			got, err := ids(ctx, session, anything, spark.Options{})
			if !errors.Is(err, spark.ErrSessionLost) || len(got) != 0 {
				t.Errorf("got %v, %v, want ErrSessionLost and no rows", got, err)
			}
			if session.Generation() != 2 || session.ID() == id {
				t.Errorf("got generation %d with id %s after %s", session.Generation(), session.ID(), id)
			}
			if got, err := ids(ctx, session, anything, spark.Options{}); err != nil || len(got) != 4 {
				t.Errorf("the new session: got %v, %v", got, err)
			}
			if session.Generation() != 2 {
				t.Errorf("got generation %d, want still 2", session.Generation())
			}
		})
	}
}

func TestARestartAmidAnExecutionLosesTheSession(t *testing.T) {
	for name, manners := range map[string]sparktest.Manners{"Spark": {}, "Sail": {Trusting: true}} {
		t.Run(name, func(t *testing.T) {
			server := sparktest.StartWith(t, manners, func(o *sparktest.Operation) error {
				o.Rows(1, 2)
				return endless(o)
			})
			session := connect(t, server)
			stream, err := session.Collect(t.Context(), anything, spark.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !stream.Next() {
				t.Fatal(stream.Err())
			}
			server.Restart()
			if stream.Next() {
				t.Error("there are rows of another engine")
			}
			if err := stream.Err(); !errors.Is(err, spark.ErrSessionLost) {
				t.Errorf("got %v, want ErrSessionLost", err)
			}
			if session.Generation() != 2 {
				t.Errorf("got generation %d, want 2", session.Generation())
			}
		})
	}
}

func TestEveryRequestSaysWhomItBelievesToSpeakTo(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := connect(t, server)
	ctx := t.Context()
	for range 2 {
		if _, err := ids(ctx, session, anything, spark.Options{Tags: []string{"task-1", "demo.Count"}}); err != nil {
			t.Fatal(err)
		}
	}
	requests := server.Requests("ExecutePlan")
	first, second := requests[0].Message.(*sparkpb.ExecutePlanRequest), requests[1].Message.(*sparkpb.ExecutePlanRequest)
	for _, m := range []*sparkpb.ExecutePlanRequest{first, second} {
		if m.GetClientObservedServerSideSessionId() == "" {
			t.Error("a plan does not say the server's id")
		}
	}
	if first.GetOperationId() == second.GetOperationId() || first.GetOperationId() == "" {
		t.Errorf("got operations %q and %q", first.GetOperationId(), second.GetOperationId())
	}
	if !slices.Equal(second.GetTags(), []string{"task-1", "demo.Count"}) {
		t.Errorf("got tags %q", second.GetTags())
	}
	if !second.GetRequestOptions()[0].GetReattachOptions().GetReattachable() {
		t.Error("the execution cannot be taken up again")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := connect(t, server)
	for _, opt := range []spark.Options{{Tags: []string{""}}, {Tags: []string{"a", "b,c"}}, {OperationID: "mine"}} {
		if _, err := session.Count(t.Context(), anything, opt); err == nil {
			t.Errorf("%+v was accepted", opt)
		}
	}
	if n := len(server.Requests("ExecutePlan")); n != 0 {
		t.Errorf("%d plans were sent", n)
	}
}

func TestRunKeepsTheSessionInUse(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := openWith(t, spark.Config{Remote: server.Remote(), KeepAlive: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- session.Run(ctx) }()
	eventually(t, "three pings", func() bool { return len(server.Requests("Config")) >= 3 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
}

func TestCloseTellsTheEngine(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		for n := range int64(100) {
			o.Rows(n)
		}
		return nil
	})
	session, err := spark.Open(spark.Config{Remote: server.Remote()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ids(t.Context(), session, anything, spark.Options{})
	if err != nil || len(got) != 100 {
		t.Fatalf("got %d rows, %v", len(got), err)
	}
	for range 2 {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := server.Operations(); n != 0 {
		t.Errorf("%d executions are remembered", n)
	}
	until := 0
	for _, r := range server.Requests("ReleaseExecute") {
		if r.Message.(*sparkpb.ReleaseExecuteRequest).GetReleaseUntil() != nil {
			until++
		}
	}
	if until == 0 || until > 10 {
		t.Errorf("%d of 100 responses were released one by one", until)
	}
	if n := len(server.Requests("ReleaseSession")); n != 1 {
		t.Errorf("the session was released %d times", n)
	}
	for name, call := range map[string]func() error{
		"Ping":    func() error { return session.Ping(t.Context()) },
		"Count":   func() error { _, err := session.Count(t.Context(), anything, spark.Options{}); return err },
		"Version": func() error { _, err := session.Version(t.Context()); return err },
		"Ready":   func() error { return session.Ready(t.Context()) },
	} {
		if err := call(); !errors.Is(err, spark.ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
}

func TestCloseOfASessionUnderWay(t *testing.T) {
	server := sparktest.Start(t, endless)
	session, err := spark.Open(spark.Config{Remote: server.Remote()})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := ids(t.Context(), session, anything, spark.Options{})
		ended <- err
	}()
	eventually(t, "the execution", func() bool { return server.Operations() == 1 })
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, spark.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestASessionOfAGivenIDIsNotReleased(t *testing.T) {
	const id = "7b2f0a4c-8a52-4f8e-9f5a-0b1f3ad2f6d1"
	server := sparktest.Start(t, twoBatches)
	session, err := spark.Open(spark.Config{Remote: server.Remote() + "/;session_id=" + id})
	if err != nil {
		t.Fatal(err)
	}
	if session.ID() != id {
		t.Errorf("got id %s", session.ID())
	}
	if _, err := ids(t.Context(), session, anything, spark.Options{}); err != nil {
		t.Error(err)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if n := len(server.Requests("ReleaseSession")); n != 0 {
		t.Error("the session was released")
	}
}

func TestHeadersAndTokenGoWithEveryRequest(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := openWith(t, spark.Config{Remote: server.Remote() + "/;token=a%2Fb;x-cluster=c1;user_id=ann;user_agent=tests"})
	if _, err := ids(t.Context(), session, anything, spark.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := session.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"ExecutePlan", "Config"} {
		r := server.Requests(method)[0]
		if got := r.Header.Get("authorization"); !slices.Equal(got, []string{"Bearer a/b"}) {
			t.Errorf("%s: got authorization %q", method, got)
		}
		if got := r.Header.Get("x-cluster"); !slices.Equal(got, []string{"c1"}) {
			t.Errorf("%s: got x-cluster %q", method, got)
		}
	}
	m := server.Requests("ExecutePlan")[0].Message.(*sparkpb.ExecutePlanRequest)
	if m.GetUserContext().GetUserId() != "ann" || !strings.HasPrefix(m.GetClientType(), "tests ") {
		t.Errorf("got user %v, client %q", m.GetUserContext(), m.GetClientType())
	}
}

func TestReadyWaitsForTheEngine(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		o.Rows(1)
		return nil
	})
	session := openWith(t, spark.Config{Remote: server.Remote(), Address: server.Address, Patience: -1})
	server.Stop()
	time.AfterFunc(200*time.Millisecond, server.Restart)
	if err := session.Ready(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := session.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	server.Restart()
	server.Fail("ExecutePlan", sparktest.Error("", "java.lang.IllegalStateException", "no more"))
	if err := session.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Errorf("got %v, want the engine's refusal", err)
	}
}
