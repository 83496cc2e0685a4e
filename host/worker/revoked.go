package worker

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// Celery's bounds of what is remembered of revocations.
const (
	maxRevoked    = 50_000
	revokedExpire = 3 * time.Hour
	// maxStamps is how many values of one stamp are revoked at most; those that
	// came first go. Celery has no bound.
	maxStamps = 10_000
)

// Revoked are the ids and stamps of tasks that must not run. Its methods may be
// called by any goroutine; its zero value is empty.
type Revoked struct {
	mu     sync.Mutex
	at     map[string]time.Time
	stamps map[string][]string // values in their text form, by the stamp's name
}

// A Revocation is a revoked id and since when.
type Revocation struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// Add revokes ids.
func (v *Revoked) Add(ids ...string) {
	now := time.Now()
	list := make([]Revocation, len(ids))
	for i, id := range ids {
		list[i] = Revocation{id, now}
	}
	v.Merge(list)
}

// Merge adds revocations, of another worker or of an earlier run.
func (v *Revoked) Merge(list []Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at == nil {
		v.at = make(map[string]time.Time)
	}
	for _, r := range list {
		v.at[r.ID] = r.At
	}
	if len(v.at) > maxRevoked {
		// A tenth more than must go, so that this is done now and then only.
		for _, r := range v.sorted()[:len(v.at)-maxRevoked*9/10] {
			delete(v.at, r.ID)
		}
	}
}

// List returns what is revoked, oldest first.
func (v *Revoked) List() []Revocation {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, at := range v.at {
		if time.Since(at) > revokedExpire {
			delete(v.at, id)
		}
	}
	return v.sorted()
}

// sorted is the list, oldest first. The mutex is held.
func (v *Revoked) sorted() []Revocation {
	list := make([]Revocation, 0, len(v.at))
	for id, at := range v.at {
		list = append(list, Revocation{id, at})
	}
	slices.SortFunc(list, func(a, b Revocation) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return list
}

// AddStamps revokes tasks that have one of the values under a stamp's name.
func (v *Revoked) AddStamps(stamps map[string][]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stamps == nil {
		v.stamps = make(map[string][]string)
	}
	for name, values := range stamps {
		for _, value := range values {
			if !slices.Contains(v.stamps[name], value) {
				v.stamps[name] = append(v.stamps[name], value)
			}
			if over := len(v.stamps[name]) - maxStamps; over > 0 {
				v.stamps[name] = slices.Delete(v.stamps[name], 0, over)
			}
		}
	}
}

// Stamps returns the revoked stamps.
func (v *Revoked) Stamps() map[string][]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make(map[string][]string, len(v.stamps))
	for name, values := range v.stamps {
		out[name] = slices.Clone(values)
	}
	return out
}

// Has reports whether a task's id is revoked.
func (v *Revoked) Has(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, ok := v.at[id]
	if ok && time.Since(at) > revokedExpire {
		delete(v.at, id)
		return false
	}
	return ok
}

// Drops reports whether a task must not run.
func (v *Revoked) Drops(t *celery.Task) bool {
	if v.Has(t.ID) {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.stamps) > 0 && len(matching(t, v.stamps)) > 0
}

// matching are those of a task's stamps, by name, that are among the given ones.
func matching(t *celery.Task, among map[string][]string) map[string][]string {
	found := map[string][]string{}
	for _, name := range t.StampedHeaders {
		wanted := among[name]
		if len(wanted) == 0 {
			continue
		}
		for _, value := range StampValues(t.Stamps[name]) {
			if slices.Contains(wanted, value) {
				found[name] = append(found[name], value)
			}
		}
	}
	return found
}

// StampValues are the values of a stamp, one or a list, as text that tells them
// apart: "1" is not 1.
func StampValues(stamp any) []string {
	list, ok := stamp.([]any)
	if !ok {
		list = []any{stamp}
	}
	var out []string
	for _, v := range list {
		switch v := v.(type) {
		case nil:
		case string:
			out = append(out, v)
		case float64: // as JSON has it
			out = append(out, fmt.Sprintf("\x00%v", v))
		default:
			out = append(out, fmt.Sprintf("\x00%v", v))
		}
	}
	return out
}
