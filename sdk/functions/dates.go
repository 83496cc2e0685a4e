package functions

// Year is the year of a date or timestamp.
func Year(c ColumnOrName) Column { return call("year", c) }

// Quarter is the quarter, 1 to 4.
func Quarter(c ColumnOrName) Column { return call("quarter", c) }

// Month is the month, 1 to 12.
func Month(c ColumnOrName) Column { return call("month", c) }

// DayOfMonth is the day of the month, from 1.
func DayOfMonth(c ColumnOrName) Column { return call("dayofmonth", c) }

// DayOfWeek is the day of the week, 1 for Sunday to 7.
func DayOfWeek(c ColumnOrName) Column { return call("dayofweek", c) }

// DayOfYear is the day of the year, from 1.
func DayOfYear(c ColumnOrName) Column { return call("dayofyear", c) }

// WeekOfYear is the ISO week.
func WeekOfYear(c ColumnOrName) Column { return call("weekofyear", c) }

// Hour is the hour, 0 to 23.
func Hour(c ColumnOrName) Column { return call("hour", c) }

// Minute is the minute, 0 to 59.
func Minute(c ColumnOrName) Column { return call("minute", c) }

// Second is the second, 0 to 59.
func Second(c ColumnOrName) Column { return call("second", c) }

// LastDay is the last day of a date's month.
func LastDay(c ColumnOrName) Column { return call("last_day", c) }

// CurrentDate is the date when the query began.
func CurrentDate() Column { return call("current_date") }

// CurrentTimestamp is the time when the query began.
func CurrentTimestamp() Column { return call("current_timestamp") }

// ToDate is a string as a date. The format is as Spark's date patterns have it,
// "yyyy-MM-dd" if none is given.
func ToDate(c ColumnOrName, format ...string) Column { return formatted("to_date", c, format) }

// ToTimestamp is a string as a timestamp. The format is as Spark's date patterns
// have it, "yyyy-MM-dd HH:mm:ss" if none is given.
func ToTimestamp(c ColumnOrName, format ...string) Column {
	return formatted("to_timestamp", c, format)
}

func formatted(function string, c ColumnOrName, format []string) Column {
	args := []ColumnOrName{c}
	for _, f := range format {
		args = append(args, Lit(f))
	}
	return call(function, args...)
}

// DateFormat is a date or timestamp as text in one of Spark's date patterns.
func DateFormat(c ColumnOrName, format string) Column { return call("date_format", c, Lit(format)) }

// DateTrunc cuts a timestamp down to a unit: year, quarter, month, week, day,
// hour, minute or second.
func DateTrunc(unit string, c ColumnOrName) Column { return call("date_trunc", Lit(unit), c) }

// DateAdd is a date some days later.
func DateAdd(c ColumnOrName, days int) Column { return call("date_add", c, Lit(days)) }

// DateSub is a date some days earlier.
func DateSub(c ColumnOrName, days int) Column { return call("date_sub", c, Lit(days)) }

// AddMonths is a date some months later.
func AddMonths(c ColumnOrName, months int) Column { return call("add_months", c, Lit(months)) }

// DateDiff is the number of days from start to end.
func DateDiff(end, start ColumnOrName) Column { return call("datediff", end, start) }

// UnixTimestamp is a timestamp as seconds since 1970.
func UnixTimestamp(c ColumnOrName) Column { return call("unix_timestamp", c) }

// FromUnixTime is seconds since 1970 as text in one of Spark's date patterns.
func FromUnixTime(c ColumnOrName, format string) Column {
	return call("from_unixtime", c, Lit(format))
}
