package spark

import (
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// timeAppender returns the appender of a column of dates, times or intervals,
// or nil.
func timeAppender(a arrow.Array) appender {
	switch a := a.(type) {
	case *array.Date32:
		return func(dst []byte, row int) []byte {
			return appendDate(dst, time.Unix(int64(a.Value(row))*86400, 0).UTC())
		}
	case *array.Date64:
		return func(dst []byte, row int) []byte { return appendDate(dst, time.UnixMilli(int64(a.Value(row))).UTC()) }
	case *array.Timestamp:
		kind := a.DataType().(*arrow.TimestampType)
		zone := ""
		if kind.TimeZone != "" {
			zone = "+00:00"
		}
		return func(dst []byte, row int) []byte {
			return appendTimestamp(dst, inUnit(int64(a.Value(row)), kind.Unit), zone)
		}
	case *array.Time32:
		unit := a.DataType().(*arrow.Time32Type).Unit
		return func(dst []byte, row int) []byte { return appendTime(dst, inUnit(int64(a.Value(row)), unit)) }
	case *array.Time64:
		unit := a.DataType().(*arrow.Time64Type).Unit
		return func(dst []byte, row int) []byte { return appendTime(dst, inUnit(int64(a.Value(row)), unit)) }
	case *array.Duration:
		unit := a.DataType().(*arrow.DurationType).Unit
		return func(dst []byte, row int) []byte { return appendDayTime(dst, int64(a.Value(row)), unit) }
	case *array.MonthInterval:
		return func(dst []byte, row int) []byte { return appendYearMonth(dst, int64(a.Value(row))) }
	case *array.DayTimeInterval:
		return func(dst []byte, row int) []byte {
			v := a.Value(row)
			return appendDayTime(dst, int64(v.Days)*86_400_000+int64(v.Milliseconds), arrow.Millisecond)
		}
	case *array.MonthDayNanoInterval:
		return func(dst []byte, row int) []byte { return appendCalendar(dst, a.Value(row)) }
	}
	return nil
}

// inUnit is the time so many units after the epoch.
func inUnit(n int64, unit arrow.TimeUnit) time.Time {
	switch unit {
	case arrow.Second:
		return time.Unix(n, 0).UTC()
	case arrow.Millisecond:
		return time.UnixMilli(n).UTC()
	case arrow.Microsecond:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// pythonic reports whether Python's datetime has the year.
func pythonic(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

func appendDate(dst []byte, t time.Time) []byte {
	if !pythonic(t) {
		return append(appendDay(append(dst, '"'), t), '"')
	}
	return appendSpecial(dst, "date", func(dst []byte) []byte { return appendDay(dst, t) })
}

func appendTimestamp(dst []byte, t time.Time, zone string) []byte {
	value := func(dst []byte) []byte {
		return append(appendClock(append(appendDay(dst, t), 'T'), t), zone...)
	}
	if !pythonic(t) {
		return append(value(append(dst, '"')), '"')
	}
	return appendSpecial(dst, "datetime", value)
}

func appendTime(dst []byte, t time.Time) []byte {
	return appendSpecial(dst, "time", func(dst []byte) []byte { return appendClock(dst, t) })
}

// appendDay appends 2026-01-02. Years of more digits have a sign, as Spark and
// ISO 8601 print them.
func appendDay(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	switch {
	case year > 9999:
		dst = append(dst, '+')
	case year < 0:
		dst = append(dst, '-')
		year = -year
	}
	return appendPadded(append(appendPadded(append(appendPadded(dst, year, 4), '-'), int(month), 2), '-'), day, 2)
}

// appendClock appends 03:04:05.678901, without the fraction if it is zero, as
// Python's isoformat does.
func appendClock(dst []byte, t time.Time) []byte {
	dst = appendPadded(append(appendPadded(append(appendPadded(dst, t.Hour(), 2), ':'), t.Minute(), 2), ':'), t.Second(), 2)
	if micros := t.Nanosecond() / 1000; micros != 0 {
		dst = appendPadded(append(dst, '.'), micros, 6)
	}
	return dst
}

func appendPadded(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			for range width - 1 {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// appendDayTime appends an interval as Spark's cast to string does.
func appendDayTime(dst []byte, n int64, unit arrow.TimeUnit) []byte {
	perSecond := int64(time.Second / unit.Multiplier())
	dst = append(dst, `"INTERVAL '`...)
	// The magnitude of the smallest number is only one as unsigned.
	size := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		size = -size
	}
	seconds, rest := size/uint64(perSecond), size%uint64(perSecond)
	dst = strconv.AppendUint(dst, seconds/86400, 10)
	dst = appendPadded(append(dst, ' '), int(seconds%86400/3600), 2)
	dst = appendPadded(append(dst, ':'), int(seconds%3600/60), 2)
	dst = appendPadded(append(dst, ':'), int(seconds%60), 2)
	dst = appendFraction(dst, rest*uint64(unit.Multiplier()))
	return append(dst, `' DAY TO SECOND"`...)
}

// appendFraction appends nanoseconds as .5, or nothing for none.
func appendFraction(dst []byte, nanos uint64) []byte {
	if nanos == 0 {
		return dst
	}
	dst = appendPadded(append(dst, '.'), int(nanos), 9)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendYearMonth(dst []byte, months int64) []byte {
	dst = append(dst, `"INTERVAL '`...)
	if months < 0 {
		dst = append(dst, '-')
		months = -months
	}
	dst = strconv.AppendInt(dst, months/12, 10)
	dst = strconv.AppendInt(append(dst, '-'), months%12, 10)
	return append(dst, `' YEAR TO MONTH"`...)
}

// appendCalendar appends an interval whose parts do not convert into each other.
func appendCalendar(dst []byte, v arrow.MonthDayNanoInterval) []byte {
	dst = append(dst, '"')
	dst = strconv.AppendInt(dst, int64(v.Months), 10)
	dst = append(dst, " months "...)
	dst = strconv.AppendInt(dst, int64(v.Days), 10)
	dst = append(dst, " days "...)
	size := uint64(v.Nanoseconds)
	if v.Nanoseconds < 0 {
		dst = append(dst, '-')
		size = -size
	}
	dst = strconv.AppendUint(dst, size/1e9, 10)
	return append(appendFraction(dst, size%1e9), ` seconds"`...)
}
