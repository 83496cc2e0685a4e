package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// options reads a URL in Celery's form. Errors do not show its password.
func options(raw string) (*goredis.Options, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// url.Error repeats the URL, password and all.
		return nil, fmt.Errorf("bad URL: %w", errors.Unwrap(err))
	}
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
		return nil, fmt.Errorf("URL scheme %q is not redis, rediss or unix", u.Scheme)
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
	return opt, nil
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
