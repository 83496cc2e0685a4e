package celery

import (
	"fmt"
	"strconv"
	"strings"
)

// A RateError says in Python's words why a rate limit makes no sense.
type RateError struct {
	// Unit says that the unit is unknown, a KeyError; else the number is.
	Unit bool
	Text string
}

// Error implements error, as Python's repr of the exception.
func (e *RateError) Error() string {
	if e.Unit {
		return "KeyError(" + Repr(Quote(e.Text)) + ")"
	}
	return "ValueError(" + Repr(Quote("could not convert string to float: "+Repr(Quote(e.Text)))) + ")"
}

// ParseRate reads a rate limit, such as "10/s", "100/m", "2/h" or "0.5", as
// calls a second. Zero and the empty string are no limit.
func ParseRate(rate string) (float64, error) {
	if rate == "" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(rate, "/")
	f, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	per := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	switch {
	case per == 0:
		return 0, &RateError{Unit: true, Text: unit}
	case err != nil:
		return 0, &RateError{Text: number}
	case f != f || f < 0:
		return 0, fmt.Errorf("rate limit %s is no rate", rate)
	}
	return f / per, nil
}
