package beat

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A judged is one case for Python, and what it says.
type judged struct {
	Zone     string          `json:"zone"`
	Deadline *float64        `json:"deadline,omitempty"` // seconds
	Schedule json.RawMessage `json:"schedule"`
	Last     int64           `json:"last"` // microseconds since 1970
	Now      int64           `json:"now"`
}

type verdict struct {
	Bad    string `json:"bad"`
	Failed string `json:"failed"`
	Due    bool   `json:"due"`
	Next   int64  `json:"next"` // microseconds
}

func python(t *testing.T, cases []judged) []verdict {
	t.Helper()
	var in, out, stderr bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, c := range cases {
		if err := enc.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/schedules.py")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	cmd.Env = os.Environ()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var list []verdict
	if err := json.Unmarshal(out.Bytes(), &list); err != nil || len(list) != len(cases) {
		t.Fatalf("%d answers to %d cases: %v", len(list), len(cases), err)
	}
	return list
}

// The zones change their clocks by hours, by half an hour (Lord Howe), at
// midnight (Beirut, Sao Paulo, Azores), backwards in summer (Casablanca, Dublin),
// by a whole day (Apia), or never.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Sao_Paulo", "Atlantic/Azores",
	"Africa/Casablanca", "Europe/Dublin", "Pacific/Apia", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham",
}

// changes are the days on which some of the zones change their clocks.
var changes = []string{
	"2024-03-31", "2024-10-27", "2024-03-10", "2024-11-03", "2024-04-07", "2024-10-06", "2018-11-04", "2018-02-18", "2011-12-30", "2024-03-10", "2024-04-14",
	"2022-03-27", "2022-10-30",
}

func moments(r *rand.Rand) (last, now int64) {
	day := time.Date(2008+r.IntN(25), 1, 1+r.IntN(366), 0, 0, 0, 0, time.UTC)
	if r.IntN(2) == 0 {
		at, err := time.Parse(time.DateOnly, changes[r.IntN(len(changes))])
		if err != nil {
			panic(err)
		}
		day = at.Add(-26 * time.Hour)
	}
	at := day.Add(time.Duration(r.Int64N(int64(52 * time.Hour)))).Truncate(time.Microsecond)
	if r.IntN(3) == 0 {
		at = at.Truncate(time.Minute)
	}
	spans := []time.Duration{time.Second, time.Minute, time.Hour, 3 * time.Hour, 30 * time.Hour, 500 * time.Hour, 20000 * time.Hour}
	ahead := time.Duration(r.Int64N(int64(spans[r.IntN(len(spans))]))).Truncate(time.Microsecond)
	return at.UnixMicro(), at.Add(ahead).UnixMicro()
}

func randomCrontab(r *rand.Rand) json.RawMessage {
	pick := func(list ...any) any { return list[r.IntN(len(list))] }
	c := map[string]any{}
	put := func(name string, values ...any) {
		if r.IntN(3) > 0 {
			c[name] = pick(values...)
		}
	}
	put("minute", "*", 0, 59, "*/7", "*/15", "10-20/3", []int{5, 30, 55}, "50-10", "1,13,30-45,50-59/2", "0", r.IntN(60), "30")
	put("hour", "*", 0, 2, 3, 23, "*/3", "0,8-17/2", "22-2", []int{1, 2}, r.IntN(24), "2", "1-3")
	if r.IntN(2) == 0 {
		put("day_of_month", "*", 1, 15, 31, 30, 29, "*/3", "2-30/2", "1-7,15-21", []int{27, 28, 29, 30, 31}, "31")
		put("month_of_year", "*", 2, "*/3", "2-12/2", "jan,mar,oct,nov", []int{3, 10}, "nov-apr", "feb", "october")
	}
	put("day_of_week", "*", 0, 6, "mon-fri", "sun", "*/2", "sat,sun", []int{0, 3}, "fri-mon", "sunday,wednesday")
	data, err := json.Marshal(map[string]any{"crontab": c})
	if err != nil {
		panic(err)
	}
	return data
}

func compare(t *testing.T, cases []judged) {
	t.Helper()
	wrong, counted := 0, 0
	for i, v := range python(t, cases) {
		c := cases[i]
		s, err := ParseSchedule(c.Schedule, false)
		if (err != nil) != (v.Bad != "") {
			t.Errorf("%s: error %v, Python's is %s", c.Schedule, err, v.Bad)
		}
		if err != nil {
			continue
		}
		if tab, ok := s.(*Crontab); ok && c.Deadline != nil {
			tab.StartingDeadline = new(time.Duration(*c.Deadline * float64(time.Second)))
		}
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			t.Fatal(err)
		}
		last, now := time.UnixMicro(c.Last), time.UnixMicro(c.Now)
		due, next, err := s.Due(last, now, zone)
		if (err != nil) != (v.Failed != "") || err == nil && (due != v.Due || next.Microseconds() != v.Next) {
			if wrong++; wrong < 10 {
				t.Errorf("%s in %s, last %v, now %v:\n got due %v in %v, %v\nwant due %v in %v, %s", c.Schedule, c.Zone,
					last.In(zone), now.In(zone), due, next, err, v.Due, time.Duration(v.Next)*time.Microsecond, v.Failed)
			}
		}
		counted++
	}
	t.Logf("%d of %d cases differ", wrong, counted)
	if wrong > 0 {
		t.Fail()
	}
}

func TestCrontabsAreDueWhenPythonSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var cases []judged
	for range 6000 {
		c := judged{Zone: zones[r.IntN(len(zones))], Schedule: randomCrontab(r)}
		c.Last, c.Now = moments(r)
		if r.IntN(3) == 0 {
			c.Deadline = new([]float64{0, 60, 3600, 86400}[r.IntN(4)])
		}
		cases = append(cases, c)
	}
	compare(t, cases)
}

func TestIntervalsAreDueWhenPythonSays(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var cases []judged
	for range 6000 {
		every := []float64{0.25, 1, 59.5, 60, 90, 599, 1800, 3599, 3600, 5400, 7200, 43200, 86399, 86400, 90000, 172800, 604800.5}[r.IntN(17)]
		data, err := json.Marshal(map[string]any{"every": every, "relative": r.IntN(4) > 0})
		if err != nil {
			t.Fatal(err)
		}
		c := judged{Zone: zones[r.IntN(len(zones))], Schedule: data}
		c.Last, c.Now = moments(r)
		cases = append(cases, c)
	}
	compare(t, cases)
}

func TestCrontabsAreReadAsPythonReadsThem(t *testing.T) {
	var cases []judged
	for _, line := range strings.Split(`* * * * *|*/5 * * * *|0 4 * * *|0 0 1 1 *|60 * * * *|* 24 * * *|* * 0 * *|* * 32 * *|* * * 13 *|* * * * 7|0 0 30 2 *|0 0 31 2,4 *
0 0 31 4,5 *|* * * *|*/0 * * * *|*/ * * * *|1-5/ * * * *|1,,2 * * * *|-1 * * * *|1-5/2/3 * * * *|*/5-7 * * * *|5/2 * * * *|** * * * *|a * * * *|jan * * * *|mon * * * *
* * * janxx *|* * * * monday|* * * * MON|* * * * mon-fri/2|50-10/3 * * * *|+5 * * * *|* * * feb-jan *|1-5x * * * *|*/5x * * * *|0 0 29 2 *|0-99 * * * *|1-2-3 * * * *`, "|") {
		for one := range strings.SplitSeq(line, "\n") {
			text, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			cases = append(cases, judged{Zone: "UTC", Schedule: text, Last: 1.7e15, Now: 1.7e15 + 1})
		}
	}
	// An empty list is refused here; Python takes it and fails at every tick.
	for _, fields := range []string{
		`{}`, `{"minute": 5}`, `{"minute": 60}`, `{"minute": [1, 99]}`, `{"minute": -1}`, `{"hour": 2.5}`, `{"second": 1}`,
		`{"day_of_week": 7}`, `{"day_of_week": [0, 6]}`, `{"month_of_year": "sep"}`, `{"day_of_month": 30, "month_of_year": 2}`, `{"minute": null}`,
	} {
		cases = append(cases, judged{Zone: "UTC", Schedule: json.RawMessage(`{"crontab": ` + fields + `}`), Last: 1.7e15, Now: 1.7e15 + 1})
	}
	compare(t, cases)
}
