package celery_test

import (
	"encoding/json"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

func ExampleDecode() {
	task, err := celery.Decode(celery.Incoming{
		Headers:     map[string]any{"task": "demo.WordCount", "id": "9dbbc57e"},
		Body:        []byte(`[["/data"], {"first_letter": "a", "n": 2.0}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`),
		ContentType: "application/json",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(task.Name, task.ArgsRepr, task.KwargsRepr)
	fmt.Println(string(task.Arguments()))
	// Output:
	// demo.WordCount ('/data',) {'first_letter': 'a', 'n': 2.0}
	// {"args": ["/data"], "kwargs": {"first_letter": "a", "n": 2.0}}
}

func ExampleFailure() {
	task := &celery.Task{ID: "9dbbc57e", Name: "demo.WordCount"}
	failure := celery.Failure(task, celery.NewException("builtins", "TypeError", "missing argument 'inputs'"))
	read, err := celery.DecodeResult(failure.Encode())
	fmt.Println(read.State, read.Exception.Repr(), err)
	// Output: FAILURE TypeError("missing argument 'inputs'") <nil>
}

func ExampleSafeRepr() {
	fmt.Println(celery.SafeRepr(json.RawMessage(`{"words": [["and", 38658], ["an", null]], "ok": true}`), 32))
	// Output: {'words': [['and', 38658], ['an', ...]]}
}
