package redis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/redis"
)

func part(group string, index int, state, value string) result.Part {
	return result.Part{TaskID: fmt.Sprintf("task-%d", index), Group: group, Index: &index, State: state, Value: json.RawMessage(value)}
}

func TestChordsAreCountedAsCelerysWorkersDo(t *testing.T) {
	url := proctest.Redis(t)
	s := open(t, redis.Config{URL: url})
	defer closeStore(t, s)
	db := proctest.RedisClient(t, url)
	ctx := t.Context()
	group := uuid.NewString()
	key := "celery-taskset-meta-" + group
	count := func(p result.Part) result.Claim {
		t.Helper()
		c, err := s.Part(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := count(part(group, 1, "SUCCESS", `{"n": 2.0}`)); c != nil {
		t.Fatal("a chord without a size was claimed")
	}
	if err := s.SetSize(ctx, group, 2); err != nil {
		t.Fatal(err)
	}
	if err := s.Extend(ctx, group); err != nil {
		t.Fatal(err)
	}
	if c := count(part(group, 1, "SUCCESS", `7`)); c != nil {
		t.Fatal("a task counted twice")
	}
	if c := count(part(group, 0, "SUCCESS", `1`)); c != nil {
		t.Fatal("claimed before the task that was added to the chord")
	}
	last := part(group, 2, "SUCCESS", `3`)
	last.Index = nil // after all others
	claim := count(last)
	if claim == nil {
		t.Fatal("nobody may start the body")
	}
	if c := count(last); c != nil {
		t.Fatal("claimed twice")
	}
	// What Python's worker writes, of which it reads its own share.
	members, err := db.ZRangeWithScores(ctx, key+".j", 0, -1).Result()
	if err != nil || len(members) != 3 || members[0].Member != `[1, "task-0", "SUCCESS", 1]` || members[1].Member != `[1, "task-1", "SUCCESS", {"n": 2.0}]` {
		t.Errorf("%v, %v", members, err)
	}
	if tasks, err := db.SMembers(ctx, key+".d").Result(); err != nil || len(tasks) != 3 {
		t.Errorf("%v, %v", tasks, err)
	}
	for _, suffix := range []string{".j", ".t", ".s", ".d"} {
		if ttl, err := db.TTL(ctx, key+suffix).Result(); err != nil || ttl < 86390*time.Second || ttl > 86400*time.Second {
			t.Errorf("%s lives %v, %v", suffix, ttl, err)
		}
	}
	values, err := claim.Results(ctx)
	if got := string(celery.AppendArray(nil, values)); err != nil || got != `[1, {"n": 2.0}, 3]` {
		t.Errorf("%s, %v", got, err)
	}
	if kept, err := claim.Keep(ctx); err != nil || !kept {
		t.Errorf("%v, %v", kept, err)
	}
	if err := claim.Done(ctx); err != nil {
		t.Error(err)
	}
	if n, err := db.Exists(ctx, key+".j", key+".t", key+".s", key+".d").Result(); err != nil || n != 0 {
		t.Errorf("%d keys are left, %v", n, err)
	}
	if done, err := db.Get(ctx, key+".c").Result(); err != nil || done != "done" {
		t.Errorf("%q, %v", done, err)
	}
	if c := count(last); c != nil {
		t.Error("a duplicate that came late was claimed")
	}
	if n, err := db.Exists(ctx, key+".j").Result(); err != nil || n != 0 {
		t.Errorf("a late duplicate left %d keys, %v", n, err)
	}
	// A chord that is sent again under its ids is a new run.
	if err := s.SetSize(ctx, group, 1); err != nil {
		t.Fatal(err)
	}
	if c := count(part(group, 0, "SUCCESS", `1`)); c == nil {
		t.Error("the second run of a chord has no end")
	}
}

func TestFailedHeadersNameTheDependency(t *testing.T) {
	url := proctest.Redis(t)
	s := open(t, redis.Config{URL: url})
	defer closeStore(t, s)
	group := uuid.NewString()
	if err := s.SetSize(t.Context(), group, 2); err != nil {
		t.Fatal(err)
	}
	exc := celery.NewException("builtins", "ValueError", "hdr")
	if c, err := s.Part(t.Context(), part(group, 1, "FAILURE", string(exc.Document()))); err != nil || c != nil {
		t.Fatal(c, err)
	}
	claim, err := s.Part(t.Context(), part(group, 0, "SUCCESS", "1"))
	if err != nil || claim == nil {
		t.Fatal(claim, err)
	}
	_, err = claim.Results(t.Context())
	if failed, ok := errors.AsType[*result.DependencyError](err); !ok || failed.Error() != "Dependency task-1 raised ValueError('hdr')" {
		t.Errorf("got %v", err)
	}
	if err := claim.Abandon(t.Context()); err != nil {
		t.Error(err)
	}
	if c, err := s.Part(t.Context(), part(group, 0, "SUCCESS", "1")); err != nil || c != nil {
		t.Errorf("a chord that failed was claimed again: %v, %v", c, err)
	}
}

func TestSavedGroupsNestTheResults(t *testing.T) {
	s := open(t, redis.Config{URL: proctest.Redis(t)})
	defer closeStore(t, s)
	group, a, b, c := uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()
	leaf := func(id string) string { return fmt.Sprintf(`[[%q, null], null]`, id) }
	tuple := fmt.Sprintf(`[[%q, null], [[["inner", %s], [%s, %s]], %s]]`, group, leaf("before"), leaf(a), leaf(b), leaf(c))
	if err := s.SaveGroup(t.Context(), group, json.RawMessage(tuple)); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSize(t.Context(), group, 1); err != nil {
		t.Fatal(err)
	}
	claim, err := s.Part(t.Context(), part(group, 0, "SUCCESS", "1"))
	if err != nil || claim == nil {
		t.Fatal(claim, err)
	}
	for i, id := range []string{a, b} {
		if err := s.Store(t.Context(), celery.Success(&celery.Task{ID: id}, fmt.Appendf(nil, "%d", i)), result.Reply{}); err != nil {
			t.Fatal(err)
		}
	}
	go func() { // it may come a moment later
		time.Sleep(50 * time.Millisecond)
		if err := s.Store(t.Context(), celery.Success(&celery.Task{ID: c}, json.RawMessage(`"c"`)), result.Reply{}); err != nil {
			t.Error(err)
		}
	}()
	values, err := claim.Results(t.Context())
	if got := string(celery.AppendArray(nil, values)); err != nil || got != `[[0, 1], "c"]` {
		t.Errorf("%s, %v", got, err)
	}
}

func closeStore(t *testing.T, s *redis.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
