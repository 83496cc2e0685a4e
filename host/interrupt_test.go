package host

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
)

// A sparkUI asks Spark's own status API.
type sparkUI struct {
	t    testing.TB
	base string
}

func (u sparkUI) get(path string, into any) {
	u.t.Helper()
	answer, err := http.Get(u.base + path)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		u.t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
}

// A sparkJob is what the status API says of a job.
type sparkJob struct {
	Status, Description string
	JobTags             []string
	StageIDs            []int `json:"stageIds"`
}

// withUI has a host start a Spark of its own whose UI is on.
func withUI(t testing.TB, c *Config) func() sparkUI {
	t.Helper()
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	c.Spark = "local[2]"
	c.SparkConf = map[string]string{"spark.ui.enabled": "true", "spark.ui.port": strconv.Itoa(port)}
	return func() sparkUI {
		t.Helper()
		u := sparkUI{t, "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + "/api/v1/applications"}
		var apps []struct{ ID string }
		u.get("", &apps)
		u.base += "/" + apps[0].ID
		return u
	}
}

func (u sparkUI) jobs() (jobs []sparkJob) {
	u.t.Helper()
	u.get("/jobs", &jobs)
	return jobs
}

func (u sparkUI) running() int {
	u.t.Helper()
	var executors []struct{ ActiveTasks int }
	u.get("/executors", &executors)
	n := 0
	for _, e := range executors {
		n += e.ActiveTasks
	}
	return n
}

func TestSparkShowsWhichTaskAJobIsForAndIsIdleOnceThatEnds(t *testing.T) {
	t.Parallel()
	var open func() sparkUI
	w := serve(t, func(c *Config) { open = withUI(t, c) })
	ui := open()
	id := "11111111-2222-4333-8444-555555555555"
	wait := w.pythonStart(call{name: "test.slow_query", options: map[string]any{"task_id": id}})
	hosttest.Eventually(t, func() bool { return ui.running() > 0 })

	job := ui.jobs()[0] // the latest
	if !strings.Contains(job.Description, "test.slow_query") {
		t.Errorf("the job is described as %q, without the task's name", job.Description)
	}
	for _, tag := range []string{"_Tag_" + id, "_Tag_task:test.slow_query"} {
		if !slices.ContainsFunc(job.JobTags, func(have string) bool { return strings.HasSuffix(have, tag) }) {
			t.Errorf("the job's tags %q have no %s", job.JobTags, tag)
		}
	}
	var stages []struct{ Details string }
	ui.get(fmt.Sprintf("/stages/%d", job.StageIDs[0]), &stages)
	if !strings.Contains(stages[0].Details, "test.slow_query "+id) {
		t.Errorf("the stage's details do not name the task: %s", stages[0].Details)
	}

	w.terminate(id)
	got, err := wait()
	ended := time.Now()
	if err != nil || got[0].Type != "TaskRevokedError" {
		t.Fatalf("got %s, %v", got, err)
	}
	hosttest.Eventually(t, func() bool { return ui.running() == 0 && ui.jobs()[0].Status == "FAILED" })
	t.Logf("executors idle %v after the client had the answer", time.Since(ended).Round(time.Millisecond))
}

// terminate revokes a task and ends it if it runs.
func (w *world) terminate(id string) {
	w.t.Helper()
	hosttest.Eventually(w.t, w.heard.Connected)
	replies, err := Broadcast(w.t.Context(), w.cfg, control.Broadcast{
		Method: "revoke", Arguments: celery.Object{{Key: "task_id", Value: celery.Quote(id)}, {Key: "terminate", Value: []byte("true")}},
		Destination: []string{w.Host.cfg.Hostname}, Timeout: time.Minute,
	})
	if err != nil || len(replies) != 1 {
		w.t.Fatalf("revoke: %v, %v", replies, err)
	}
}

// cpu is what a process has used of the CPU so far.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	var ticks int
	for _, f := range fields[12:14] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

func TestSailIsIdleOnceTheTaskEnds(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *Config) { c.Spark = "sail" })
	got := w.python(call{name: "test.slow_query", options: map[string]any{"time_limit": 2}})
	ended := time.Now()
	if got[0].Type != "TimeLimitExceeded" {
		t.Fatalf("got %s", got[0])
	}
	pid := w.enginePID()
	hosttest.Eventually(t, func() bool {
		before := cpu(t, pid)
		time.Sleep(200 * time.Millisecond)
		return cpu(t, pid)-before < 20*time.Millisecond
	})
	t.Logf("Sail idle %v after the client had the answer", time.Since(ended).Round(time.Millisecond))
}
