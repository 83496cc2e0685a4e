package celery

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

func TestDecodeResultOfOthers(t *testing.T) {
	for document, want := range map[string]Result{
		// what other workers and Python's own faults store
		`{"status":"SUCCESS","result":1,"task_id":"i"}`:                                            {State: StateSuccess, Value: json.RawMessage("1"), TaskID: "i"},
		`{"status": "FAILURE", "result": null, "task_id": "i"}`:                                    {State: StateFailure, Value: json.RawMessage("null"), TaskID: "i"},
		`{"status": "FAILURE", "result": "boom", "task_id": "i", "traceback": "tb"}`:               {State: StateFailure, Value: json.RawMessage(`"boom"`), Traceback: "tb", TaskID: "i"},
		`{"status": "FAILURE", "result": {"exc_type": "E", "exc_message": "m"}, "traceback": "t"}`: {State: StateFailure, Exception: &Exception{Type: "E", Args: []json.RawMessage{json.RawMessage(`"m"`)}, Traceback: "t"}},
		`{"status": "FAILURE", "result": {"exc_type": "E", "exc_module": null}}`:                   {State: StateFailure, Exception: &Exception{Type: "E"}},
		`{"status": "SUCCESS", "result": {"exc_type": "E"}, "name": "t", "retries": 2}`: {State: StateSuccess, Value: json.RawMessage(`{"exc_type": "E"}`),
			Extra: Object{{Key: "name", Value: json.RawMessage(`"t"`)}, {Key: "retries", Value: json.RawMessage("2")}}},
	} {
		got, err := DecodeResult([]byte(document))
		if err != nil {
			t.Errorf("%s: %v", document, err)
			continue
		}
		if string(got.Encode()) != string(want.Encode()) || (got.Exception == nil) != (want.Exception == nil) {
			t.Errorf("%s\n got %s\nwant %s", document, got.Encode(), want.Encode())
		}
	}
	for document, why := range map[string]string{
		``: "byte 0", `[]`: "object", `{}`: "status", `{"status": "SUCCESS", "date_done": "soon"}`: "date_done",
		"\x00celery-compressed\x00application/x-snappy\x00...": "snappy", "\x00celery-compressed\x00application/x-gzip\x00...": "gzip",
	} {
		if _, err := DecodeResult([]byte(document)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want an error about %s", document, err, why)
		}
	}
}

func TestExceptionsReadAsPythonsLastLine(t *testing.T) {
	for want, e := range map[string]*Exception{
		"ValueError":                   {Type: "ValueError"},
		"ValueError: boom":             NewException("builtins", "ValueError", "boom"),
		"TimeLimitExceeded: 1.5":       TimeLimitExceeded(1.5),
		"Reject: ('no thanks', False)": Rejected("no thanks", false),
	} {
		if e.Error() != want {
			t.Errorf("got %q, want %q", e.Error(), want)
		}
	}
	if got, want := Rejected("no thanks", false).Repr(), "reject requeue=False: no thanks"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecodeErrorsNameTheTask(t *testing.T) {
	_, err := Decode(Incoming{Headers: headers2(nil), ContentType: ContentType})
	if err == nil || err.Error() != "message of task t[i]: body is empty" {
		t.Errorf("got %v", err)
	}
	if _, err = Decode(Incoming{ContentType: ContentType, Body: []byte("1")}); err == nil || !strings.HasPrefix(err.Error(), "message is no task: ") {
		t.Errorf("got %v", err)
	}
}

func TestClockIsLamports(t *testing.T) {
	var c Clock
	for i, got := range []int64{c.Forward(), c.Forward(), c.Adjust(10), c.Adjust(3), c.Forward(), c.Value()} {
		if want := []int64{1, 2, 11, 12, 13, 13}[i]; got != want {
			t.Errorf("step %d: got %d, want %d", i, got, want)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				c.Forward()
				c.Adjust(0)
			}
		})
	}
	wg.Wait()
	if c.Value() != 13+16000 {
		t.Errorf("%d after 16000 events", c.Value())
	}
}

func TestObjectsAreJSONToTheStandardLibrary(t *testing.T) {
	o := Object{{Key: "é\"", Value: json.RawMessage("1")}, {Key: "none"}}
	data, err := json.Marshal(map[string]any{"o": o})
	if err != nil || string(data) != `{"o":{"\u00e9\"":1,"none":null}}` {
		t.Errorf("%s, %v", data, err)
	}
}
