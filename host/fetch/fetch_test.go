package fetch

import (
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

var errDenied = errors.New("denied")

// client lets requests through to some hosts, host:port, and to addresses.
func client(t *testing.T, hosts []string, addresses ...string) *Client {
	t.Helper()
	c := New(Config{
		CheckURL: func(u *url.URL) error {
			for _, h := range hosts {
				if u.Host == h {
					return nil
				}
			}
			return fmt.Errorf("%w: %s", errDenied, u.Host)
		},
		CheckAddress: func(a netip.AddrPort) error {
			for _, text := range addresses {
				if a.Addr().String() == text {
					return nil
				}
			}
			return fmt.Errorf("%w: %s", errDenied, a)
		},
		MaxRequests: 100, MaxBytes: 1 << 20,
	})
	t.Cleanup(c.Close)
	return c
}

func server(t *testing.T, h http.HandlerFunc) (*httptest.Server, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s, strings.TrimPrefix(s.URL, "http://")
}

const here = "127.0.0.1"

func TestRequestAndAnswer(t *testing.T) {
	s, host := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %q %q %s", r.Method, r.URL, r.Host, r.Header["X-Some"], r.UserAgent(), body)
	})
	c := client(t, []string{host}, here)
	answer, body, err := c.Do(t.Context(), abi.HTTPRequest{Method: "PUT", URL: s.URL + "/a?b=c", Headers: map[string][]string{"x-some": {"1", "2"}}}, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `PUT /a?b=c ` + host + ` ["1" "2"] "sparkstalk" text`; string(body) != want {
		t.Errorf("got %s, want %s", body, want)
	}
	if answer.Status != http.StatusTeapot || strings.Join(answer.Headers["X-Two"], "") != "ab" || answer.URL != s.URL+"/a?b=c" {
		t.Errorf("got %+v", answer)
	}
}

func TestWhatIsNoRequest(t *testing.T) {
	s, host := server(t, func(http.ResponseWriter, *http.Request) { t.Error("a request has arrived") })
	for want, r := range map[string]abi.HTTPRequest{
		"the URL cannot be parsed":                          {URL: "http://a b:secret"},
		`net/http: invalid method "GE T"`:                   {URL: s.URL, Method: "GE T"},
		"the method CONNECT is not served":                  {URL: s.URL, Method: "CONNECT"},
		"the header Host is the host's to set":              {URL: s.URL, Headers: map[string][]string{"host": {"other"}}},
		"the header Transfer-Encoding is the host's to set": {URL: s.URL, Headers: map[string][]string{"transfer-encoding": {"chunked"}}},
		"its timeout is -1 seconds":                         {URL: s.URL, Timeout: -1},
	} {
		if _, _, err := client(t, []string{host}, here).Do(t.Context(), r, nil); !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	if _, _, err := client(t, []string{host}, here).Do(t.Context(), abi.HTTPRequest{URL: s.URL, Headers: map[string][]string{"a": {"b\r\nc: d"}}}, nil); err == nil {
		t.Error("a header may hold a line's end")
	}
}

func TestEachRedirectIsChecked(t *testing.T) {
	var reached atomic.Int64
	_, second := server(t, func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		fmt.Fprint(w, "second ", r.Header.Get("Authorization"))
	})
	s, first := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, "http://"+second+"/x", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		}
	})
	if _, _, err := client(t, []string{first}, here).Do(t.Context(), abi.HTTPRequest{URL: s.URL + "/other"}, nil); !errors.Is(err, errDenied) || !strings.Contains(err.Error(), second) {
		t.Errorf("redirected: %v", err)
	}
	if reached.Load() != 0 {
		t.Error("what is not granted was reached")
	}
	both := client(t, []string{first, second, "169.254.169.254"}, here)
	_, body, err := both.Do(t.Context(), abi.HTTPRequest{URL: s.URL + "/other", Headers: map[string][]string{"Cookie": {"secret"}}}, nil)
	if err != nil || string(body) != "second " {
		t.Errorf("got %s, %v", body, err)
	}
	if answer, _, err := both.Do(t.Context(), abi.HTTPRequest{URL: s.URL + "/other", NoRedirects: true}, nil); err != nil || answer.Status != http.StatusFound {
		t.Errorf("got %+v, %v", answer, err)
	}
	for path, want := range map[string]string{"/file": "denied", "/round": "10 redirects", "/metadata": "denied: 169.254.169.254"} {
		if _, _, err := both.Do(t.Context(), abi.HTTPRequest{URL: s.URL + path}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// names answers the questions for IPv4 addresses, each time with the next of them.
func names(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		asked := 0
		for buf := make([]byte, 512); ; {
			n, from, err := listener.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for end < n && buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			end += 5 // of the question
			if end > n {
				continue
			}
			answer := append([]byte(nil), buf[:end]...)
			answer[2], answer[3] = 0x81, 0x80
			clear(answer[6:12])
			if binary.BigEndian.Uint16(buf[end-4:]) == 1 {
				addr := netip.MustParseAddr(addresses[min(asked, len(addresses)-1)]).As4()
				asked++
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				answer = append(answer, addr[:]...)
			}
			_, _ = listener.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", listener.LocalAddr().String())
	}}
}

// A name that leads to another address each time it is asked for is held by the
// address that is connected to.
func TestNamesThatChangeTheirAddress(t *testing.T) {
	s, host := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })
	_, port, _ := net.SplitHostPort(host)
	target := "rebind.example.com:" + port
	c := client(t, []string{target}, "127.0.0.2")
	c.transport.CloseIdleConnections()
	cfg := c.cfg
	cfg.Resolver = names(t, "127.0.0.2", "127.0.0.1")
	c = New(cfg)
	defer c.Close()
	// Nobody listens at the first, which is let through; the second is not.
	for i := range 3 {
		_, body, err := c.Do(t.Context(), abi.HTTPRequest{URL: "http://" + target}, nil)
		if err == nil || i > 0 && !errors.Is(err, errDenied) {
			t.Errorf("got %s, %v", body, err)
		}
	}
	cfg.CheckAddress = func(at netip.AddrPort) error {
		if strconv.Itoa(int(at.Port())) != port {
			return errDenied
		}
		return nil
	}
	cfg.Resolver = names(t, "127.0.0.1")
	c = New(cfg)
	defer c.Close()
	if _, body, err := c.Do(t.Context(), abi.HTTPRequest{URL: "http://" + target}, nil); err != nil || string(body) != "inside" {
		t.Errorf("got %s, %v from %s by its name", body, err, s.URL)
	}
}

func TestBounds(t *testing.T) {
	s, host := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, 2<<20))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 64<<20))
			_ = z.Close()
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		case "/head":
			w.Header().Set("X-Large", strings.Repeat("x", 1<<20))
		case "/slow":
			<-r.Context().Done()
		case "/drip":
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		}
	})
	for path, want := range map[string]error{"/large": ErrLimit, "/bomb": ErrLimit, "/endless": ErrLimit, "/head": nil} {
		_, _, err := client(t, []string{host}, here).Do(t.Context(), abi.HTTPRequest{URL: s.URL + path}, nil)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	c := client(t, []string{host}, here)
	if _, _, err := c.Do(t.Context(), abi.HTTPRequest{URL: s.URL}, make([]byte, 2<<20)); !errors.Is(err, ErrLimit) {
		t.Errorf("a large body: %v", err)
	}
	c = client(t, []string{host}, here)
	for range 100 {
		if _, _, err := c.Do(t.Context(), abi.HTTPRequest{URL: s.URL}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.Do(t.Context(), abi.HTTPRequest{URL: s.URL}, nil); !errors.Is(err, ErrLimit) {
		t.Errorf("request 101 of 100: %v", err)
	}
	for _, path := range []string{"/slow", "/drip"} {
		if _, _, err := client(t, []string{host}, here).Do(t.Context(), abi.HTTPRequest{URL: s.URL + path, Timeout: 0.05}, nil); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: %v", path, err)
		}
		cause := errors.New("the task is over")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		if _, _, err := client(t, []string{host}, here).Do(ctx, abi.HTTPRequest{URL: s.URL + path}, nil); !errors.Is(err, cause) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "safe") }))
	defer s.Close()
	s.Config.ErrorLog = nil
	c := client(t, []string{strings.TrimPrefix(s.URL, "https://")}, here)
	if _, _, err := c.Do(t.Context(), abi.HTTPRequest{URL: s.URL}, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	cfg := c.cfg
	cfg.RootCAs = x509.NewCertPool()
	cfg.RootCAs.AddCert(s.Certificate())
	c = New(cfg)
	defer c.Close()
	if _, body, err := c.Do(t.Context(), abi.HTTPRequest{URL: s.URL}, nil); err != nil || string(body) != "safe" {
		t.Errorf("got %s, %v", body, err)
	}
}
