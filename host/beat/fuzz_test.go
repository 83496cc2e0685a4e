package beat

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// FuzzParseSchedule reads any schedule: it is refused by name, or has a next run
// after the last one.
func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{
		`30`, `"*/5 * * * *"`, `{"crontab": {"minute": [0, 30], "hour": "8-17/2", "day_of_week": "mon-fri"}}`, `{"crontab": "0 0 29 2 0"}`,
		`{"every": 3600, "relative": true}`, `{"solar": ["sunset", 1, 2]}`, `1e300`, `-1`, `{"crontab": {"month_of_year": "feb-jan/3"}}`, `null`,
	} {
		f.Add(seed, int64(1.7e9))
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, at int64) {
		if !json.Valid([]byte(text)) || at < 0 || at > 4e9 {
			return
		}
		s, err := ParseSchedule(json.RawMessage(text), true)
		if err != nil {
			if !errors.Is(err, ErrSchedule) {
				t.Errorf("%s: error %v", text, err)
			}
			return
		}
		now := time.Unix(at, 0)
		due, next, err := s.Due(now, now, zone)
		if err != nil && !errors.Is(err, ErrSchedule) || err == nil && next < 0 || s.String() == "" {
			t.Errorf("%s at %v: %v, %v, %v", s, now, due, next, err)
		}
	})
}
