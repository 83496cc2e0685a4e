package sdktest_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

func init() {
	sdk.Needs("http:api.example.com")
	sdk.Needs("env:API_TOKEN")
	type args struct {
		Day string `arg:"day"`
	}
	sdk.Task("http.rates", func(ctx *sdk.Context, a args) (map[string]float64, error) {
		token, err := ctx.Env("API_TOKEN")
		if err != nil {
			return nil, err
		}
		answer, err := ctx.HTTP().Do(&sdk.HTTPRequest{URL: "https://api.example.com/rates?day=" + a.Day, Header: sdk.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			return nil, err
		}
		var rates map[string]float64
		return rates, answer.JSON(&rates)
	})
	sdk.Task("http.post", func(ctx *sdk.Context, _ struct{}) (string, error) {
		answer, err := ctx.HTTP().Post("https://api.example.com/jobs", "text/plain", []byte("body"))
		if err != nil {
			return "", err
		}
		_, ok, err := ctx.LookupEnv("NOT_THERE")
		if ok || err != nil {
			return "", err
		}
		return answer.Header.Get("location"), answer.Err()
	})
}

func TestHTTPAnswers(t *testing.T) {
	h := sdktest.New(t)
	h.Setenv("API_TOKEN", "t1")
	h.OnHTTP("GET", "https://api.example.com/rates?day=mon").Body(map[string]float64{"EUR": 1.5})
	h.OnHTTP("", "https://api.example.com/rates").Once().Status(503).Body("busy")
	h.OnHTTP("", "https://api.example.com/rates").Err(sdk.Errorf("TimeoutError", "no answer"))
	for _, test := range []struct{ day, want, err string }{
		{"mon", `{"EUR":1.5}`, ""},
		{"tue", "", `HTTPError: 503 of https://api.example.com/rates: "busy"`},
		{"tue", "", "TimeoutError: no answer"},
	} {
		got, err := h.Call("http.rates", test.day)
		if string(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %s, %v", test.day, got, err)
		}
	}
	if r := h.HTTPRequests(); len(r) != 3 || r[0].Method != "GET" || r[0].Header.Get("authorization") != "Bearer t1" {
		t.Errorf("requests: %+v", r)
	}
	h.OnHTTP("POST", "https://api.example.com/jobs").Status(201).Header("Location", "/jobs/1")
	if got, err := h.Call("http.post"); err != nil || string(got) != `"/jobs/1"` {
		t.Errorf("got %s, %v", got, err)
	}
	if r := h.HTTPRequests(); string(r[3].Body) != "body" || r[3].Header.Get("Content-Type") != "text/plain" {
		t.Errorf("request: %+v", r[3])
	}
}

func TestARequestWithoutAnAnswerFailsTheTest(t *testing.T) {
	f := &fatal{name: "TestX"}
	if _, err := sdktest.New(f).Call("http.post"); err == nil {
		t.Error("it is answered")
	}
	if len(f.messages) == 0 || !strings.Contains(f.messages[0], `no answer for the request POST https://api.example.com/jobs; give one with Host.OnHTTP("POST"`) {
		t.Errorf("got %q", f.messages)
	}
}

func TestRecordedHTTP(t *testing.T) {
	if os.Getenv("SPARKSTALK_TEST_HOST") != "" {
		t.Fatal("this test is about runs without an engine")
	}
	t.Chdir(t.TempDir())
	entries, err := json.Marshal([]map[string]any{
		{"action": "TaskHTTP GET https://api.example.com/rates?day=mon ", "plan": []string{""}, "answers": []any{map[string]any{"json": map[string]any{"status": 200, "headers": map[string]any{}, "url": "u"}}}},
		{"action": "TaskHTTPBody GET https://api.example.com/rates?day=mon ", "plan": []string{""}, "answers": []any{map[string]any{"json": map[string]any{"EUR": 2}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata/recorded", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/recorded/TestX.json", entries, 0o666); err != nil {
		t.Fatal(err)
	}
	f := &fatal{name: "TestX"}
	h := sdktest.Recorded(f)
	if got, err := h.Call("http.rates", "mon"); err != nil || string(got) != `{"EUR":2.0}` && string(got) != `{"EUR":2}` {
		t.Errorf("got %s, %v, %q", got, err, f.messages)
	}
	h.OnHTTP("", "https://api.example.com/rates?day=tue").Body(`{"EUR": 3}`)
	if got, err := h.Call("http.rates", "tue"); err != nil || !strings.HasPrefix(string(got), `{"EUR":3`) {
		t.Errorf("got %s, %v, %q", got, err, f.messages)
	}
}
