package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSignalsMeanWhatTheyMeanToCelery(t *testing.T) {
	const (
		term, quit, hup = syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP
		soft            = 10 * time.Second
	)
	for name, c := range map[string]struct {
		soft    time.Duration
		remap   string
		signals []os.Signal
		want    string // what is asked for, then what is after the time of a soft shutdown
	}{
		"TERM":                       {signals: []os.Signal{term}, want: "warm|warm"},
		"TERM again changes nothing": {signals: []os.Signal{term, term, term}, want: "warm|warm"},
		"TERM with a soft time":      {soft: soft, signals: []os.Signal{term}, want: "warm|warm"},
		"INT":                        {signals: []os.Signal{os.Interrupt}, want: "warm|warm"},
		"INT twice":                  {signals: []os.Signal{os.Interrupt, os.Interrupt}, want: "warm cold|warm cold"},
		"INT twice, softly":          {soft: soft, signals: []os.Signal{os.Interrupt, os.Interrupt}, want: "warm|warm cold"},
		"QUIT":                       {signals: []os.Signal{quit}, want: "warm cold|warm cold"},
		"QUIT, softly":               {soft: soft, signals: []os.Signal{quit}, want: "warm|warm cold"},
		"QUIT twice, softly":         {soft: soft, signals: []os.Signal{quit, quit}, want: "warm cold|warm cold"},
		"QUIT thrice, softly":        {soft: soft, signals: []os.Signal{quit, quit, quit}, want: "warm cold exit|warm cold exit"},
		"QUIT twice":                 {signals: []os.Signal{quit, quit}, want: "warm cold exit|warm cold exit"},
		"TERM, then QUIT":            {signals: []os.Signal{term, quit}, want: "warm cold|warm cold"},
		"TERM as QUIT":               {remap: "SIGQUIT", signals: []os.Signal{term}, want: "warm cold|warm cold"},
		"HUP":                        {signals: []os.Signal{hup}, want: "warm again|warm again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(remapped, c.remap)
			synctest.Test(t, func(t *testing.T) {
				told := &commands{log: slog.New(slog.DiscardHandler), soft: c.soft}
				told.warm, told.stop = context.WithCancel(t.Context())
				told.cold, told.interrupt = context.WithCancel(t.Context())
				exited := false
				told.exit = func(int) { exited = true }
				is := func() string {
					synctest.Wait()
					var out []string
					if told.warm.Err() != nil {
						out = append(out, "warm")
					}
					if told.cold.Err() != nil {
						out = append(out, "cold")
					}
					if exited {
						out = append(out, "exit")
					}
					if told.again() != nil {
						out = append(out, "again")
					}
					return strings.Join(out, " ")
				}
				for _, s := range c.signals {
					told.obey(s)
				}
				got := is()
				time.Sleep(soft + time.Second)
				if got += "|" + is(); got != c.want {
					t.Errorf("%v: %s, want %s", c.signals, got, c.want)
				}
				told.stop()
				told.interrupt()
			})
		})
	}
}
