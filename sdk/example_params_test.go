package sdk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// Parameters are the fields of a struct, in their order. One without a default
// must be given; a pointer is nil for None.
type reportArgs struct {
	Day    time.Time      `arg:"day" doc:"the day that is reported"`
	Shops  []string       `arg:"shops" doc:"which of them"`
	Limit  *int           `arg:"limit,default=null" doc:"None for all"`
	Format string         `arg:"format,default=csv"`
	Titles map[string]any `arg:"titles,default={}"`
}

func report(_ *sdk.Context, a reportArgs) (string, error) {
	limit := "all"
	if a.Limit != nil {
		limit = fmt.Sprint(*a.Limit)
	}
	return fmt.Sprintf("%s of %s on %s as %s", limit, a.Shops, a.Day.Format(time.DateOnly), a.Format), nil
}

func init() { sdk.Task("shops.report", report) }

// A client calls report("2026-03-01T00:00:00", ["Ghent"], limit=5) or any other
// way that Python's rules for arguments allow.
func ExampleTask_parameters() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, args := range [][]any{
		{day, []string{"Ghent"}},
		{day, sdktest.Kwargs{"shops": []string{"Ghent"}, "limit": 5, "format": "pdf"}},
		{day, "Ghent"},
		{sdktest.Kwargs{"shops": []string{}}},
	} {
		result, err := h.Call("shops.report", args...)
		fmt.Println(string(result), err)
	}
	// Output:
	// "all of [Ghent] on 2026-03-01 as csv" <nil>
	// "5 of [Ghent] on 2026-03-01 as pdf" <nil>
	//  TypeError: report() argument 'shops' must be list, not str
	//  TypeError: report() missing 1 required positional argument: 'day'
}
