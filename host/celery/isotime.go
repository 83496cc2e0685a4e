package celery

import (
	"fmt"
	"strings"
	"time"
)

// ParseTime reads an ISO 8601 date or date and time as dateutil's isoparse,
// which Celery uses, does: basic or extended form; calendar, week or ordinal
// date; any one character before the time; of a second's fraction six digits;
// Z or an offset. Without an offset the time is UTC.
func ParseTime(s string) (time.Time, error) {
	day, rest, ok := parseDate(s)
	if ok && rest != "" {
		day, ok = parseClock(day, rest[1:])
	}
	if !ok {
		return time.Time{}, fmt.Errorf("%q is no ISO 8601 time", s)
	}
	return day, nil
}

// number reads exactly n digits from the start of s.
func number(s string, n int) (value int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for i := range n {
		if !digit(s[i]) {
			return 0, s, false
		}
		value = value*10 + int(s[i]-'0')
	}
	return value, s[n:], true
}

func parseDate(s string) (day time.Time, rest string, ok bool) {
	year, s, ok := number(s, 4)
	if !ok || year == 0 {
		return day, s, false
	}
	if s == "" {
		return date(year, 1, 1), s, true
	}
	month, dayOfMonth, rest, ok := calendarDay(s)
	if ok {
		day = date(year, month, dayOfMonth)
		return day, rest, int(day.Month()) == month && day.Day() == dayOfMonth
	}
	s, dash := strings.CutPrefix(s, "-")
	if s, ok := strings.CutPrefix(s, "W"); ok {
		return weekDay(year, s, dash)
	}
	dayOfYear, rest, ok := number(s, 3)
	day = date(year, 1, dayOfYear)
	return day, rest, ok && day.Year() == year
}

// calendarDay reads -MM, -MM-DD or MMDD.
func calendarDay(s string) (month, day int, rest string, ok bool) {
	s, dash := strings.CutPrefix(s, "-")
	if month, s, ok = number(s, 2); !ok {
		return 0, 0, s, false
	}
	if dash {
		if s == "" {
			return month, 1, s, true
		}
		if s, ok = strings.CutPrefix(s, "-"); !ok {
			return 0, 0, s, false
		}
	}
	day, s, ok = number(s, 2)
	return month, day, s, ok
}

// weekDay reads WW, WW-D or WWD.
func weekDay(year int, s string, dash bool) (time.Time, string, bool) {
	week, s, ok := number(s, 2)
	if !ok || week < 1 || week > 53 {
		return time.Time{}, s, false
	}
	day := 1
	if s != "" {
		var dashed bool
		if s, dashed = strings.CutPrefix(s, "-"); dashed != dash {
			return time.Time{}, s, false
		}
		if day, s, ok = number(s, 1); !ok || day < 1 || day > 7 {
			return time.Time{}, s, false
		}
	}
	// The fourth of January is always in week 1.
	fourth := date(year, 1, 4)
	monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7)
	return monday.AddDate(0, 0, (week-1)*7+day-1), s, true
}

func date(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// parseClock reads hh, hh:mm, hh:mm:ss or hh:mm:ss.ffffff, each with or without
// colons and a zone.
func parseClock(day time.Time, s string) (time.Time, bool) {
	if len(s) < 2 {
		return day, false
	}
	var part [3]int
	micros, zone, colon, ok := 0, time.UTC, false, true
	for i := 0; s != ""; i++ {
		if strings.IndexByte("-+Zz", s[0]) >= 0 {
			if zone, ok = parseZone(s); !ok {
				return day, false
			}
			break
		}
		if i == 3 {
			if micros, s, ok = parseFraction(s); !ok {
				return day, false
			}
			continue
		}
		if i > 3 {
			return day, false
		}
		if i == 1 {
			s, colon = strings.CutPrefix(s, ":")
		} else if i == 2 && colon {
			if s, ok = strings.CutPrefix(s, ":"); !ok {
				return day, false
			}
		}
		if part[i], s, ok = number(s, 2); !ok {
			return day, false
		}
	}
	if part[0] > 24 || part[1] > 59 || part[2] > 59 || part[0] == 24 && part[1]+part[2]+micros != 0 {
		return day, false
	}
	return time.Date(day.Year(), day.Month(), day.Day(), part[0], part[1], part[2], micros*1000, zone), true
}

func parseFraction(s string) (micros int, rest string, ok bool) {
	if s[0] != '.' && s[0] != ',' {
		return 0, s, false
	}
	n := 1
	for ; n < len(s) && digit(s[n]); n++ {
		if n <= 6 {
			micros = micros*10 + int(s[n]-'0')
		}
	}
	for i := n; i <= 6; i++ {
		micros *= 10
	}
	return micros, s[n:], n > 1
}

// parseZone reads Z, +hh, +hhmm or +hh:mm, which must be all of s.
func parseZone(s string) (*time.Location, bool) {
	if s == "Z" || s == "z" {
		return time.UTC, true
	}
	sign := 1
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return nil, false
	}
	hours, s, ok := number(s[1:], 2)
	minutes := 0
	if ok && s != "" {
		minutes, s, ok = number(strings.TrimPrefix(s, ":"), 2)
	}
	if !ok || s != "" || hours > 23 || minutes > 59 {
		return nil, false
	}
	offset := sign * (hours*3600 + minutes*60)
	if offset == 0 {
		return time.UTC, true
	}
	return time.FixedZone("", offset), true
}

// FormatTime returns t as Python's datetime.isoformat prints an aware time: in
// the time's own zone, with microseconds only when there are any.
func FormatTime(t time.Time) string {
	if t = t.Truncate(time.Microsecond); t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05-07:00")
	}
	return t.Format("2006-01-02T15:04:05.000000-07:00")
}

func formatTimeOrEmpty(t *time.Time) string {
	if t == nil {
		return ""
	}
	return FormatTime(*t)
}
