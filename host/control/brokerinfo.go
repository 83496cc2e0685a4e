package control

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// A BrokerInfo says where a worker is connected, for stats.
type BrokerInfo struct {
	// URL is the broker's, or several with semicolons between them.
	URL string
	// Heartbeat is that of the setting; zero means what the URL says, else the
	// default of the connection.
	Heartbeat time.Duration
	// ConnectTimeout is how long connecting may take.
	ConnectTimeout time.Duration
	// TransportOptions are the broker's own that are set, an object; nil is none.
	TransportOptions json.RawMessage
	// TLS are the options of broker_use_ssl: true, or an object; nil is none.
	TLS json.RawMessage
}

// defaultHeartbeat is that of the connections to RabbitMQ.
const defaultHeartbeat = 10 * time.Second

// encode tells what kombu's Connection.info does, without passwords.
func (b BrokerInfo) encode() json.RawMessage {
	urls := strings.Split(b.URL, ";")
	u, err := url.Parse(strings.TrimSpace(urls[0]))
	if err != nil {
		u = &url.URL{}
	}
	i := struct {
		transport, host, user, vhost, login, prefix string
		port                                        int
		ssl                                         json.RawMessage
	}{transport: u.Scheme, host: u.Hostname(), user: u.User.Username(), vhost: strings.TrimPrefix(u.Path, "/"), ssl: b.TLS}
	local := strings.HasPrefix(u.Scheme, "redis+") || u.Scheme == "unix" || u.Scheme == "socket"
	switch {
	case strings.HasSuffix(u.Scheme, "amqp"), u.Scheme == "amqps":
		i.transport = strings.TrimPrefix(u.Scheme, "py")
		i.port, i.login = 5672, "PLAIN"
		if i.user == "" {
			i.user = "guest"
		}
		if u.Scheme == "amqps" && i.ssl == nil {
			i.ssl = json.RawMessage("true")
		}
		if i.ssl != nil {
			i.port = 5671
		}
	case local:
		// kombu takes the whole URL for the host's name.
		i.transport, i.prefix, i.host, i.user, i.vhost, i.port = "redis", "redis", u.Redacted(), "", "", 6379
	default: // redis, rediss, sentinel
		i.port = 6379
		if u.Scheme == "rediss" && i.ssl == nil {
			i.ssl = sslOf(u.Query())
		}
	}
	if p, err := strconv.Atoi(u.Port()); err == nil {
		i.port = p
	}
	if i.host == "" {
		i.host = "localhost"
	}
	if i.vhost == "" {
		i.vhost = "/"
	}
	if i.ssl == nil {
		i.ssl = boolean(false)
	}
	var alternates []json.RawMessage
	if len(urls) > 1 {
		for _, one := range urls {
			alternates = append(alternates, celery.Quote(withoutPassword(strings.TrimSpace(one))))
		}
	}
	options := b.TransportOptions
	if options == nil {
		options = json.RawMessage("{}")
	}
	return celery.Object{
		{Key: "hostname", Value: celery.Quote(i.host)}, {Key: "userid", Value: orNull(i.user)}, {Key: "virtual_host", Value: celery.Quote(i.vhost)},
		{Key: "port", Value: strconv.AppendInt(nil, int64(i.port), 10)}, {Key: "insist", Value: boolean(false)}, {Key: "ssl", Value: i.ssl},
		{Key: "transport", Value: celery.Quote(i.transport)}, {Key: "connect_timeout", Value: secondsOf(b.ConnectTimeout)},
		{Key: "transport_options", Value: options}, {Key: "login_method", Value: orNull(i.login)}, {Key: "uri_prefix", Value: orNull(i.prefix)},
		{Key: "heartbeat", Value: b.heartbeat(u.Query())}, {Key: "failover_strategy", Value: celery.Quote("round-robin")},
		{Key: "alternates", Value: celery.AppendArray(nil, alternates)}, {Key: "credential_provider", Value: null},
	}.Append(nil)
}

func (b BrokerInfo) heartbeat(query url.Values) json.RawMessage {
	d := b.Heartbeat
	if s, err := strconv.ParseFloat(query.Get("heartbeat"), 64); d == 0 && err == nil {
		d = time.Duration(s * float64(time.Second))
	}
	if d == 0 {
		d = defaultHeartbeat
	}
	return pyfloat.AppendJSON(nil, d.Seconds())
}

// orNull is a text, or null for an empty one.
func orNull(s string) json.RawMessage {
	if s == "" {
		return null
	}
	return celery.Quote(s)
}

// sslOf are the ssl_ options of a URL's query; ssl_cert_reqs is one of the numbers
// of Python's ssl module, and is CERT_REQUIRED where nothing is said.
func sslOf(query url.Values) json.RawMessage {
	out := celery.Object{}
	reqs := 2
	if s := strings.ToLower(strings.TrimPrefix(query.Get("ssl_cert_reqs"), "CERT_")); s != "" {
		reqs = max(slices.Index([]string{"none", "optional", "required"}, s), 0)
	}
	out = append(out, celery.Member{Key: "ssl_cert_reqs", Value: strconv.AppendInt(nil, int64(reqs), 10)})
	for _, name := range []string{"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"} {
		if s := query.Get(name); s != "" {
			out = append(out, celery.Member{Key: name, Value: celery.Quote(s)})
		}
	}
	return out.Append(nil)
}

// withoutPassword hides a URL's password as kombu does.
func withoutPassword(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		scheme, _, _ := strings.Cut(raw, ":")
		return scheme + "://"
	}
	if _, ok := u.User.Password(); ok {
		u.User = url.UserPassword(u.User.Username(), "**")
	}
	return strings.ReplaceAll(u.String(), "%2A%2A@", "**@")
}
