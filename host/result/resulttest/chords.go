package resulttest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

var (
	_ result.Chords = (*Memory)(nil)
	_ result.Reader = (*Memory)(nil)
)

// A chord is what a [Memory] knows of one.
type chord struct {
	size, extra int
	sized       bool
	parts       []result.Part
	claimed     bool
}

func (m *Memory) chord(group string) *chord {
	if m.chords == nil {
		m.chords = make(map[string]*chord)
	}
	c := m.chords[group]
	if c == nil {
		c = &chord{}
		m.chords[group] = c
	}
	return c
}

// SetSize implements [result.Chords].
func (m *Memory) SetSize(_ context.Context, group string, size int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chord(group)
	c.size, c.sized = size, true
	return nil
}

// SaveGroup implements [result.Chords]. The shape of nested results is judged
// with Redis.
func (m *Memory) SaveGroup(context.Context, string, json.RawMessage) error { return nil }

// Extend implements [result.Chords].
func (m *Memory) Extend(_ context.Context, group string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.chord(group).extra++
	return nil
}

// Part implements [result.Chords].
func (m *Memory) Part(_ context.Context, p result.Part) (result.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.chord(p.Group)
	same := func(o result.Part) bool { return o.TaskID == p.TaskID }
	if !slices.ContainsFunc(c.parts, same) {
		c.parts = append(c.parts, p)
	}
	if !c.sized || c.claimed || len(c.parts) != c.size+c.extra {
		return nil, nil
	}
	c.claimed = true
	return c, nil
}

// Results implements [result.Claim].
func (c *chord) Results(context.Context) ([]json.RawMessage, error) {
	parts := slices.Clone(c.parts)
	slices.SortStableFunc(parts, func(a, b result.Part) int { return place(a) - place(b) })
	var values []json.RawMessage
	for _, p := range parts {
		if p.State != celery.StateSuccess {
			return nil, &result.DependencyError{TaskID: p.TaskID, Cause: celery.ExceptionOf(p.Value)}
		}
		values = append(values, p.Value)
	}
	return values, nil
}

func place(p result.Part) int {
	if p.Index == nil {
		return 1 << 30
	}
	return *p.Index
}

// Keep implements [result.Claim].
func (c *chord) Keep(context.Context) (bool, error) { return true, nil }

// Done implements [result.Claim].
func (c *chord) Done(context.Context) error { return nil }

// Abandon implements [result.Claim].
func (c *chord) Abandon(context.Context) error { return nil }

// Get implements [result.Reader].
func (m *Memory) Get(_ context.Context, id string) (celery.Result, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	states := m.states[id]
	if len(states) == 0 {
		return celery.Result{}, false, nil
	}
	return states[len(states)-1], true, nil
}
