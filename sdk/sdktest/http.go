package sdktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk"
)

// An HTTPAnswer stands in for the answer of a server. Its methods return it, so
// that they can be chained.
type HTTPAnswer struct {
	method, url string
	status      int
	header      sdk.Header
	body        []byte
	err         error
	once, used  bool
}

// OnHTTP returns an answer, at first an empty one of status 200, to requests of a
// method whose URL begins with url; an empty method is any. A request takes the
// first answer that fits, in the order in which they were given.
func (h *Host) OnHTTP(method, url string) *HTTPAnswer {
	a := &HTTPAnswer{method: method, url: url, status: 200, header: sdk.Header{}}
	h.httpAnswers = append(h.httpAnswers, a)
	return a
}

// Once has it answer one request only.
func (a *HTTPAnswer) Once() *HTTPAnswer {
	a.once = true
	return a
}

// Status sets the status.
func (a *HTTPAnswer) Status(code int) *HTTPAnswer {
	a.status = code
	return a
}

// Header sets a header.
func (a *HTTPAnswer) Header(name, value string) *HTTPAnswer {
	a.header.Set(name, value)
	return a
}

// Body sets the body: a string or []byte as it is, anything else as JSON.
func (a *HTTPAnswer) Body(body any) *HTTPAnswer {
	switch b := body.(type) {
	case string:
		a.body = []byte(b)
	case []byte:
		a.body = b
	default:
		data, err := json.Marshal(body)
		if err != nil {
			a.err = fmt.Errorf("sdktest: body of %s: %w", a.url, err)
		}
		a.body = data
		a.header.Set("Content-Type", "application/json")
	}
	return a
}

// Err makes the request fail, for instance with
// sdk.Errorf("TimeoutError", "no answer").
func (a *HTTPAnswer) Err(err error) *HTTPAnswer {
	a.err = err
	return a
}

// HTTPRequests returns what was requested.
func (h *Host) HTTPRequests() []sdk.HTTPRequest { return slices.Clone(h.httpRequests) }

// Setenv gives the host an environment variable, for [sdk.Context.Env]. Tasks see
// no others.
func (h *Host) Setenv(name, value string) {
	if h.env == nil {
		h.env = map[string]string{}
	}
	h.env[name] = value
}

// TaskEnv implements [abi.Host].
func (c *call) TaskEnv(name string) ([]byte, error) {
	if err := c.host.asked("env", name); err != nil {
		return nil, err
	}
	value, ok := c.host.env[name]
	if !ok {
		return []byte("null"), nil
	}
	return pyjson.Marshal(value)
}

// TaskHTTP implements [abi.Host].
func (c *call) TaskHTTP(request, body []byte) ([]byte, error) {
	c.host.tb.Helper()
	c.fetched = nil
	r, err := c.host.httpRequest(request, body)
	if err != nil {
		return nil, err
	}
	c.host.httpRequests = append(c.host.httpRequests, r)
	a := c.host.httpAnswer(r)
	if a == nil {
		c.host.tb.Fatalf("sdktest: no answer for the request %s %s; give one with Host.OnHTTP(%q, %q)", r.Method, r.URL, r.Method, r.URL)
		return nil, abi.Errorf("RuntimeError", "sdktest: no answer for the request")
	}
	a.used = true
	if e, ok := errors.AsType[*abi.Error](a.err); ok {
		return nil, e
	}
	if a.err != nil {
		return nil, abi.Errorf("Exception", "%v", a.err)
	}
	c.fetched = a.body
	return pyjson.Marshal(abi.HTTPResponse{Status: a.status, Headers: a.header, URL: r.URL})
}

// TaskHTTPBody implements [abi.Host].
func (c *call) TaskHTTPBody() []byte { return c.fetched }

func (h *Host) httpRequest(request, body []byte) (sdk.HTTPRequest, error) {
	var r abi.HTTPRequest
	if err := json.Unmarshal(request, &r); err != nil {
		return sdk.HTTPRequest{}, abi.Errorf("ValueError", "TaskHTTP: %v", err)
	}
	if !strings.HasPrefix(r.URL, "https://") && !strings.HasPrefix(r.URL, "http://") {
		return sdk.HTTPRequest{}, abi.Errorf("ValueError", "TaskHTTP: the URL %q has neither the scheme https nor http", r.URL)
	}
	if r.Method == "" {
		r.Method = "GET"
	}
	return sdk.HTTPRequest{Method: r.Method, URL: r.URL, Header: r.Headers, Body: slices.Clone(body), Timeout: r.Timeout, NoRedirects: r.NoRedirects},
		h.asked("http", strings.TrimPrefix(strings.TrimPrefix(r.URL, "https://"), "http://"))
}

// httpAnswer is what was given for a request, or nil.
func (h *Host) httpAnswer(r sdk.HTTPRequest) *HTTPAnswer {
	for _, a := range h.httpAnswers {
		if (a.method == "" || a.method == r.Method) && strings.HasPrefix(r.URL, a.url) && !(a.once && a.used) {
			return a
		}
	}
	return nil
}

// asked returns the error of a task whose module does not ask for a right at
// all. Whether a pattern fits is the worker's to say.
func (h *Host) asked(right, what string) error {
	for _, c := range h.manifest().Capabilities {
		if c == right || strings.HasPrefix(c, right+":") {
			return nil
		}
	}
	what, _, _ = strings.Cut(what, "/")
	return abi.Errorf("PermissionError", "the module does not ask for the right to %s %s; its manifest names it in capabilities, the Go SDK with sdk.Needs(%q), the others with needs", right, what, right+":"+what)
}
