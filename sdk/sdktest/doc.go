// Package sdktest runs a task's body under plain "go test", without WASM and
// without Spark.
//
//	func TestWordCount(t *testing.T) {
//		h := sdktest.New(t)
//		h.On("read text").Rows([]any{"and", 3}, []any{"as", 1})
//		got, err := h.Call("demo.WordCount", "/data", sdktest.Kwargs{"first_letter": "a"})
//		if err != nil || string(got) != `[["and",3],["as",1]]` {
//			t.Errorf("got %s, %v", got, err)
//		}
//		if plan := h.Plan(); !strings.HasPrefix(plan, "limit 5\n") {
//			t.Errorf("got the plan\n%s", plan)
//		}
//	}
//
// A [Host] records the plans that a task builds, as text, and answers its
// actions with canned rows; an action without an answer fails the test and shows
// the plan. It also keeps what the task logged and reported, and stands for the
// servers that the task asks ([Host.OnHTTP]) and the host's environment.
//
// [Recorded] makes a Host whose answers are an engine's: asked again by
// "sparkstalk test --spark sail", else those that were recorded. [Host.Given] has
// rows of the test stand where the task reads a table or files.
package sdktest
