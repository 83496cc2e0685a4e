package spark_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// An early interrupt meets Spark as it is about to submit a job. A cold one
// takes long to do so.
func TestAnEarlyInterruptLeavesSparkIdle(t *testing.T) {
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	e := proctest.StartEngineWith(t, engine.Config{Spec: "local[2]", Conf: map[string]string{"spark.ui.enabled": "true", "spark.ui.port": strconv.Itoa(port)}})
	session := openWith(t, spark.Config{Remote: e.Remote()})
	for n := range 20 {
		// Each plan is new, so that Spark has code to compile.
		slow := spark.Range(0, 200_000_000_000, 1, 2).Filter(spark.SQLExpr(fmt.Sprintf("hash(id) %% 1000003 = %d", n)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20*(n+1))*time.Millisecond)
		_, err := session.Count(ctx, slow, spark.Options{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("query %d: got %v, want the end of its context", n, err)
		}
	}
	// Jobs that were left would keep both of Spark's threads busy.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := session.Count(ctx, spark.Range(0, 10, 1, 1), spark.Options{}); err != nil {
		t.Errorf("after the interrupted ones a query got %v; Spark works on %q", err, runningJobs(t, port))
	}
	var left []string
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if left = runningJobs(t, port); len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("Spark still works on %q", left)
		}
	}
}

// runningJobs asks Spark's own status API.
func runningJobs(t *testing.T, port int) []string {
	t.Helper()
	get := func(path string, into any) {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/applications%s", port, path))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			t.Fatalf("%s: %s, %v", path, answer.Status, err)
		}
	}
	var apps []struct{ ID string }
	get("", &apps)
	var jobs []struct{ JobTags []string }
	get("/"+apps[0].ID+"/jobs?status=running", &jobs)
	var tags []string
	for _, job := range jobs {
		tags = append(tags, strings.Join(job.JobTags, " "))
	}
	return tags
}

func TestJobsOfAnInterruptedExecutionAreCancelled(t *testing.T) {
	held := sparktest.Error("INVALID_HANDLE.OPERATION_ABANDONED", "org.apache.spark.SparkSQLException", "[INVALID_HANDLE.OPERATION_ABANDONED]")
	for _, c := range []struct {
		name      string
		manners   sparktest.Manners
		refusals  int
		interrupt bool
		want      int // times, at least
		exactly   bool
		warns     bool
	}{
		{name: "of one interrupted", interrupt: true, want: 3},
		{name: "of one that ended by itself", exactly: true},
		{name: "as Sail, which has no jobs", manners: sparktest.Manners{Trusting: true}, interrupt: true, exactly: true},
		{name: "by an engine that holds ids", refusals: 1, interrupt: true, want: 1, warns: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := sparktest.StartWith(t, c.manners, func(o *sparktest.Operation) error {
				if c.interrupt {
					return endless(o)
				}
				return nil
			})
			for range c.refusals {
				server.Fail("CancelJobs", held)
			}
			var log bytes.Buffer
			session, err := spark.Open(spark.Config{Remote: server.Remote(), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := contextWithCause(t)
			id := uuid.NewString()
			if c.interrupt {
				time.AfterFunc(20*time.Millisecond, func() { cancel(nil) })
			}
			if _, err := ids(ctx, session, anything, spark.Options{OperationID: id}); (err != nil) != c.interrupt {
				t.Errorf("got %v", err)
			}
			eventually(t, "the execution is released", func() bool { return server.Operations() == 0 })
			eventually(t, "its jobs are cancelled", func() bool { return len(server.Requests("CancelJobs")) >= c.want })
			if err := session.Close(); err != nil { // looks once more after what it has not given up
				t.Error(err)
			}
			requests := server.Requests("CancelJobs")
			if c.exactly && len(requests) != c.want {
				t.Errorf("cancelled %d times, want %d", len(requests), c.want)
			}
			for _, r := range requests {
				m := r.Message.(*sparkpb.ExecutePlanRequest)
				if m.GetOperationId() != id || m.GetSessionId() != server.Requests("ExecutePlan")[0].Message.(*sparkpb.ExecutePlanRequest).GetSessionId() {
					t.Errorf("cancelled %v, want jobs of %s", m, id)
				}
			}
			if warned := strings.Contains(log.String(), "inactiveOperations.cacheExpiration=0"); warned != c.warns {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}
