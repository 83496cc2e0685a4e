package spark_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

var away = status.Error(codes.Unavailable, "error reading from server: unexpected EOF")

// twoBatches answers with the rows 1 to 4.
func twoBatches(o *sparktest.Operation) error {
	o.Rows(1, 2)
	o.Rows(3, 4)
	return nil
}

func TestAStreamIsTakenUpAgainWhereItEnded(t *testing.T) {
	disconnected := sparktest.Error("INVALID_CURSOR.DISCONNECTED", "org.apache.spark.SparkSQLException", "[INVALID_CURSOR.DISCONNECTED]")
	for _, c := range []struct {
		name string
		cuts map[int]error
	}{
		{"before its first word", map[int]error{0: nil}},
		{"after the first batch", map[int]error{1: nil}},
		{"after each response", map[int]error{0: nil, 1: nil, 2: nil}},
		{"after the last batch", map[int]error{2: nil}},
		{"by a broken connection", map[int]error{1: away}},
		{"by a broken connection before its first word", map[int]error{0: away}},
		{"again and again", map[int]error{0: away, 1: away, 2: away}},
		{"by another reader", map[int]error{1: disconnected}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := sparktest.Start(t, func(o *sparktest.Operation) error {
				for n, err := range c.cuts {
					o.CutAfter(n, err)
				}
				return twoBatches(o)
			})
			got, err := ids(t.Context(), connect(t, server), anything, spark.Options{})
			if err != nil || !slices.Equal(got, []int64{1, 2, 3, 4}) {
				t.Errorf("got %v, %v, want the rows 1 to 4, each once", got, err)
			}
			if n := len(server.Requests("ExecutePlan")); n != 1 {
				t.Errorf("the plan was sent %d times", n)
			}
			if n := len(server.Requests("ReattachExecute")); n != len(c.cuts) {
				t.Errorf("taken up again %d times, want %d", n, len(c.cuts))
			}
		})
	}
}

func TestAReattachNamesTheLastResponse(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		o.CutAfter(0, nil)
		o.CutAfter(1, nil)
		return twoBatches(o)
	})
	session := connect(t, server)
	if _, err := ids(t.Context(), session, anything, spark.Options{}); err != nil {
		t.Fatal(err)
	}
	begun := server.Requests("ExecutePlan")[0].Message.(*sparkpb.ExecutePlanRequest)
	var last []string
	for _, r := range server.Requests("ReattachExecute") {
		m := r.Message.(*sparkpb.ReattachExecuteRequest)
		last = append(last, m.GetLastResponseId())
		if m.GetOperationId() != begun.GetOperationId() || m.GetSessionId() != session.ID() {
			t.Errorf("reattached to %v, want operation %s", m, begun.GetOperationId())
		}
	}
	if !slices.Equal(last, []string{"", "response-1"}) {
		t.Errorf("got last responses %q", last)
	}
}

func TestAStreamThatNeverSaysAnythingIsGivenUp(t *testing.T) {
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		o.Mute()
		<-o.Context().Done()
		return nil
	})
	_, err := ids(t.Context(), connect(t, server), anything, spark.Options{})
	if !errors.Is(err, spark.ErrUnavailable) || !strings.Contains(err.Error(), "without a result") {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestAnExecutionThatNeverArrivedIsSentAgain(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	server.Fail("ExecutePlan", away)
	got, err := ids(t.Context(), connect(t, server), anything, spark.Options{})
	if err != nil || len(got) != 4 {
		t.Errorf("got %v, %v", got, err)
	}
	if n := len(server.Requests("ExecutePlan")); n != 2 {
		t.Errorf("sent %d times, want 2", n)
	}
	if n := len(server.Requests("ReattachExecute")); n != 1 {
		t.Errorf("asked %d times whether it had arrived, want once", n)
	}
}

func TestACommandThatMayHaveRunIsNotSentAgain(t *testing.T) {
	server := sparktest.StartWith(t, sparktest.Manners{Trusting: true}, twoBatches)
	server.Fail("ExecutePlan", away)
	err := connect(t, server).Exec(t.Context(), "INSERT INTO t VALUES (1)", spark.Options{})
	if !errors.Is(err, spark.ErrUnavailable) || !strings.Contains(err.Error(), "dropped") {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if n := len(server.Requests("ExecutePlan")); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
	// Spark says for certain that it never saw the operation.
	server = sparktest.Start(t, twoBatches)
	server.Fail("ExecutePlan", away)
	if err := connect(t, server).Exec(t.Context(), "INSERT INTO t VALUES (1)", spark.Options{}); err != nil {
		t.Errorf("got %v, want it to be sent again", err)
	}
}

func TestAnEngineThatIsAwayIsWaitedFor(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := connect(t, server)
	server.Stop()
	time.AfterFunc(300*time.Millisecond, server.Restart)
	got, err := ids(t.Context(), session, anything, spark.Options{})
	if err != nil || len(got) != 4 {
		t.Errorf("got %v, %v", got, err)
	}
}

// halfway is a server that sends two of four rows, and the others once proceed is closed.
func halfway(t *testing.T) (server *sparktest.Server, proceed chan struct{}) {
	proceed = make(chan struct{})
	return sparktest.Start(t, func(o *sparktest.Operation) error {
		o.Rows(1, 2)
		<-proceed
		o.Rows(3, 4)
		return nil
	}), proceed
}

// allRows collects four rows, to which meanwhile happens as soon as they are asked for.
func allRows(t *testing.T, session *spark.Session, meanwhile func()) {
	t.Helper()
	stream, err := session.Collect(t.Context(), anything, spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	meanwhile()
	n := int64(0)
	for stream.Next() {
		n += stream.Record().NumRows()
	}
	if n != 4 || stream.Err() != nil {
		t.Errorf("got %d rows, %v, want 4", n, stream.Err())
	}
}

func TestAConnectionThatBreaksCostsNothing(t *testing.T) {
	server, proceed := halfway(t)
	allRows(t, connect(t, server), func() {
		server.Break()
		close(proceed)
	})
}

func TestPatienceEnds(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := openWith(t, spark.Config{Remote: server.Remote(), Patience: 100 * time.Millisecond})
	server.Stop()
	if _, err := ids(t.Context(), session, anything, spark.Options{}); !errors.Is(err, spark.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if _, err := session.Version(t.Context()); !errors.Is(err, spark.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if err := session.Ping(t.Context()); !errors.Is(err, spark.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
