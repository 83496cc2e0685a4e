package beat

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// An Entry is a task and its schedule, in the terms of Celery's beat_schedule.
type Entry struct {
	// Task is the name of the task.
	Task string `json:"task"`
	// Schedule is when it is sent, in one of the forms of [ParseSchedule].
	Schedule json.RawMessage `json:"schedule"`
	// Relative rounds the times of an interval to its resolution.
	Relative bool `json:"relative,omitempty"`
	// Args is a JSON array and Kwargs an object; empty is none.
	Args   json.RawMessage `json:"args,omitempty"`
	Kwargs json.RawMessage `json:"kwargs,omitempty"`
	// Options are those of apply_async: queue, exchange, routing_key, priority,
	// expires, countdown, headers and so on.
	Options json.RawMessage `json:"options,omitempty"`
}

// Entries are entries by name: Celery's beat_schedule.
type Entries map[string]Entry

// UnmarshalJSON refuses members that an entry does not have. It takes all of the
// entries at once, since a decoder of YAML that hands over each field as JSON by
// itself takes seconds for a thousand of them.
func (e *Entries) UnmarshalJSON(data []byte) error {
	return strict(data, (*map[string]Entry)(e))
}

// A Run is what is known of an entry's last run. In the beginning it is the
// time at which the entry was first seen, and a count of zero.
type Run struct {
	LastRunAt time.Time `json:"last_run_at"`
	Count     int64     `json:"total_run_count"`
}

// Check says what is wrong with an entry.
func (e Entry) Check() error {
	_, err := e.parse(nil)
	return err
}

// parse checks an entry and returns its schedule.
func (e Entry) parse(deadline *time.Duration) (Schedule, error) {
	if e.Task == "" {
		return nil, fmt.Errorf("%w: it names no task", ErrSchedule)
	}
	for name, part := range map[string]struct {
		data json.RawMessage
		into any
	}{
		"args": {e.Args, new([]json.RawMessage)}, "kwargs": {e.Kwargs, new(map[string]json.RawMessage)}, "options": {e.Options, new(map[string]json.RawMessage)},
	} {
		if len(part.data) == 0 {
			continue
		}
		if err := json.Unmarshal(part.data, part.into); err != nil {
			return nil, fmt.Errorf("%w: %s of %s: %w", ErrSchedule, name, e.Task, err)
		}
	}
	s, err := ParseSchedule(e.Schedule, e.Relative)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", e.Task, err)
	}
	if c, ok := s.(*Crontab); ok {
		c.StartingDeadline = deadline
	}
	return s, nil
}

// A State is what outlives a beat: when each entry ran, by name. The zone is
// that of the schedules; where it changed, nothing of a state holds.
type State struct {
	Zone    string         `json:"tz"`
	Entries map[string]Run `json:"entries"`
}

// merge takes over what other knows better: the later run of each entry.
func (s *State) merge(other State) {
	if other.Zone != s.Zone {
		return
	}
	if s.Entries == nil {
		s.Entries = map[string]Run{}
	}
	for name, run := range other.Entries {
		if mine, ok := s.Entries[name]; !ok || run.LastRunAt.After(mine.LastRunAt) {
			s.Entries[name] = run
		}
	}
}

func (s State) clone() State {
	s.Entries = maps.Clone(s.Entries)
	return s
}
