package hostfn

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// get sends a request and returns the answer's status and body.
func get(t *testing.T, i *Invocation, r abi.HTTPRequest, body string) (string, error) {
	t.Helper()
	head, err := i.TaskHTTP(marshal(t, r), []byte(body))
	if err != nil {
		return "", err
	}
	var answer abi.HTTPResponse
	if err := json.Unmarshal(head, &answer); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(answer.Status, " ", string(i.TaskHTTPBody())), nil
}

func TestHTTPNeedsTheRight(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://elsewhere.example.com/", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		default:
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, "%s %s", r.Method, body)
		}
	}))
	defer served.Close()
	host := strings.TrimPrefix(served.URL, "http://")
	granted := policy.Rule{HTTP: []string{host}}
	asking := Task{Capabilities: []string{"http:" + host}}

	i := openWith(t, &session{}, granted, asking)
	defer i.Close()
	if got, err := get(t, i, abi.HTTPRequest{Method: "POST", URL: served.URL + "/x"}, "text"); err != nil || got != "202 POST text" {
		t.Errorf("got %s, %v", got, err)
	}
	_, err := get(t, i, abi.HTTPRequest{URL: served.URL + "/away"}, "")
	wantError(t, err, typePermission, "does not ask for the right to http elsewhere.example.com", `sdk.Needs("http:elsewhere.example.com")`)
	if body := i.TaskHTTPBody(); len(body) > 0 {
		t.Errorf("the body of the answer before is still there: %s", body)
	}
	_, err = get(t, i, abi.HTTPRequest{URL: served.URL + "/slow", Timeout: 0.05}, "")
	wantError(t, err, typeTimeout, host, "timed out after 50ms")
	_, err = get(t, i, abi.HTTPRequest{URL: "gopher://" + host}, "")
	wantError(t, err, typeValue, "neither the scheme https nor http")
	_, err = i.TaskHTTP([]byte(`{"url": 1}`), nil)
	wantError(t, err, typeValue, "TaskHTTP")

	for _, test := range []struct {
		rule policy.Rule
		task Task
		want []string
	}{
		{granted, Task{}, []string{"does not ask for the right to http " + host}},
		{policy.Rule{}, asking, []string{"does not grant the module m the right to http " + host, "in sparkstalk.yaml these lines do:\nmodules:\n  m:\n    http: [\"" + host + "\"]"}},
		{policy.Rule{HTTP: []string{"*:*"}}, asking, []string{"the host is at " + host + ", which is no address of the internet", "http: [\"" + host + "\"]"}},
	} {
		i := openWith(t, &session{}, test.rule, test.task)
		_, err := get(t, i, abi.HTTPRequest{URL: served.URL}, "")
		wantError(t, err, typePermission, test.want...)
		i.Close()
	}

	few := granted
	few.HTTPRequests, few.HTTPBytes = 2, 10
	limited := asking
	limited.Limits = few.Limits
	i = openWith(t, &session{}, few, limited)
	defer i.Close()
	_, err = get(t, i, abi.HTTPRequest{URL: served.URL}, "more than ten bytes")
	wantError(t, err, typeLimit, "more than 10 bytes", "http_bytes")
	i = openWith(t, &session{}, few, limited)
	defer i.Close()
	for range 2 {
		if _, err := get(t, i, abi.HTTPRequest{URL: served.URL}, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, err = get(t, i, abi.HTTPRequest{URL: served.URL}, "")
	wantError(t, err, typeLimit, "more than 2 requests", "http_requests")

	served.Close()
	i = openWith(t, &session{}, granted, asking)
	defer i.Close()
	_, err = get(t, i, abi.HTTPRequest{URL: served.URL}, "")
	wantError(t, err, typeConnection, host, "connection refused")
}

func TestHTTPHeedsTheSoftTimeLimit(t *testing.T) {
	served := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer served.Close()
	host := strings.TrimPrefix(served.URL, "http://")
	i := openWith(t, &session{}, policy.Rule{HTTP: []string{host}}, Task{Capabilities: []string{"http"}, SoftLimit: 50 * time.Millisecond})
	defer i.Close()
	_, err := get(t, i, abi.HTTPRequest{URL: served.URL}, "")
	wantError(t, err, "billiard.exceptions.SoftTimeLimitExceeded")
}

func TestEnvNeedsTheRight(t *testing.T) {
	t.Setenv("SPARKSTALK_TEST_ENV", `a "value"`)
	t.Setenv("SPARKSTALK_TEST_RAW", "\xff")
	i := openWith(t, &session{}, policy.Rule{Env: []string{"SPARKSTALK_TEST_*"}}, Task{Capabilities: []string{"env"}})
	defer i.Close()
	for name, want := range map[string]string{"SPARKSTALK_TEST_ENV": `"a \"value\""`, "SPARKSTALK_TEST_NONE": "null"} {
		if got, err := i.TaskEnv(name); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
	_, err := i.TaskEnv("SPARKSTALK_TEST_RAW")
	wantError(t, err, typeValue, "no text")
	_, err = i.TaskEnv("PATH")
	wantError(t, err, typePermission, "does not grant the module m the right to env PATH", "env: [\"PATH\"]")
	_, err = openWith(t, &session{}, policy.Rule{Env: []string{"**"}}, Task{}).TaskEnv("PATH")
	wantError(t, err, typePermission, `sdk.Needs("env:PATH")`)
	_, err = open(t, &session{}, Config{}).TaskEnv("PATH")
	wantError(t, err, typePermission, "nothing here grants")
}
