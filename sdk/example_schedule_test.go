package sdk_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
)

type purgeArgs struct {
	Days int `arg:"days,default=30"`
}

func init() {
	sdk.Task("shops.purge", func(*sdk.Context, purgeArgs) (struct{}, error) { return struct{}{}, nil },
		sdk.Every(6*time.Hour, sdk.ByTheClock()),
		sdk.Crontab("0 4 * * sun", sdk.WithKwarg("days", 7), sdk.WithOption("queue", "nightly")))
}

// Schedules are in the manifest; `sparkstalk worker -B` sends by them.
func ExampleEvery() {
	for _, task := range sdk.Manifest().Tasks {
		if task.Name == "shops.purge" {
			for _, s := range task.Schedule {
				text, err := json.Marshal(s)
				fmt.Println(string(text), err)
			}
		}
	}
	// Output:
	// {"every":21600,"relative":true} <nil>
	// {"crontab":"0 4 * * sun","kwargs":{"days":7},"options":{"queue":"nightly"}} <nil>
}
