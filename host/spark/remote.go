package spark

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// defaultPort is the one that Spark Connect listens on unless told otherwise.
const defaultPort = "15002"

// remote is a parsed connection string.
type remote struct {
	address   string // host:port
	host      string
	tls       bool
	plaintext bool // use_ssl=false was said
	token     string
	userID    string
	userAgent string
	sessionID string
	headers   map[string]string
}

// parseRemote reads sc://host:port/;key=value;key=value as PySpark does. Its
// errors do not hold values: one may be a token.
func parseRemote(text string) (remote, error) {
	r := remote{headers: make(map[string]string)}
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "sc://")
	if !ok {
		return r, errors.New("a Spark remote begins with sc://, as in sc://host:15002/;use_ssl=true;token=…")
	}
	place, params, _ := strings.Cut(rest, ";")
	if place = strings.TrimSuffix(place, "/"); strings.Contains(place, "/") {
		return r, errors.New("a Spark remote has no path: parameters follow as /;key=value")
	}
	if err := r.setPlace(place); err != nil {
		return r, err
	}
	for param := range strings.SplitSeq(params, ";") {
		if param == "" {
			continue
		}
		key, value, ok := strings.Cut(param, "=")
		if !ok || key == "" {
			return r, errors.New("a parameter of a Spark remote is not of the form key=value")
		}
		value, err := url.PathUnescape(value)
		if err != nil {
			return r, fmt.Errorf("parameter %s of a Spark remote: its value is not URL-encoded", key)
		}
		if err := r.set(key, value); err != nil {
			return r, err
		}
	}
	return r, nil
}

// complete adds what the configuration has beside the connection string.
func (r *remote) complete(cfg Config) {
	if r.token == "" {
		r.token = cfg.Token
	}
	// As in PySpark, a token means TLS, save on this machine.
	if r.token != "" && !r.plaintext && !isLoopback(r.host) || cfg.TLS != (TLS{}) {
		r.tls = true
	}
}

func (r *remote) setPlace(place string) error {
	if strings.Contains(place, "@") {
		return errors.New("a Spark remote has no user name before the host; see user_id")
	}
	host, port, err := net.SplitHostPort(place)
	if err != nil {
		host, port = strings.Trim(place, "[]"), defaultPort
		if strings.Contains(host, ":") && !strings.HasPrefix(place, "[") {
			return errors.New("a Spark remote names an IPv6 address in brackets, as in sc://[::1]:15002")
		}
	}
	if host == "" || port == "" {
		return errors.New("a Spark remote names a host, as in sc://host:15002")
	}
	r.host, r.address = host, net.JoinHostPort(host, port)
	return nil
}

func (r *remote) set(key, value string) error {
	switch key {
	case "use_ssl":
		switch strings.ToLower(value) {
		case "true":
			r.tls = true
		case "false":
			r.plaintext = true
		default:
			return errors.New("parameter use_ssl of a Spark remote is true or false")
		}
	case "token":
		r.token = value
	case "user_id":
		r.userID = value
	case "user_agent":
		if len(value) > 2048 {
			return errors.New("parameter user_agent of a Spark remote has more than 2048 characters")
		}
		r.userAgent = value
	case "session_id":
		id, err := uuid.Parse(value)
		if err != nil {
			return errors.New("parameter session_id of a Spark remote is not a UUID")
		}
		r.sessionID = id.String()
	default:
		// The rest are headers of every request, as x-databricks-cluster-id.
		key = strings.ToLower(key)
		if !isHeader(key) {
			return fmt.Errorf("parameter %q of a Spark remote is unknown, and no name of a header", key)
		}
		r.headers[key] = value
	}
	return nil
}

// isHeader reports whether gRPC lets a caller send metadata of that name.
func isHeader(key string) bool {
	if strings.HasPrefix(key, "grpc-") || strings.HasPrefix(key, ":") {
		return false
	}
	for _, c := range key {
		if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz_-.", c) {
			return false
		}
	}
	return key != ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
