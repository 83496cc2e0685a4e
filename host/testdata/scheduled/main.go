// Command scheduled is a module whose first version has a schedule.
package main

import (
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
)

var version string

type args struct {
	Letter string `arg:"letter"`
}

func init() {
	schedules := []sdk.Option{sdk.Crontab("0 0 1 1 *", sdk.With("b"))}
	if version == "1" {
		schedules = append(schedules, sdk.Every(300*time.Millisecond, sdk.WithKwarg("letter", "a"), sdk.WithOption("priority", 3)))
	}
	sdk.Task("scheduled.tick", func(_ *sdk.Context, a args) (string, error) { return a.Letter, nil }, schedules...)
}

func main() {}
