package sdk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

type nightArgs struct {
	Shops []string `arg:"shops"`
}

// night has other tasks run, of any worker and in any language: one for each shop
// side by side, and another with the list of their results.
func night(ctx *sdk.Context, a nightArgs) (string, error) {
	var shops []*sdk.Signature
	for _, s := range a.Shops {
		shops = append(shops, sdk.Call("shops.count", s))
	}
	return ctx.Send(sdk.Chord(shops, sdk.Call("shops.sum").Queue("reports").Expires(time.Hour)))
}

func init() { sdk.Task("shops.night", night) }

func ExampleContext_Send() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	if _, err := h.Call("shops.night", []string{"Ghent"}); err != nil {
		fmt.Println(err)
	}
	for _, m := range h.Messages() {
		fmt.Println(m.Kind, string(m.Body))
	}
	// Output:
	// send {"task":"celery.chord","args":[],"kwargs":{"body":{"task":"shops.sum","args":[],"kwargs":{},"options":{"expires":3600,"queue":"reports"},"subtask_type":null,"immutable":false},"header":[{"task":"shops.count","args":["Ghent"],"kwargs":{},"options":{},"subtask_type":null,"immutable":false}],"kwargs":{}},"options":{},"subtask_type":"chord","immutable":false}
}
