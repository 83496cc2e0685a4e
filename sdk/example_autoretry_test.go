package sdk_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func init() {
	sdk.Task("shops.refresh", refresh,
		sdk.AutoRetry(3, sdk.Backoff(time.Second), sdk.BackoffMax(time.Minute), sdk.DontRetryFor("ValueError")),
		sdk.AcksLate(), sdk.TimeLimit(10*time.Minute), sdk.RateLimit("10/m"))
}

func refresh(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
	return ctx.Spark().Table("sales"), nil
}

// What the options of a task come to is in the module's manifest, where the
// worker finds it.
func ExampleAutoRetry() {
	for _, task := range sdk.Manifest().Tasks {
		if task.Name == "shops.refresh" {
			options, err := json.MarshalIndent(task.TaskOptions, "", "  ")
			fmt.Println(string(options), err)
		}
	}
	// Output:
	// {
	//   "acks_late": true,
	//   "time_limit": 600,
	//   "rate_limit": "10/m",
	//   "max_retries": 3,
	//   "autoretry_for": [
	//     "Exception"
	//   ],
	//   "dont_autoretry_for": [
	//     "ValueError"
	//   ],
	//   "retry_backoff": 1,
	//   "retry_backoff_max": 60
	// } <nil>
}
