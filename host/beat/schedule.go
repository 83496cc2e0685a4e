// Package beat sends tasks at their times, as celery beat does: schedules,
// their state over a restart, the loop that sends, and the election of the one
// host of several that does.
package beat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Schedule says when a task is to be sent. Its methods may be called by
// several goroutines.
type Schedule interface {
	// Due reports whether a run is due now, given the last one, and how long it
	// is to the next, from now: celery.schedules' is_due. The zone is that in
	// which the schedule's days and hours are. An error means that there is no
	// next run that can be found.
	Due(last, now time.Time, zone *time.Location) (due bool, next time.Duration, err error)
	// String is the schedule for people.
	String() string
}

// ErrSchedule is wrapped by all errors about a schedule that cannot be.
var ErrSchedule = errors.New("bad schedule")

// ParseSchedule reads a schedule from JSON: a number of seconds, a crontab in
// one text ("*/5 * * * *"), {"crontab": TEXT}, {"crontab": {"minute": …, "hour": …,
// "day_of_week": …, "day_of_month": …, "month_of_year": …}} with Celery's values,
// or {"every": SECONDS, "relative": true}. relative is what an entry says beside
// its schedule. Errors wrap [ErrSchedule].
func ParseSchedule(data json.RawMessage, relative bool) (Schedule, error) {
	s, err := parseSchedule(data, relative)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, ErrSchedule):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrSchedule, err)
}

var errForm = errors.New(`give seconds, a crontab such as "*/5 * * * *", {"crontab": {"minute": …}} or {"every": SECONDS}`)

func parseSchedule(data json.RawMessage, relative bool) (Schedule, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return nil, fmt.Errorf("none is given: %w", errForm)
	}
	switch data[0] {
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, err
		}
		return ParseCrontab(text)
	case '{':
		var form struct {
			Crontab  json.RawMessage `json:"crontab"`
			Every    *float64        `json:"every"`
			Relative *bool           `json:"relative"`
			Solar    json.RawMessage `json:"solar"`
		}
		if err := strict(data, &form); err != nil {
			return nil, fmt.Errorf("%w: %w", err, errForm)
		}
		if form.Relative != nil {
			relative = *form.Relative
		}
		switch {
		case form.Solar != nil:
			return nil, errors.New("solar schedules are not served: send such a task from celery beat, or give a crontab")
		case form.Crontab != nil && form.Every == nil:
			return parseCrontab(form.Crontab)
		case form.Every != nil && form.Crontab == nil:
			return NewInterval(*form.Every, relative)
		}
		return nil, errForm
	}
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return nil, fmt.Errorf("%.60s: %w", data, errForm)
	}
	return NewInterval(seconds, relative)
}

// strict decodes and takes no member that it does not know.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// An Interval is a schedule of equal distances: Celery's schedule.
type Interval struct {
	every    time.Duration
	relative bool
}

// longest is what a datetime.timedelta and a time.Duration both can say.
const longest = 290 * 365 * 24 * 3600

// NewInterval is a schedule of so many seconds, rounded to microseconds. A
// relative one runs when the clock is at whole days, hours or minutes,
// whichever is the largest that the interval reaches. Errors wrap [ErrSchedule].
func NewInterval(seconds float64, relative bool) (*Interval, error) {
	micros := math.RoundToEven(seconds * 1e6)
	if !(micros >= 1 && seconds <= longest) {
		return nil, fmt.Errorf("%w: an interval of %v seconds: it must be more than zero and less than 290 years", ErrSchedule, seconds)
	}
	return &Interval{every: time.Duration(micros) * time.Microsecond, relative: relative}, nil
}

// String implements [Schedule].
func (i *Interval) String() string {
	if i.relative {
		return fmt.Sprintf("every %v, by the clock", i.every)
	}
	return fmt.Sprintf("every %v", i.every)
}

// Due implements [Schedule].
func (i *Interval) Due(last, now time.Time, zone *time.Location) (bool, time.Duration, error) {
	if left := i.end(last, zone).Sub(now); left > 0 {
		return false, left, nil
	}
	next := i.every
	if i.relative {
		// The next boundary may be nearer or farther than the interval: after a
		// late run, or over a change of the clock.
		if left := i.end(now, zone).Sub(now); left > 0 {
			next = left
		}
	}
	return true, next, nil
}

// end is when the interval that began at start ends: celery.utils.time.remaining.
func (i *Interval) end(start time.Time, zone *time.Location) time.Time {
	if !i.relative {
		return start.Add(i.every)
	}
	const day = 24 * time.Hour
	if i.every >= day {
		// Days go by the calendar. Of a midnight that is shown twice, the first
		// after start.
		end := civilOf(start, zone).add(i.every)
		if at, ok := earliest(after(i.rounded(end, zone), start)); ok {
			return at
		}
		return end.instant(zone)
	}
	end := start.Add(i.every)
	wall := civilOf(end, zone)
	candidates := i.rounded(wall, zone)
	rounded, ok := latest(upTo(candidates, end))
	if !ok {
		rounded, _ = earliest(candidates)
	}
	if i.every >= time.Minute && !rounded.After(start) {
		// A clock that was put back by a part of an hour can round to before start.
		unit := time.Minute
		if i.every >= time.Hour {
			unit = time.Hour
		}
		candidates = append(candidates, i.rounded(wall.add(unit), zone)...)
		candidates = append(candidates, i.rounded(civilOf(start, zone).add(i.every), zone)...)
		future := after(candidates, start)
		if rounded, ok = latest(upTo(future, end)); !ok {
			if rounded, ok = earliest(future); !ok {
				rounded = end
			}
		}
	}
	return rounded
}

// rounded are the two showings of a time that is rounded down to the unit that
// the interval reaches.
func (i *Interval) rounded(c civil, zone *time.Location) []time.Time {
	y, mo, d := c.at.Date()
	h, mi, s := c.at.Clock()
	switch {
	case i.every >= 24*time.Hour:
		h, mi, s = 0, 0, 0
	case i.every >= time.Hour:
		mi, s = 0, 0
	case i.every >= time.Minute:
		s = 0
	}
	at := time.Date(y, mo, d, h, mi, s, 0, time.UTC)
	var out []time.Time
	for fold := range 2 {
		candidate := civil{at: at, fold: fold}
		if moved := candidate.resolved(zone); moved.at.After(candidate.at) {
			candidate = moved
		}
		out = append(out, candidate.instant(zone))
	}
	return out
}

func after(list []time.Time, start time.Time) (out []time.Time) {
	for _, at := range list {
		if at.After(start) {
			out = append(out, at)
		}
	}
	return out
}

func upTo(list []time.Time, end time.Time) (out []time.Time) {
	for _, at := range list {
		if !at.After(end) {
			out = append(out, at)
		}
	}
	return out
}

func earliest(list []time.Time) (first time.Time, ok bool) {
	for n, at := range list {
		if n == 0 || at.Before(first) {
			first = at
		}
	}
	return first, len(list) > 0
}

func latest(list []time.Time) (last time.Time, ok bool) {
	for n, at := range list {
		if n == 0 || at.After(last) {
			last = at
		}
	}
	return last, len(list) > 0
}
