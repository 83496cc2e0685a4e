package resulttest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Memory is a [result.Store] that keeps every state in memory. It can be made
// to behave as a backend that is away.
type Memory struct {
	mu     sync.Mutex
	states map[string][]celery.Result
	chords map[string]*chord
	away   chan struct{} // closed when the backend is back; nil when it is there
	more   chan struct{} // closed and replaced at every change
}

var _ result.Store = (*Memory)(nil)

// NewMemory returns a store that holds nothing.
func NewMemory() *Memory {
	return &Memory{states: make(map[string][]celery.Result), more: make(chan struct{})}
}

// Store implements [result.Store].
func (m *Memory) Store(ctx context.Context, r celery.Result, _ result.Reply) error {
	for {
		m.mu.Lock()
		away := m.away
		if away == nil {
			if old := m.states[r.TaskID]; len(old) == 0 || old[len(old)-1].State != celery.StateSuccess {
				m.states[r.TaskID] = append(old, r)
				close(m.more)
				m.more = make(chan struct{})
			}
			m.mu.Unlock()
			return nil
		}
		m.mu.Unlock()
		select {
		case <-away:
		case <-ctx.Done():
			return fmt.Errorf("store %s of task %s: %w", r.State, r.TaskID, context.Cause(ctx))
		}
	}
}

// Close implements [result.Store].
func (m *Memory) Close() error { return nil }

// States returns the states of a task in the order in which they were stored.
func (m *Memory) States(id string) []celery.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.states[id])
}

// Len returns how many tasks have a state.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.states)
}

// Wait returns the final state of a task, waiting for it as long as ctx lasts.
func (m *Memory) Wait(ctx context.Context, id string) (celery.Result, error) {
	for {
		m.mu.Lock()
		states, more := m.states[id], m.more
		m.mu.Unlock()
		if n := len(states); n > 0 && states[n-1].Ready() {
			return states[n-1], nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return celery.Result{}, fmt.Errorf("no final state of task %s after %d others: %w", id, len(states), context.Cause(ctx))
		}
	}
}

// SetAway makes the backend unreachable or brings it back.
func (m *Memory) SetAway(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case away && m.away == nil:
		m.away = make(chan struct{})
	case !away && m.away != nil:
		close(m.away)
		m.away = nil
	}
}
