// Package fetch makes HTTP requests on behalf of code that is not trusted: each
// request and each redirect is asked leave for by its URL, and each connection by
// the address that the host's name has led to, at the moment of connecting.
package fetch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

const (
	// defaultTimeout is for requests that name none.
	defaultTimeout = 30 * time.Second
	// maxRedirects is how many redirects are followed.
	maxRedirects = 10
	// maxHeaders is how many bytes the head of an answer may have.
	maxHeaders = 256 << 10
	userAgent  = "sparkstalk"
)

// Config says what a [Client] may do. CheckURL and CheckAddress are required.
type Config struct {
	// CheckURL returns nil if a request may go to a URL.
	CheckURL func(*url.URL) error
	// CheckAddress returns nil if a port of an address may be connected to.
	CheckAddress func(netip.AddrPort) error
	// MaxRequests is how many requests may be made, redirects included, and
	// MaxBytes how many bytes their bodies and those of the answers may have
	// together.
	MaxRequests int
	MaxBytes    int64

	// RootCAs are trusted beside nobody else; nil is the system's.
	RootCAs *x509.CertPool
	// Resolver finds the addresses of names; nil is the system's.
	Resolver *net.Resolver
}

// Errors that a request fails with, beside those of the checks and of the network.
var (
	// ErrRequest: it is no request that could be made.
	ErrRequest = errors.New("no request")
	// ErrTimeout: its own time was over.
	ErrTimeout = errors.New("timed out")
	// ErrLimit: there were too many requests, or bytes.
	ErrLimit = errors.New("over the limit")
)

// A Client makes requests, and counts them. It is used by one goroutine. It uses
// no proxy, keeps no cookies, and keeps connections until Close.
type Client struct {
	cfg       Config
	transport *http.Transport
	requests  int
	bytes     int64
}

// New returns a Client.
func New(cfg Config) *Client {
	c := &Client{cfg: cfg}
	dialer := &net.Dialer{
		Timeout: 10 * time.Second, Resolver: cfg.Resolver,
		// The last moment before the system connects: names are resolved, and
		// what is checked here is what is connected to.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("address %q: %w", address, err)
			}
			return cfg.CheckAddress(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
		},
	}
	c.transport = &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConns: 8, IdleConnTimeout: 30 * time.Second,
	}
	return c
}

// Close ends the connections that are kept. It may be called twice.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// ofConnection are headers that belong to the connection, or say to whom a
// request goes: another host's name there would go round CheckURL.
var ofConnection = []string{"Host", "Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect",
	"Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate"}

// Do makes a request and returns the answer with its body, whatever its status.
func (c *Client) Do(ctx context.Context, r abi.HTTPRequest, body []byte) (abi.HTTPResponse, []byte, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		// url's own error has all of the URL, and that may hold secrets.
		return abi.HTTPResponse{}, nil, fmt.Errorf("%w: the URL cannot be parsed", ErrRequest)
	}
	req, err := request(r, u, body)
	if err != nil {
		return abi.HTTPResponse{}, nil, err
	}
	if err := c.may(u); err != nil {
		return abi.HTTPResponse{}, nil, err
	}
	if c.bytes += int64(len(body)); c.bytes > c.cfg.MaxBytes {
		return abi.HTTPResponse{}, nil, c.tooMuch()
	}
	timeout := defaultTimeout
	if r.Timeout > 0 {
		timeout = time.Duration(min(r.Timeout, 1e6) * float64(time.Second))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w after %v", ErrTimeout, timeout))
	defer cancel()
	client := http.Client{Transport: c.transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		switch {
		case r.NoRedirects:
			return http.ErrUseLastResponse
		case len(via) > maxRedirects:
			return fmt.Errorf("%d redirects, which lead on to %s", maxRedirects, next.URL.Host)
		}
		return c.may(next.URL)
	}}
	answer, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return abi.HTTPResponse{}, nil, describe(ctx, u, err)
	}
	defer func() { _ = answer.Body.Close() }() // all is read, or no more is wanted
	left := c.cfg.MaxBytes - c.bytes
	content, err := io.ReadAll(io.LimitReader(answer.Body, left+1))
	if c.bytes += int64(len(content)); err == nil && c.bytes > c.cfg.MaxBytes {
		return abi.HTTPResponse{}, nil, c.tooMuch()
	}
	if err != nil {
		return abi.HTTPResponse{}, nil, describe(ctx, u, err)
	}
	return abi.HTTPResponse{Status: answer.StatusCode, Headers: answer.Header, URL: answer.Request.URL.Redacted()}, content, nil
}

// may counts a request to a URL, and asks leave for it.
func (c *Client) may(u *url.URL) error {
	if err := c.cfg.CheckURL(u); err != nil {
		return err
	}
	if c.requests++; c.requests > c.cfg.MaxRequests {
		return fmt.Errorf("%w: more than %d requests", ErrLimit, c.cfg.MaxRequests)
	}
	return nil
}

func (c *Client) tooMuch() error {
	return fmt.Errorf("%w: the bodies have more than %d bytes", ErrLimit, c.cfg.MaxBytes)
}

// request returns the request, unless it is one that must not be made.
func request(r abi.HTTPRequest, u *url.URL, body []byte) (*http.Request, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
	}
	method := cmp.Or(r.Method, http.MethodGet)
	if method == http.MethodConnect || method == http.MethodTrace {
		return nil, wrong("the method %s is not served", method)
	}
	if r.Timeout < 0 {
		return nil, wrong("its timeout is %v seconds", r.Timeout)
	}
	req, err := http.NewRequest(method, "http://host", bytes.NewReader(body))
	if err != nil {
		return nil, wrong("%v", err)
	}
	req.URL, req.Host = u, ""
	for name, values := range r.Headers {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if slices.Contains(ofConnection, name) {
			return nil, wrong("the header %s is the host's to set", name)
		}
		req.Header[name] = append(req.Header[name], values...)
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header.Set("User-Agent", userAgent)
	}
	return req, nil
}

// describe is what a request failed with, in words that have no more of the URL
// than the host.
func describe(ctx context.Context, u *url.URL, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s: %w", u.Host, err)
}
