package sdk

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// HTTP returns a client that makes requests through the host. The module asks
// for the right with Needs("http:api.example.com"), and the worker's setting
// modules grants it; else they fail with PermissionError.
func (c *Context) HTTP() *HTTPClient { return &HTTPClient{c.host} }

// An HTTPClient makes HTTP requests through the host. It follows redirects, keeps
// no cookies, and ends with the call of the task.
//
// A request fails with an error of type PermissionError, ValueError for what is
// none, ConnectionError, TimeoutError, or sparkstalk.LimitExceeded. An answer of
// any status is no error.
type HTTPClient struct{ host abi.Host }

// An HTTPRequest is what [HTTPClient.Do] sends.
type HTTPRequest struct {
	Method string // empty is GET
	URL    string // https://host/path?query
	Header Header // Host and others of the connection are the host's to set
	Body   []byte
	// Timeout is how many seconds it may take until the whole answer is there.
	// Zero means 30.
	Timeout float64
	// NoRedirects has a redirect be the answer.
	NoRedirects bool
}

// An HTTPResponse is an answer, whole.
type HTTPResponse struct {
	StatusCode int
	Header     Header
	Body       []byte
	URL        string // that answered, after redirects
}

// A Header has the values of each header by its name.
type Header map[string][]string

// Get returns the first value of a header, whose name may be in any case, or "".
func (h Header) Get(name string) string {
	for _, v := range h.Values(name) {
		return v
	}
	return ""
}

// Values returns the values of a header, whose name may be in any case.
func (h Header) Values(name string) []string {
	for n, values := range h {
		if strings.EqualFold(n, name) {
			return values
		}
	}
	return nil
}

// Set replaces the values of a header by one.
func (h Header) Set(name, value string) {
	for n := range h {
		if strings.EqualFold(n, name) {
			delete(h, n)
		}
	}
	h[name] = []string{value}
}

// Get requests a URL.
func (c *HTTPClient) Get(url string) (*HTTPResponse, error) {
	return c.Do(&HTTPRequest{URL: url})
}

// Post sends a body to a URL.
func (c *HTTPClient) Post(url, contentType string, body []byte) (*HTTPResponse, error) {
	return c.Do(&HTTPRequest{Method: "POST", URL: url, Header: Header{"Content-Type": {contentType}}, Body: body})
}

// Do makes a request.
func (c *HTTPClient) Do(r *HTTPRequest) (*HTTPResponse, error) {
	request, err := json.Marshal(abi.HTTPRequest{Method: r.Method, URL: r.URL, Headers: r.Header, Timeout: r.Timeout, NoRedirects: r.NoRedirects})
	if err != nil {
		return nil, fmt.Errorf("encode the HTTP request: %w", err)
	}
	head, err := c.host.TaskHTTP(request, r.Body)
	if err != nil {
		return nil, err
	}
	var answer abi.HTTPResponse
	if err := json.Unmarshal(head, &answer); err != nil {
		return nil, fmt.Errorf("decode the HTTP response: %w", err)
	}
	return &HTTPResponse{StatusCode: answer.Status, Header: answer.Headers, URL: answer.URL, Body: c.host.TaskHTTPBody()}, nil
}

// Err returns an error if the status is not of the 200s: in Python an HTTPError
// of requests, with the status and the beginning of the body.
func (r *HTTPResponse) Err() error {
	if r.StatusCode >= 200 && r.StatusCode < 300 {
		return nil
	}
	host, _, _ := strings.Cut(r.URL, "?")
	return Errorf("requests.exceptions.HTTPError", "%d of %s: %.200q", r.StatusCode, host, r.Body)
}

// JSON decodes the body into what v points at; an answer whose status is not of
// the 200s is the error of [HTTPResponse.Err].
func (r *HTTPResponse) JSON(v any) error {
	if err := r.Err(); err != nil {
		return err
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		return Errorf("ValueError", "the answer of %s is not the JSON that was expected: %w", r.URL, err)
	}
	return nil
}
