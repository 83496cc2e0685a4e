package hostfn

import (
	"encoding/json"
	"errors"
	"net"
	"net/url"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/fetch"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

const (
	typeConnection = "ConnectionError"
	typeTimeout    = "TimeoutError"
)

// TaskHTTP implements [abi.Host].
func (i *Invocation) TaskHTTP(request, body []byte) ([]byte, error) {
	i.fetched = nil
	b := i.build("TaskHTTP")
	b.count(len(request))
	var r abi.HTTPRequest
	b.decode(request, &r)
	b.hasRights(policy.HTTP)
	if b.wrong() {
		return nil, i.failed(i.ctx, b.err)
	}
	if i.client == nil {
		i.client = fetch.New(fetch.Config{
			CheckURL: i.task.Rights.CheckURL, CheckAddress: i.task.Rights.CheckAddress,
			MaxRequests: i.most.HTTPRequests, MaxBytes: i.most.HTTPBytes,
			RootCAs: i.cfg.HTTPRoots,
		})
	}
	answer, content, err := i.client.Do(i.working(), r, body)
	if err != nil {
		return nil, i.failed(i.ctx, httpError(err))
	}
	i.fetched = content
	i.logger().DebugContext(i.ctx, "HTTP request", logkey.Address, hostOf(answer.URL), logkey.Status, answer.Status, logkey.Bytes, len(content))
	head, err := json.Marshal(answer)
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return head, nil
}

// TaskHTTPBody implements [abi.Host].
func (i *Invocation) TaskHTTPBody() []byte { return i.fetched }

// hostOf is a URL without what may be secret.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// httpError gives what a request failed with one of Python's classes.
func httpError(err error) error {
	if denial, ok := errors.AsType[*policy.Denial](err); ok {
		return abi.Errorf(typePermission, "TaskHTTP: %v", denial)
	}
	if private, ok := errors.AsType[*policy.PrivateError](err); ok {
		return abi.Errorf(typePermission, "TaskHTTP: %v", private)
	}
	if _, ok := errors.AsType[*policy.URLError](err); ok || errors.Is(err, fetch.ErrRequest) {
		return abi.Errorf(typeValue, "TaskHTTP: %v", err)
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, fetch.ErrTimeout) || ok && timeout.Timeout() {
		return abi.Errorf(typeTimeout, "TaskHTTP: %v", err)
	}
	if errors.Is(err, fetch.ErrLimit) {
		return abi.Errorf(typeLimit, "TaskHTTP: %v (setting modules, http_requests and http_bytes)", err)
	}
	return abi.Errorf(typeConnection, "TaskHTTP: %v", err)
}
