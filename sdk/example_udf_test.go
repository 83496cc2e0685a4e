package sdk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// initials runs on the executors.
var initials = sdk.UDF("initials", func(name string) string {
	var b strings.Builder
	for _, word := range strings.Fields(name) {
		b.WriteRune([]rune(word)[0])
	}
	return b.String()
}, sdk.ParamNames("name"), sdk.FunctionDoc("the first letters of a name's words"))

func init() {
	sdk.Task("people.initials", func(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) {
		return ctx.Spark().Table("people").Select(F.Col("id"), initials.Call(F.Col("name")).As("initials")), nil
	})
}

func ExampleUDF() {
	var t testing.T // in a test, the one that it was given
	h := sdktest.New(&t)
	fmt.Println(h.CallFunction("initials", "Ada Lovelace"))
	fmt.Println(h.CallFunction("initials", nil)) // NULL

	h.On("table people").Rows([]any{1, "AL"})
	result, err := h.Call("people.initials")
	fmt.Println(string(result), err)
	fmt.Println(h.Plan())
	// Output:
	// AL <nil>
	// <nil> <nil>
	// [[1,"AL"]] <nil>
	// select id, initials(name) AS initials
	//   table people
}
