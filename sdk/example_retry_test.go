package sdk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

type importArgs struct {
	Table string `arg:"table"`
}

// importTable waits for a table that somebody else makes.
func importTable(ctx *sdk.Context, a importArgs) (int64, error) {
	there, err := ctx.Spark().Catalog().TableExists(a.Table)
	if err != nil {
		return 0, err
	}
	if !there {
		cause := sdk.Errorf("LookupError", "there is no table %s", a.Table)
		return 0, ctx.Retry(sdk.Retry{Countdown: time.Duration(ctx.Retries()+1) * time.Minute, MaxRetries: 5, Cause: cause})
	}
	return ctx.Spark().Table(a.Table).Count()
}

func init() { sdk.Task("shops.import", importTable) }

func ExampleContext_Retry() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.On("catalog tableExists").Value(false)
	h.SetRequest(sdk.Request{Retries: 2})
	_, err := h.Call("shops.import", "sales")
	fmt.Println(err)
	for _, m := range h.Messages() {
		fmt.Println(m.Kind, string(m.Body))
	}
	// Output:
	// Retry: Task can be retried
	// retry {"countdown":180,"max_retries":5,"exc":{"type":"LookupError","module":"builtins","args":["there is no table sales"]}}
}
