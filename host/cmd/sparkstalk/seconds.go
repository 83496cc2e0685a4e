package main

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// secondsValue is a flag that takes a time as Celery's commands do, in seconds, and as
// Go does.
type secondsValue time.Duration

// Set implements [pflag.Value].
func (v *secondsValue) Set(text string) error {
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if !(s >= 0 && s < math.MaxInt64/float64(time.Second)) {
			return fmt.Errorf("%s seconds are no time to wait", text)
		}
		*v = secondsValue(s * float64(time.Second))
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time: give seconds, such as 5 or 0.5, or 500ms", text)
	}
	*v = secondsValue(d)
	return nil
}

// String implements [pflag.Value].
func (v *secondsValue) String() string { return time.Duration(*v).String() }

// Type implements [pflag.Value].
func (*secondsValue) Type() string { return "seconds" }
