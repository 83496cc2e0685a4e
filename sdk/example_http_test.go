package sdk_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

func init() {
	sdk.Needs("http:rates.example.com") // which the host's settings must grant
	sdk.Task("sales.rate", func(ctx *sdk.Context, _ struct{}) (float64, error) {
		answer, err := ctx.HTTP().Get("https://rates.example.com/eur")
		if err != nil {
			return 0, err
		}
		if answer.StatusCode != 200 {
			return 0, sdk.Errorf("ConnectionError", "status %d", answer.StatusCode)
		}
		var rate struct{ USD float64 }
		return rate.USD, json.Unmarshal(answer.Body, &rate)
	})
}

func ExampleContext_HTTP() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	h.OnHTTP("GET", "https://rates.example.com/").Body(map[string]float64{"USD": 1.25}).Once()
	h.OnHTTP("", "").Status(503)
	for range 2 {
		rate, err := h.Call("sales.rate")
		fmt.Println(string(rate), err)
	}
	// Output:
	// 1.25 <nil>
	//  ConnectionError: status 503
}
