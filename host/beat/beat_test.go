package beat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// synctest's clock begins at midnight UTC.
var begin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A log is what was sent, each as "name@offset" from the beginning.
type log struct {
	sent []string
	fail bool
}

func (l *log) send(_ context.Context, name string, _ Entry) (string, error) {
	l.sent = append(l.sent, fmt.Sprintf("%s@%v", name, time.Since(begin)))
	if l.fail {
		return "", errors.New("no broker")
	}
	return "id", nil
}

// run starts a beat in the bubble; the function it returns stops it.
func run(t *testing.T, cfg Config, entries map[string]Entry) (*Beat, func()) {
	t.Helper()
	if cfg.Elector == nil {
		cfg.Elector = Alone{}
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Set(entries); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	return b, func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func entryAt(schedule string) Entry {
	return Entry{Task: "t", Schedule: json.RawMessage(schedule)}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func TestEntriesAreSentAtTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		_, stop := run(t, Config{Send: l.send}, map[string]Entry{
			"often": entryAt("40"), "cron": entryAt(`"*/1 * * * *"`), "later": entryAt("3600"),
		})
		time.Sleep(125 * time.Second)
		stop()
		expect(t, l.sent, "often@40s", "cron@1m0s", "often@1m20s", "cron@2m0s", "often@2m0s") // of two at a time, by name
	})
}

func TestWhatCannotBeSentIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := log{fail: true}
		_, stop := run(t, Config{Send: l.send}, map[string]Entry{"a": entryAt("10")})
		time.Sleep(25 * time.Second)
		stop()
		expect(t, l.sent, "a@10s", "a@20s")
	})
}

func TestWhatIsOnItsWayArrivesAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for needs, arrives := range map[time.Duration]bool{stopGrace / 2: true, 2 * stopGrace: false} {
			sent := false
			_, stop := run(t, Config{Send: func(ctx context.Context, _ string, _ Entry) (string, error) {
				select {
				case <-time.After(needs):
					sent = true
				case <-ctx.Done():
				}
				return "", ctx.Err()
			}}, map[string]Entry{"a": entryAt("10")})
			time.Sleep(10*time.Second + time.Millisecond)
			begun := time.Now()
			stop()
			if took := time.Since(begun); sent != arrives || took > stopGrace {
				t.Errorf("of %v: sent %v, stopped after %v", needs, sent, took)
			}
		}
	})
}

func TestEntriesComeAndGoWithoutARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		b, stop := run(t, Config{Send: l.send}, map[string]Entry{"stays": entryAt("60"), "goes": entryAt("45")})
		time.Sleep(50 * time.Second)
		if err := b.Set(map[string]Entry{"stays": entryAt("60"), "comes": entryAt("30")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(45 * time.Second)
		// A changed schedule counts from the last run, and one that cannot be leaves the others.
		err := b.Set(map[string]Entry{"stays": entryAt("70"), "bad": entryAt(`"* *"`)})
		if !errors.Is(err, ErrSchedule) || !strings.Contains(err.Error(), "bad") {
			t.Errorf("error %v", err)
		}
		time.Sleep(40 * time.Second)
		stop()
		expect(t, l.sent, "goes@45s", "stays@1m0s", "comes@1m20s", "stays@2m10s")
	})
}

func TestLastRunsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := File{Path: filepath.Join(t.TempDir(), "made", "schedule.json")}
		var l log
		entries := map[string]Entry{"hourly": entryAt("3600"), "often": entryAt("10"), "cron": entryAt(`"30 * * * *"`)}
		_, stop := run(t, Config{Send: l.send, File: file}, entries)
		time.Sleep(15 * time.Second)
		stop()
		// Two hours are missed: each is made up for once, and then goes on.
		time.Sleep(2 * time.Hour)
		_, stop = run(t, Config{Send: l.send, File: file}, entries)
		time.Sleep(12 * time.Second)
		stop()
		got := map[string]bool{}
		for _, s := range l.sent {
			got[s] = true
		}
		want := map[string]bool{"often@10s": true, "often@2h0m15s": true, "hourly@2h0m15s": true, "cron@2h0m15s": true, "often@2h0m25s": true}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("sent %v, want %v", l.sent, want)
		}
		// Another zone begins anew.
		l.sent = nil
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour)
		_, stop = run(t, Config{Send: l.send, File: file, Zone: berlin}, entries)
		time.Sleep(time.Second)
		stop()
		expect(t, l.sent)
		s, err := file.Load()
		if err != nil || s.Zone != "Europe/Berlin" || len(s.Entries) != 3 {
			t.Errorf("state %+v, %v", s, err)
		}
	})
}

func TestAMissedRunTooOldIsNotMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := File{Path: filepath.Join(t.TempDir(), "s.json")}
		if err := file.Save(State{Zone: "UTC", Entries: map[string]Run{"cron": {LastRunAt: begin.Add(-24 * time.Hour)}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		var l log
		_, stop := run(t, Config{Send: l.send, File: file, StartingDeadline: new(5 * time.Minute)}, map[string]Entry{"cron": entryAt(`"0 * * * *"`)})
		time.Sleep(time.Hour)
		stop()
		expect(t, l.sent, "cron@1h0m0s")
	})
}

func TestABrokenScheduleFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(path, []byte(`{"tz`), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Send: (&log{}).send, Elector: Alone{}, File: File{Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestCrontabOverAChangeOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Date(2000, 3, 25, 12, 0, 0, 0, zone).Sub(begin))
		var at []string
		send := func(context.Context, string, Entry) (string, error) {
			at = append(at, time.Now().In(zone).Format("02 15:04"))
			return "", nil
		}
		_, stop := run(t, Config{Send: send, Zone: zone}, map[string]Entry{"c": entryAt(`"30 2 * * *"`)})
		time.Sleep(3 * 24 * time.Hour)
		stop()
		// At 2:30 on the 26th there was none: Celery runs an hour later by the clock.
		expect(t, at, "26 03:30", "27 02:30", "28 02:30")
	})
}
