package abi

// An HTTPRequest is what [Host.TaskHTTP] sends.
type HTTPRequest struct {
	// Method is GET if it is empty.
	Method string `json:"method,omitempty"`
	// URL is absolute, of the scheme https or http.
	URL string `json:"url"`
	// Headers may not have those that belong to the connection, such as Host,
	// Content-Length, Connection and Transfer-Encoding.
	Headers map[string][]string `json:"headers,omitempty"`
	// Timeout is how many seconds it may take until the whole answer is there,
	// redirects included. Zero means 30; what is left to the task bounds it too.
	Timeout float64 `json:"timeout,omitempty"`
	// NoRedirects has a redirect be the answer, instead of what it leads to. Else
	// at most 10 are followed, each only to where the module may go.
	NoRedirects bool `json:"no_redirects,omitempty"`
}

// An HTTPResponse is the head of an answer; [Host.TaskHTTPBody] has the rest.
type HTTPResponse struct {
	// Status is the number, such as 200.
	Status int `json:"status"`
	// Headers are by their canonical names, such as Content-Type.
	Headers map[string][]string `json:"headers"`
	// URL is what has answered, which redirects lead to.
	URL string `json:"url"`
}
