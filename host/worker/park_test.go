package worker

import (
	"testing"
	"time"
)

// add has the registry serve one task more.
func (r *registry) add(name string, b body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies[name] = b
}

func TestTasksWaitForTheirModule(t *testing.T) {
	b := start(t, Config{Park: time.Hour}, map[string]body{"known": returns("1")}, nil)
	var ids []string
	for range 10 { // more than may be prefetched
		ids = append(ids, b.send("new", nil))
	}
	b.ends2(b.send("known", nil))
	b.eventually("all to wait", func() bool { return b.parked.len() == 10 })
	b.TasksChanged() // not this one
	b.lose()
	b.registry.add("new", returns("2"))
	b.TasksChanged()
	for _, id := range ids {
		b.ends(id, "SUCCESS")
	}
}

// ends2 waits for a task's success beside others that are not settled.
func (b *bench) ends2(id string) {
	b.t.Helper()
	b.eventually(id+" to succeed", func() bool { _, last := b.store.of(id); return last.State == "SUCCESS" })
}

func TestTasksWithoutRoomToWaitGoRound(t *testing.T) {
	b := start(t, Config{Park: time.Hour, ParkLimit: 1}, map[string]body{"known": returns("1")}, nil)
	var ids []string
	for range 5 {
		ids = append(ids, b.send("new", nil))
	}
	b.ends2(b.send("known", nil)) // though five are before it
	if n := b.parked.len(); n != 1 {
		t.Errorf("%d wait here, want 1", n)
	}
	b.registry.add("new", returns("2"))
	b.TasksChanged()
	for _, id := range ids {
		b.ends(id, "SUCCESS")
	}
}

func TestTaskWhoseModuleDoesNotComeIsRejected(t *testing.T) {
	b := start(t, Config{Park: 50 * time.Millisecond}, map[string]body{}, nil)
	if last := b.ends(b.send("new", nil), "FAILURE"); last.Exception.Type != "NotRegistered" {
		t.Errorf("got %+v", last.Exception)
	}
}

func TestWaitingTasksAreGivenBackAtTheEnd(t *testing.T) {
	b := start(t, Config{Park: time.Hour, ParkLimit: 2}, map[string]body{}, nil)
	for range 5 {
		b.send("new", nil)
	}
	b.eventually("two to wait", func() bool { return b.parked.len() == 2 })
	b.intake()
	if err := b.wait(); err != nil {
		t.Fatal(err)
	}
	if n := b.server.Ready("celery"); n != 5 {
		t.Errorf("%d messages are left, want all 5", n)
	}
}

func TestTaskWhoseModuleWentWaits(t *testing.T) {
	g := newGate()
	b := start(t, Config{Park: time.Hour, AcksLate: true, PrefetchMultiplier: 2}, map[string]body{"wait": g.body, "gone": returns("1")}, nil)
	first, second := b.send("wait", nil), b.send("wait", nil)
	b.eventually("both slots to be taken", func() bool { return g.ran(first)+g.ran(second) == 2 })
	id := b.send("gone", nil)
	b.eventually("it to be received", func() bool { _, ok := b.Request(id); return ok })
	b.registry.mu.Lock()
	delete(b.registry.bodies, "gone")
	b.registry.mu.Unlock()
	close(g.open)
	b.eventually("it to wait", func() bool { return b.parked.len() == 1 })
	b.registry.add("gone", returns("3"))
	b.TasksChanged()
	b.ends(id, "SUCCESS")
}
