// Package redisclient opens Redis by the URLs that Celery takes, for the message
// broker and the result backend alike.
package redisclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// quiet drops what go-redis would print to stderr by itself: what goes wrong is
// an error of the call that it goes wrong in.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func init() { goredis.SetLogger(quiet{}) }

// An Address is one Redis database, or the one that sentinels name.
type Address struct {
	opt       *goredis.Options
	sentinels []string // host:port of each; empty for a Redis of a known address
	master    string
	failover  *failover // nil for one Redis
}

// Parse reads a URL in Celery's form: redis://, rediss:// (TLS), unix:// or
// redis+socket://, with user, password, database and query as Celery writes
// them (ssl_cert_reqs, ssl_ca_certs, ssl_certfile, ssl_keyfile), and go-redis's
// own options.
//
// sentinel://host:port/db, several of them separated by semicolons, are Redis
// Sentinels, which are asked for the master of the given name. User, password
// and database are those of Redis.
//
// Several other URLs, separated by semicolons, are servers of which one is used, and
// the next one when that cannot be reached or is a replica; all clients of an Address
// use the same. Errors do not show a password.
func Parse(raw, master string) (*Address, error) {
	a, err := parseAll(raw, master)
	if err != nil {
		return nil, hide(raw, err)
	}
	return a, nil
}

// tellsNothing is from how many letters on a piece of a password is hidden: shorter
// ones are in every text.
const tellsNothing = 3

// hide keeps user and password out of an error, wherever in the URL the parser took
// them to be: a ? or / in a password makes it a query, a path or a port.
func hide(raw string, err error) error {
	end := strings.LastIndexByte(raw, '@')
	if end < 0 {
		return err
	}
	_, secret, _ := strings.Cut(raw[:end], ":") // behind the scheme
	// An error may quote it, and escape all but letters and digits.
	for piece := range strings.FieldsFuncSeq(secret, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(piece) >= tellsNothing && strings.Contains(err.Error(), piece) {
			return errors.New("bad URL: in user and password, all but letters and digits must be written as %XX (/ as %2F, ? as %3F, # as %23, @ as %40), and two slashes come before them")
		}
	}
	return err
}

func parseAll(raw, master string) (*Address, error) {
	var sentinels []string
	first, _, several := strings.Cut(raw, ";")
	u, err := parse(first)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "sentinel" {
		if master == "" {
			return nil, errors.New("a sentinel:// URL needs the transport option master_name")
		}
		for part := range strings.SplitSeq(raw, ";") {
			s, err := parse(part)
			if err != nil {
				return nil, err
			}
			if s.Scheme != "sentinel" {
				return nil, fmt.Errorf("URL scheme %q among sentinel:// URLs", s.Scheme)
			}
			address := s.Host
			if s.Port() == "" {
				address = net.JoinHostPort(s.Hostname(), "26379")
			}
			sentinels = append(sentinels, address)
		}
		u.Scheme = "redis"
	} else if several {
		return parseFailover(strings.Split(raw, ";"))
	}
	opt, err := options(u)
	if err != nil {
		return nil, err
	}
	return &Address{opt: opt, sentinels: sentinels, master: master}, nil
}

func parseFailover(urls []string) (*Address, error) {
	var each []*goredis.Options
	for _, raw := range urls {
		u, err := parse(raw)
		if err != nil {
			return nil, err
		}
		opt, err := options(u)
		if err != nil {
			return nil, err
		}
		if len(each) > 0 && opt.DB != each[0].DB {
			return nil, fmt.Errorf("several URLs with the databases %d and %d: give all of them the same", each[0].DB, opt.DB)
		}
		each = append(each, opt)
	}
	// What differs is seen to when one is dialled.
	shared := *each[0]
	shared.Username, shared.Password, shared.TLSConfig = "", "", nil
	return &Address{opt: &shared, failover: newFailover(each)}, nil
}

// Several reports whether there are several servers to choose from, sentinels apart.
func (a *Address) Several() bool { return a.failover != nil }

func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// url.Error repeats the URL, password and all.
		return nil, fmt.Errorf("bad URL: %w", errors.Unwrap(err))
	}
	return u, nil
}

// defaultDialTimeout is go-redis' own.
const defaultDialTimeout = 5 * time.Second

// DB is the database's number.
func (a *Address) DB() int { return a.opt.DB }

// Client returns a client that connects when it is first used. change, which
// may be nil, sets what is not the address's.
func (a *Address) Client(change func(*goredis.Options)) *goredis.Client {
	opt := *a.opt
	if change != nil {
		change(&opt)
	}
	if a.failover != nil {
		timeout := opt.DialTimeout
		if timeout <= 0 {
			timeout = defaultDialTimeout
		}
		opt.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) { return a.failover.dial(ctx, timeout) }
	}
	if len(a.sentinels) == 0 {
		return goredis.NewClient(&opt)
	}
	return goredis.NewFailoverClient(&goredis.FailoverOptions{
		MasterName: a.master, SentinelAddrs: a.sentinels,
		Username: opt.Username, Password: opt.Password, DB: opt.DB, TLSConfig: opt.TLSConfig,
		MaxRetries: opt.MaxRetries, ContextTimeoutEnabled: opt.ContextTimeoutEnabled, Protocol: opt.Protocol, DisableIdentity: opt.DisableIdentity,
		DialTimeout: opt.DialTimeout, ReadTimeout: opt.ReadTimeout, WriteTimeout: opt.WriteTimeout, PoolSize: opt.PoolSize, ReadBufferSize: opt.ReadBufferSize, WriteBufferSize: opt.WriteBufferSize,
	})
}

// options are those of one Redis.
func options(u *url.URL) (*goredis.Options, error) {
	switch u.Scheme {
	case "redis", "rediss", "unix":
	case "socket", "redis+socket":
		u.Scheme = "unix"
		if vhost := u.Query().Get("virtual_host"); vhost != "" {
			q := u.Query()
			q.Del("virtual_host")
			q.Set("db", vhost)
			u.RawQuery = q.Encode()
		}
	default:
		return nil, fmt.Errorf("URL scheme %q is not redis, rediss, unix or sentinel", u.Scheme)
	}
	query := u.Query()
	secure, err := tlsConfig(u, query)
	if err != nil {
		return nil, err
	}
	for name := range query {
		if strings.HasPrefix(name, "ssl_") {
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	opt, err := goredis.ParseURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("bad URL: %w", err)
	}
	if secure != nil {
		opt.TLSConfig = secure
	}
	// Callers retry for as long as they want to.
	opt.MaxRetries = -1
	opt.ContextTimeoutEnabled = true
	// Redis from 3.0 on is enough for what results need.
	opt.Protocol = 2
	opt.DisableIdentity = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return opt, nil
}

// Passes reports whether an error may go away by itself: the network's, and
// those of a server that starts, fails over or is full.
func Passes(err error) bool {
	var reply goredis.Error
	if !errors.As(err, &reply) {
		return !errors.Is(err, goredis.ErrClosed)
	}
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "MISCONF", "NOREPLICAS", "EXECABORT", "ERR max number of clients"} {
		if strings.HasPrefix(reply.Error(), prefix) {
			return true
		}
	}
	return false
}

// tlsConfig reads Celery's ssl_ options of a rediss URL; nil for other URLs.
func tlsConfig(u *url.URL, query url.Values) (*tls.Config, error) {
	if u.Scheme != "rediss" {
		return nil, nil
	}
	cfg := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	switch reqs := strings.ToLower(strings.TrimPrefix(query.Get("ssl_cert_reqs"), "CERT_")); reqs {
	case "", "required":
	case "none", "optional":
		cfg.InsecureSkipVerify = true // what the user's URL says
	default:
		return nil, fmt.Errorf("ssl_cert_reqs=%s is none of CERT_REQUIRED, CERT_OPTIONAL and CERT_NONE", reqs)
	}
	if path := query.Get("ssl_ca_certs"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("ssl_ca_certs: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ssl_ca_certs: no certificate in %s", path)
		}
	}
	cert, key := query.Get("ssl_certfile"), query.Get("ssl_keyfile")
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("ssl_certfile, ssl_keyfile: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
