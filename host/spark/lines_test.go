package spark_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// behind opens a session at a server behind a relay that can harm connections.
func behind(t *testing.T, remote string, silence time.Duration) (*spark.Session, *proctest.Relay) {
	t.Helper()
	relay := proctest.Proxy(t, strings.TrimPrefix(remote, "sc://"))
	return openWith(t, spark.Config{Remote: "sc://" + relay.Address(), Silence: silence, Patience: time.Minute}), relay
}

func TestASilentConnectionIsFound(t *testing.T) {
	t.Run("in mid-query", func(t *testing.T) {
		t.Parallel()
		server, proceed := halfway(t)
		session, relay := behind(t, server.Remote(), 100*time.Millisecond)
		allRows(t, session, func() {
			relay.Strand()
			close(proceed)
		})
		if n := len(server.Requests("ExecutePlan")); n != 1 {
			t.Errorf("the plan was sent %d times", n)
		}
	})
	t.Run("by another request", func(t *testing.T) {
		t.Parallel()
		session, relay := behind(t, sparktest.Start(t, twoBatches).Remote(), 100*time.Millisecond)
		if _, err := ids(t.Context(), session, anything, spark.Options{}); err != nil {
			t.Fatal(err)
		}
		relay.Strand()
		if version, err := session.Version(t.Context()); version != "scripted" || err != nil {
			t.Errorf("got version %q, %v", version, err)
		}
	})
	t.Run("by requests that are given up", func(t *testing.T) {
		t.Parallel()
		session, relay := behind(t, sparktest.Start(t, twoBatches).Remote(), 100*time.Millisecond)
		if _, err := ids(t.Context(), session, anything, spark.Options{}); err != nil {
			t.Fatal(err)
		}
		relay.Strand()
		eventually(t, "a ping passes", func() bool { return session.Ping(t.Context()) == nil })
	})
}

func TestAnEngineThatAnswersIsLeftInPeace(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	server := sparktest.Start(t, func(o *sparktest.Operation) error {
		<-proceed
		o.Rows(1)
		return nil
	})
	session, relay := behind(t, server.Remote(), 50*time.Millisecond)
	asked := func() (n int) {
		for _, r := range server.Requests("Config") {
			if r.Message.(*sparkpb.ConfigRequest).GetOperation().GetGetOption() != nil {
				n++
			}
		}
		return n
	}
	go func() {
		defer close(proceed)
		eventually(t, "the engine is asked three times", func() bool { return asked() >= 3 })
	}()
	got, err := ids(t.Context(), session, anything, spark.Options{})
	if err != nil || !slices.Equal(got, []int64{1}) || relay.Accepted() != 1 {
		t.Errorf("got %v, %v over %d connections, want the row over one", got, err, relay.Accepted())
	}
}

func TestAQueryOutlivesASilentNetwork(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		t.Parallel()
		session, relay := behind(t, remote, time.Second)
		if err := session.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Long enough to be under way when the network goes silent.
		slow := spark.Range(0, 50_000_000, 1, 2).Filter(spark.SQLExpr("hash(id) % 1000003 = 7"))
		time.AfterFunc(100*time.Millisecond, relay.Strand)
		n, err := session.Count(t.Context(), slow, spark.Options{})
		if err != nil || relay.Accepted() < 2 {
			t.Errorf("got %d, %v over %d connections, want an answer over the second", n, err, relay.Accepted())
		}
		want, err := session.Count(t.Context(), slow, spark.Options{})
		if n != want || err != nil {
			t.Errorf("got %d, want %d, %v", n, want, err)
		}
	})
}

func TestAResultThatWasLostOnTheWay(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  bool // the caller had some before
		query *spark.DataFrame
		again bool
	}{
		{"a query is run again", false, anything, true},
		{"a part was given", true, anything, false},
		{"a command", false, spark.SQL("INSERT INTO t VALUES (1)", nil, nil), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var runs atomic.Int32
			server := sparktest.StartWith(t, sparktest.Manners{Trusting: true}, func(o *sparktest.Operation) error {
				first := runs.Add(1) == 1
				o.Rows()
				if first {
					if c.rows {
						o.Rows(1, 2)
					}
					o.Forget()
					return away
				}
				return twoBatches(o)
			})
			got, err := ids(t.Context(), connect(t, server), c.query, spark.Options{})
			if again := len(server.Requests("ExecutePlan")) == 2; again != c.again || again != (err == nil) || again && !slices.Equal(got, []int64{1, 2, 3, 4}) {
				t.Errorf("got %v, %v after %d runs", got, err, len(server.Requests("ExecutePlan")))
			}
			if err != nil && !errors.Is(err, spark.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		})
	}
}
