package beat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Crontab is a schedule of minutes, hours, days and months: Celery's crontab.
// Unlike cron's, a day must be in day_of_week and in day_of_month.
type Crontab struct {
	// StartingDeadline is how old a missed run may be to be made up for:
	// Celery's beat_cron_starting_deadline. Nil means however old.
	StartingDeadline *time.Duration

	text string
	// Sorted.
	minutes, hours, weekdays, days, months []int
	anyDate                                bool // day_of_month and month_of_year are both *
}

// daysIn is the most that each month has.
var daysIn = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// fields are those of a crontab with their range, in the order of one line.
var fields = []struct {
	name       string
	count, min int
}{{"minute", 60, 0}, {"hour", 24, 0}, {"day_of_month", 31, 1}, {"month_of_year", 12, 1}, {"day_of_week", 7, 0}}

// ParseCrontab reads the five fields of a crontab's line: minute, hour, day of
// the month, month, day of the week (0 is Sunday). Errors wrap [ErrSchedule].
func ParseCrontab(line string) (*Crontab, error) {
	parts := strings.Fields(line)
	if len(parts) != len(fields) {
		return nil, fmt.Errorf("%w: crontab %q has %d fields: minute, hour, day of month, month and day of week are needed", ErrSchedule, line, len(parts))
	}
	given := map[string]json.RawMessage{}
	for i, f := range fields {
		text, err := json.Marshal(parts[i])
		if err != nil {
			return nil, err
		}
		given[f.name] = text
	}
	return newCrontab(given)
}

// parseCrontab reads a crontab's line, or its fields by Celery's names.
func parseCrontab(data json.RawMessage) (*Crontab, error) {
	var line string
	if json.Unmarshal(data, &line) == nil {
		return ParseCrontab(line)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(data, &given); err != nil || given == nil {
		return nil, fmt.Errorf("crontab %.60s: give its fields by name or in one text", data)
	}
	return newCrontab(given)
}

func newCrontab(given map[string]json.RawMessage) (*Crontab, error) {
	c := &Crontab{}
	var bad []error
	var text []string
	star := map[string]bool{}
	for _, f := range fields {
		spec, ok := given[f.name]
		delete(given, f.name)
		if !ok {
			spec = json.RawMessage(`"*"`)
		}
		values, err := expand(spec, f.count, f.min)
		if err != nil {
			bad = append(bad, fmt.Errorf("%w: crontab's %s %s: %w", ErrSchedule, f.name, spec, err))
		}
		star[f.name] = string(spec) == `"*"`
		text = append(text, strings.Trim(string(spec), `"`))
		switch f.name {
		case "minute":
			c.minutes = values
		case "hour":
			c.hours = values
		case "day_of_month":
			c.days = values
		case "month_of_year":
			c.months = values
		default:
			c.weekdays = values
		}
	}
	for name := range given {
		bad = append(bad, fmt.Errorf("%w: a crontab has no field %q: there are minute, hour, day_of_week, day_of_month and month_of_year", ErrSchedule, name))
	}
	c.text = strings.Join(text, " ")
	c.anyDate = star["day_of_month"] && star["month_of_year"]
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.months, func(m int) bool { return c.days[0] <= daysIn[m] }) {
		return nil, fmt.Errorf("%w: crontab %q: no month of %v has a day of %v", ErrSchedule, c.text, c.months, c.days)
	}
	return c, nil
}

// String implements [Schedule].
func (c *Crontab) String() string { return "crontab " + c.text }

// Due implements [Schedule].
func (c *Crontab) Due(last, now time.Time, zone *time.Location) (bool, time.Duration, error) {
	at, err := c.next(last, zone)
	if err != nil {
		return false, 0, err
	}
	left := at.Sub(now)
	if left > 0 {
		return false, left, nil
	}
	due := true
	if left < 0 && c.StartingDeadline != nil {
		// The microsecond counts a run that is exactly so old as in time.
		within, err := c.next(now.Add(-*c.StartingDeadline-time.Microsecond), zone)
		if err != nil {
			return false, 0, err
		}
		due = !within.After(now)
	}
	if at, err = c.next(now, zone); err != nil {
		return false, 0, err
	}
	return due, max(at.Sub(now), 0), nil
}

// next is the run after last: celery.schedules.crontab.remaining_delta. Where
// the clock changes it has the same answers, those that surprise included: a
// time that is left out runs an hour later by the wall, and one that is shown
// twice runs at its first showing.
func (c *Crontab) next(last time.Time, zone *time.Location) (time.Time, error) {
	from := civilOf(last, zone).at
	day := int(from.Weekday())
	thisDate := slices.Contains(c.months, int(from.Month())) && slices.Contains(c.days, from.Day()) && slices.Contains(c.weekdays, day)
	y, mo, d := from.Date()
	wall := func(d time.Time, h, m int) time.Time {
		return civil{at: time.Date(d.Year(), d.Month(), d.Day(), h, m, 0, 0, time.UTC)}.instant(zone)
	}
	date := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
	if thisDate && slices.Contains(c.hours, from.Hour()) && from.Minute() < c.minutes[len(c.minutes)-1] {
		return wall(date, from.Hour(), above(c.minutes, from.Minute())), nil
	}
	if thisDate && from.Hour() < c.hours[len(c.hours)-1] {
		return wall(date, above(c.hours, from.Hour()), c.minutes[0]), nil
	}
	if c.anyDate {
		next := c.weekdays[0]
		if i, _ := slices.BinarySearch(c.weekdays, day+1); i < len(c.weekdays) {
			next = c.weekdays[i]
		}
		ahead := (next - day + 7) % 7
		if ahead == 0 {
			ahead = 7
		}
		return wall(date.AddDate(0, 0, ahead), c.hours[0], c.minutes[0]), nil
	}
	date, err := c.nextDate(from, zone)
	if err != nil {
		return time.Time{}, err
	}
	return wall(date, c.hours[0], c.minutes[0]), nil
}

// above is the first value that is greater than v; there is one.
func above(values []int, v int) int {
	i, _ := slices.BinarySearch(values, v+1)
	return values[i]
}

// nextDate is the day of the next run where months or days of the month are
// limited: Celery's _delta_to_next.
func (c *Crontab) nextDate(from time.Time, zone *time.Location) (time.Time, error) {
	year, month, day := from.Year(), 0, 0 // indices, but for the year
	if at, found := slices.BinarySearch(c.months, int(from.Month())); found {
		month = at
		day, _ = slices.BinarySearch(c.days, from.Day()+1)
	} else if month = at; month == len(c.months) {
		month = 0
	}
	passed := func() bool {
		if day == len(c.days) {
			return true
		}
		at := time.Date(year, time.Month(c.months[month]), c.days[day], c.hours[0], c.minutes[0], 0, 0, time.UTC)
		if at.Day() != c.days[day] {
			return true // the month has no such day
		}
		return civil{at: at}.resolved(zone).at.Before(from)
	}
	for range 50_000 { // 28 years of each combination come back to the same weekdays
		for passed() {
			day = 0
			if month++; month == len(c.months) {
				month, year = 0, year+1
			}
			if year > 9999 {
				return time.Time{}, fmt.Errorf("%w: crontab %q has no run before the year 10000", ErrSchedule, c.text)
			}
		}
		date := time.Date(year, time.Month(c.months[month]), c.days[day], 0, 0, 0, 0, time.UTC)
		if slices.Contains(c.weekdays, int(date.Weekday())) {
			return date, nil
		}
		day++
	}
	return time.Time{}, fmt.Errorf("%w: crontab %q has no next run", ErrSchedule, c.text)
}
