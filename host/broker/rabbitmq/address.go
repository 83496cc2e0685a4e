package rabbitmq

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// An address is one broker's URL, taken apart.
type address struct {
	amqp.URI
	heartbeat time.Duration // zero unless given
	tls       *tls.Config   // nil unless amqps
}

// String is the URL without its password, for messages.
func (a address) String() string {
	return fmt.Sprintf("%s://%s:***@%s/%s", a.Scheme, url.PathEscape(a.Username), a.hostport(), url.PathEscape(a.Vhost))
}

// LogValue keeps the password out of logs: a JSON handler would write every field.
func (a address) LogValue() slog.Value { return slog.StringValue(a.String()) }

func (a address) hostport() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// parseAddresses takes apart one URL, or several with semicolons between them.
// Its errors show no password.
func parseAddresses(urls string, config *tls.Config) ([]address, error) {
	var out []address
	for part := range strings.SplitSeq(urls, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		a, err := parseAddress(part, config)
		if err != nil {
			return nil, fmt.Errorf("broker URL %d: %w", len(out)+1, err)
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, errors.New("no broker URL, such as amqp://guest:guest@localhost:5672//")
	}
	return out, nil
}

func parseAddress(raw string, config *tls.Config) (address, error) {
	raw = strings.TrimPrefix(raw, "py") // kombu's name for its AMQP transport
	u, err := url.Parse(raw)
	if err != nil {
		// Its text quotes the URL.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		if strings.Contains(err.Error(), "port") || strings.Contains(err.Error(), "userinfo") {
			err = errors.New("host and port cannot be told apart from the password")
		}
		return address{}, fmt.Errorf("%w (characters such as / ? # @ : %% in a user name or password are written %%2F and so on)", err)
	}
	uri, err := amqp.ParseURI(raw)
	if err != nil {
		return address{}, err
	}
	a := address{URI: uri}
	if s := u.Query().Get("heartbeat"); s != "" {
		n, _ := strconv.Atoi(s) // ParseURI has checked it
		a.heartbeat = time.Duration(n) * time.Second
	}
	if a.Scheme == "amqps" {
		if a.tls, err = tlsConfig(uri, config); err != nil {
			return address{}, err
		}
		if config == nil && u.Query().Get("verify") == "verify_none" {
			a.tls.InsecureSkipVerify = true // what the user's URL says
		}
	}
	return a, nil
}

// tlsConfig is the given configuration, or what the URL's parameters say.
func tlsConfig(uri amqp.URI, given *tls.Config) (*tls.Config, error) {
	if given != nil {
		config := given.Clone()
		if config.ServerName == "" {
			config.ServerName = uri.Host
		}
		return config, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: uri.ServerName}
	if config.ServerName == "" {
		config.ServerName = uri.Host
	}
	if uri.CACertFile != "" {
		pem, err := os.ReadFile(uri.CACertFile)
		if err != nil {
			return nil, fmt.Errorf("read CA certificate: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", uri.CACertFile)
		}
	}
	if uri.CertFile != "" && uri.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(uri.CertFile, uri.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
