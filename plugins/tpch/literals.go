package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A date is a day. Clients give it as Python's datetime.date or as text such as
// "1995-03-15".
type date time.Time

func day(year int, month time.Month, day int) date {
	return date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	*d = date(t)
	return err
}

func (d date) plus(years, months, days int) date {
	return date(time.Time(d).AddDate(years, months, days))
}

func (d date) lit() F.Column { return spark.TypedLit(time.Time(d), "date") }

// exactly is a decimal literal of the type that SQL gives it: 0.06 is a
// decimal(2,2). Prices and rates are decimals, and a double would make what is
// computed from them inexact.
func exactly(n json.Number) F.Column {
	text := n.String()
	if strings.ContainsAny(text, "eE") { // Python writes 0.00001 so
		f, err := n.Float64()
		if err != nil {
			return F.Lit(n) // which says what is wrong
		}
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "-"), ".")
	precision := len(strings.TrimLeft(whole, "0")) + len(fraction)
	return spark.TypedLit(spark.Decimal(text), fmt.Sprintf("decimal(%d,%d)", max(precision, 1), len(fraction)))
}

// values returns a list as arguments of IsIn.
func values[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
