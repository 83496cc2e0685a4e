package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// UseSSL is Celery's broker_use_ssl and redis_backend_use_ssl: true, or an object of
// the options of Python's ssl, with the names that kombu has for RabbitMQ (ca_certs,
// certfile, keyfile, cert_reqs, server_hostname) or for Redis (the same behind ssl_).
// The zero value leaves it to the URL.
type UseSSL struct {
	on                           bool
	given                        json.RawMessage // what it was set to
	ca, cert, key, reqs, servers string
}

// certReqs are the values of cert_reqs, by their numbers in Python.
var certReqs = []string{"none", "optional", "required"}

// UnmarshalJSON implements [json.Unmarshaler].
func (u *UseSSL) UnmarshalJSON(data []byte) error {
	*u = UseSSL{given: slices.Clone(data)}
	var on *bool
	if json.Unmarshal(data, &on) == nil {
		u.on = on != nil && *on
		return nil
	}
	members, err := celery.Members(data)
	if err != nil {
		return errors.New("give true, or the options ca_certs, certfile, keyfile, cert_reqs and server_hostname")
	}
	u.on = len(members) > 0
	for _, m := range members {
		text, isText := celery.Text(m.Value)
		switch name := strings.TrimPrefix(m.Key, "ssl_"); name {
		case "ca_certs":
			u.ca = text
		case "certfile":
			u.cert = text
		case "keyfile":
			u.key = text
		case "server_hostname":
			u.servers = text
		case "cert_reqs":
			var n int
			if !isText && json.Unmarshal(m.Value, &n) == nil && n >= 0 && n < len(certReqs) {
				text, isText = certReqs[n], true
			}
			u.reqs = strings.ToLower(text[strings.LastIndexAny(text, "._")+1:]) // ssl.CERT_NONE
			if !slices.Contains(certReqs, u.reqs) {
				return fmt.Errorf("cert_reqs is %s: there are %s", m.Value, strings.Join(certReqs, ", "))
			}
		default:
			return fmt.Errorf("there is no option %s: there are ca_certs, certfile, keyfile, cert_reqs and server_hostname", m.Key)
		}
		if !isText {
			return fmt.Errorf("option %s is %s, not a text", m.Key, m.Value)
		}
	}
	if (u.cert == "") != (u.key == "") {
		return errors.New("give certfile and keyfile together")
	}
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (u UseSSL) MarshalJSON() ([]byte, error) {
	if u.given == nil {
		return []byte("false"), nil
	}
	return u.given, nil
}

// told is what stats tell of it; nil for nothing.
func (u UseSSL) told() json.RawMessage {
	if !u.on {
		return nil
	}
	return u.given
}

// apply has each of the URLs use TLS with these options, in the URL's own words.
func (u UseSSL) apply(urls string) (string, error) {
	if !u.on {
		return urls, nil
	}
	parts := strings.Split(urls, ";")
	for i, raw := range parts {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(raw), "://")
		var options map[string]string
		switch scheme {
		case "amqp", "pyamqp", "amqps":
			scheme = "amqps"
			options = map[string]string{"cacertfile": u.ca, "certfile": u.cert, "keyfile": u.key, "server_name_indication": u.servers}
			if u.reqs == "none" {
				options["verify"] = "verify_none"
			}
		case "redis", "rediss":
			scheme = "rediss"
			options = map[string]string{"ssl_ca_certs": u.ca, "ssl_certfile": u.cert, "ssl_keyfile": u.key, "ssl_cert_reqs": u.reqs}
			if u.servers != "" {
				return "", errors.New("server_hostname is RabbitMQ's: Redis must have a certificate for the host of its URL")
			}
		default:
			return "", fmt.Errorf("no TLS for %s:// URLs: use amqp:// or redis://", scheme)
		}
		query := url.Values{}
		for name, value := range options {
			if value != "" {
				query.Set(name, value)
			}
		}
		joint := "?"
		if strings.Contains(rest, "?") {
			joint = "&"
		}
		parts[i] = scheme + "://" + rest
		if len(query) > 0 {
			parts[i] += joint + query.Encode()
		}
	}
	return strings.Join(parts, ";"), nil
}
