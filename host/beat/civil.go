package beat

import "time"

// A civil is the date and time that a clock on the wall shows, as Python's
// datetime has it: arithmetic on it goes by the calendar and not by elapsed
// time, and fold tells the second showing of a repeated time from the first
// (PEP 495).
type civil struct {
	at   time.Time // its fields are the wall's; its zone, UTC, means nothing
	fold int
}

// civilOf is what the wall shows at an instant.
func civilOf(at time.Time, loc *time.Location) civil {
	l := at.In(loc)
	c := civil{at: time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)}
	if !c.instant(loc).Equal(at) {
		c.fold = 1
	}
	return c
}

// add goes by the calendar; the result is the first showing, as in Python.
func (c civil) add(d time.Duration) civil { return civil{at: c.at.Add(d)} }

// instant is when the wall shows this. Times that a change of the clock leaves
// out are read with the offset from before it, or with fold from after it.
func (c civil) instant(loc *time.Location) time.Time {
	return c.at.Add(-c.offset(loc))
}

// offset is that of the wall to UTC. time.Date does not promise which of two
// it takes where the clock changes, and Python does.
func (c civil) offset(loc *time.Location) time.Duration {
	seconds := func(at time.Time) time.Duration {
		_, s := at.Zone()
		return time.Duration(s) * time.Second
	}
	at := c.at.Add(-48 * time.Hour).In(loc)
	off := seconds(at)
	for _, end := at.ZoneBounds(); !end.IsZero(); _, end = at.ZoneBounds() {
		at = end
		next := seconds(at)
		reach := max(off, next)
		if c.fold == 1 {
			reach = min(off, next)
		}
		if c.at.Before(end.UTC().Add(reach)) {
			break
		}
		off = next
	}
	return off
}

// imaginary reports whether no wall of loc ever shows this.
func (c civil) imaginary(loc *time.Location) bool {
	return !civilOf(c.instant(loc), loc).at.Equal(c.at)
}

// resolved moves an imaginary time as far as the clock was moved, as
// dateutil.tz.resolve_imaginary does.
func (c civil) resolved(loc *time.Location) civil {
	if !c.imaginary(loc) {
		return c
	}
	return c.add(c.add(24*time.Hour).offset(loc) - c.add(-24*time.Hour).offset(loc))
}
