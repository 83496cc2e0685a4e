package sdk

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// Every has the host's beat send the task at equal distances, the first time
// that long after the module was loaded. `sparkstalk worker -B` and `sparkstalk
// beat` have a beat; without one, nothing is sent. A task may have several
// schedules.
func Every(distance time.Duration, options ...ScheduleOption) Option {
	return func(t *task) {
		if distance < time.Microsecond {
			panic(fmt.Sprintf("sdk.Task %q: it cannot be sent every %v", t.spec.Name, distance))
		}
		t.schedule(abi.Schedule{Every: distance.Seconds()}, options)
	}
}

// Crontab has the host's beat send the task by the wall's clock, in the time
// zone that the host is set to: "minute hour day-of-month month day-of-week"
// with the values of Celery's crontab, such as "*/15 8-17 * * mon-fri". Unlike
// cron's, a day must fit both fields of days. See [Every].
func Crontab(line string, options ...ScheduleOption) Option {
	return func(t *task) { t.schedule(abi.Schedule{Crontab: line}, options) }
}

// A ScheduleOption says more of how [Every] and [Crontab] send a task.
type ScheduleOption func(*abi.Schedule) error

// ByTheClock has the runs of [Every] when the clock is at whole days, hours or
// minutes, whichever is the largest that the distance reaches. It is relative
// in Celery.
func ByTheClock() ScheduleOption {
	return func(s *abi.Schedule) error { s.Relative = true; return nil }
}

// With gives the call its arguments.
func With(args ...any) ScheduleOption {
	return func(s *abi.Schedule) error {
		for _, a := range args {
			data, err := pyjson.Marshal(a)
			if err != nil {
				return err
			}
			s.Args = append(s.Args, data)
		}
		return nil
	}
}

// WithKwarg gives the call a keyword argument.
func WithKwarg(name string, value any) ScheduleOption {
	return func(s *abi.Schedule) error { return put(&s.Kwargs, name, value) }
}

// WithOption gives the message one of Celery's options by name: queue,
// priority, expires (seconds), time_limit, headers and so on.
func WithOption(name string, value any) ScheduleOption {
	return func(s *abi.Schedule) error { return put(&s.Options, name, value) }
}

func put(members *map[string]json.RawMessage, name string, value any) error {
	data, err := pyjson.Marshal(value)
	if err != nil {
		return err
	}
	if *members == nil {
		*members = map[string]json.RawMessage{}
	}
	(*members)[name] = data
	return nil
}

func (t *task) schedule(s abi.Schedule, options []ScheduleOption) {
	for _, o := range options {
		if err := o(&s); err != nil {
			panic(fmt.Sprintf("sdk.Task %q: its schedule cannot be encoded: %v", t.spec.Name, err))
		}
	}
	t.spec.Schedule = append(t.spec.Schedule, s)
}
