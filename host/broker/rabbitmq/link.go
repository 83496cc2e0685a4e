package rabbitmq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A refusal is an error that trying again does not mend.
type refusal struct {
	text string
	err  error
	// always is set when it stays so even after a connection that had worked. Else
	// it may be a broker that is not wholly back yet.
	always bool
}

func (r *refusal) Error() string {
	if r.err == nil {
		return r.text
	}
	return r.text + ": " + r.err.Error()
}

func (r *refusal) Unwrap() error { return r.err }

// A link is an open connection to a broker.
type link struct {
	*amqp.Connection
	conn    *conn
	address address
	timeout time.Duration
	done    chan struct{} // closed when the connection is lost or closed
	err     error         // why, once done; nil after close

	mu        sync.Mutex
	unblocked chan struct{} // nil unless the broker blocks publishers
}

// dial connects to the first broker that answers, beginning with the one that did
// last. role is told to the broker.
func (b *Broker) dial(ctx context.Context, role string) (*link, error) {
	b.mu.Lock()
	first, connected := b.lastGood, b.connected
	b.mu.Unlock()
	var errs []error
	refused := 0
	for i := range b.addresses {
		n := (first + i) % len(b.addresses)
		l, err := b.dialOne(ctx, b.addresses[n], role)
		if err == nil {
			b.mu.Lock()
			b.lastGood, b.connected = n, true
			b.mu.Unlock()
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if r, ok := errors.AsType[*refusal](err); ok {
			refused++
			err = errors.New(r.Error())
		}
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	if refused == len(b.addresses) && !connected {
		return nil, &refusal{text: err.Error()}
	}
	return nil, err
}

func (b *Broker) dialOne(ctx context.Context, a address, role string) (*link, error) {
	dialer := net.Dialer{Timeout: b.cfg.ConnectTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", a.hostport())
	if err != nil {
		return nil, fmt.Errorf("connect to %v: %w", a, err)
	}
	s := &socket{Conn: raw, timeout: b.cfg.Timeout}
	over, err := b.secure(ctx, a, s)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	c := newConn(s, over)
	c.in.dropped = func() {
		b.log.Warn("headers of a message left out: they nest too deep, have too many entries or are malformed", logkey.Broker, a)
	}
	stop := context.AfterFunc(ctx, func() { c.abort(context.Cause(ctx)) })
	defer stop()
	timer := time.AfterFunc(b.cfg.Timeout, func() { c.abort(noAnswer(b.cfg.Timeout)) })
	defer timer.Stop()
	connection, err := amqp.Open(c, b.amqpConfig(a, role))
	if err != nil {
		if why := c.reason(); why != nil {
			err = why
		}
		c.abort(err)
		<-c.done
		return nil, loginError(a, err)
	}
	l := &link{Connection: connection, conn: c, address: a, timeout: b.cfg.Timeout, done: make(chan struct{})}
	closes := l.NotifyClose(make(chan *amqp.Error, 1))
	blocks := l.NotifyBlocked(make(chan amqp.Blocking, 8))
	go l.watch(closes)
	go func() {
		for blocking := range blocks { // closed with the connection
			l.block(blocking.Active)
			if blocking.Active {
				b.log.Warn("broker takes no messages for now", logkey.Broker, a, logkey.Reason, blocking.Reason)
			} else {
				b.log.Info("broker takes messages again", logkey.Broker, a)
			}
		}
	}()
	return l, nil
}

func noAnswer(timeout time.Duration) error {
	return fmt.Errorf("no answer within %v", timeout)
}

// secure puts TLS over the socket where the address says so.
func (b *Broker) secure(ctx context.Context, a address, s *socket) (net.Conn, error) {
	if a.tls == nil {
		return s, nil
	}
	client := tls.Client(s, a.tls)
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	if err := client.HandshakeContext(ctx); err != nil {
		var (
			unknown  x509.UnknownAuthorityError
			hostname x509.HostnameError
		)
		if errors.As(err, &unknown) || errors.As(err, &hostname) {
			return nil, &refusal{text: fmt.Sprintf("TLS to %v: the certificate is not trusted (see cacertfile and server_name_indication in the URL)", a), err: err}
		}
		return nil, fmt.Errorf("TLS to %v: %w", a, err)
	}
	return client, nil
}

func (b *Broker) amqpConfig(a address, role string) amqp.Config {
	heartbeat := b.cfg.Heartbeat
	if heartbeat == 0 {
		heartbeat = a.heartbeat
	}
	if heartbeat == 0 {
		heartbeat = defaultHeartbeat
	}
	properties := amqp.Table{"product": "sparkstalk", "platform": "Go", "information": "AMQP by amqp091-go"}
	if b.cfg.ConnectionName != "" {
		properties["connection_name"] = b.cfg.ConnectionName + " " + role
	}
	config := amqp.Config{
		Vhost:      a.Vhost,
		FrameSize:  frameMax,
		Heartbeat:  heartbeat,
		Locale:     "en_US",
		Properties: properties,
	}
	mechanisms := a.AuthMechanism
	if len(mechanisms) == 0 {
		mechanisms = []string{"plain"}
	}
	for _, m := range mechanisms {
		var auth amqp.Authentication = a.PlainAuth()
		switch strings.ToLower(m) {
		case "amqplain":
			auth = a.AMQPlainAuth()
		case "external":
			auth = &amqp.ExternalAuth{}
		}
		config.SASL = append(config.SASL, &login{auth, properties})
	}
	return config
}

// A login also asks the broker to say when it refuses the password: the library
// leaves that capability out, and then a wrong password looks like a broker that
// went away. Response is called between the library's setting of the capabilities
// and its sending them.
type login struct {
	amqp.Authentication
	properties amqp.Table
}

func (l *login) Response() string {
	if capabilities, ok := l.properties["capabilities"].(amqp.Table); ok {
		capabilities["authentication_failure_close"] = true
	}
	return l.Authentication.Response()
}

// A plainError is an [amqp.Error] in fewer words: the library's own puts a code
// of the protocol also before what the operating system said.
type plainError struct{ cause *amqp.Error }

func (e *plainError) Error() string {
	if !e.cause.Server {
		return e.cause.Reason
	}
	return fmt.Sprintf("%s (%d)", e.cause.Reason, e.cause.Code)
}

func (e *plainError) Unwrap() error { return e.cause }

// plainly rewords an error of the library and returns others as they are.
func plainly(err error) error {
	if e, ok := errors.AsType[*amqp.Error](err); ok && e != nil {
		return &plainError{e}
	}
	return err
}

// loginError puts into words why a broker that was reached did not open a connection.
func loginError(a address, err error) error {
	if errors.Is(err, amqp.ErrSASL) {
		return &refusal{text: fmt.Sprintf("broker %v offers no way to log in that we know (auth_mechanism in the URL)", a), err: err}
	}
	e, ok := errors.AsType[*amqp.Error](err)
	if !ok || !e.Server {
		return fmt.Errorf("broker %v did not finish the connection: %w", a, plainly(err))
	}
	err = plainly(e)
	switch e.Code {
	case amqp.AccessRefused:
		return &refusal{text: fmt.Sprintf("broker %v refuses user %q: check the user name and password in the URL", a, a.Username), err: err}
	case amqp.NotAllowed:
		if strings.Contains(e.Reason, "limit") { // of connections, for now
			break
		}
		return &refusal{text: fmt.Sprintf("broker %v does not open virtual host %q to user %q: check that it exists (rabbitmqctl list_vhosts) and that the user may use it (rabbitmqctl list_user_permissions %s)",
			a, a.Vhost, a.Username, a.Username), err: err}
	}
	return fmt.Errorf("broker %v refuses the connection: %w", a, err)
}

func (l *link) watch(closes <-chan *amqp.Error) {
	if e := <-closes; e != nil { // nil when it was closed by us
		l.err = fmt.Errorf("connection to %v: %w", l.address, plainly(e))
		if why := l.conn.reason(); why != nil {
			l.err = fmt.Errorf("connection to %v: %w", l.address, why)
		}
	}
	l.block(false)
	close(l.done)
}

func (l *link) block(active bool) {
	l.conn.socket.blocked.Store(active)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case active && l.unblocked == nil:
		l.unblocked = make(chan struct{})
	case !active && l.unblocked != nil:
		close(l.unblocked)
		l.unblocked = nil
	}
}

// waitRoom waits until the broker takes what is published.
func (l *link) waitRoom(ctx context.Context) error {
	l.mu.Lock()
	unblocked := l.unblocked
	l.mu.Unlock()
	if unblocked != nil {
		select {
		case <-unblocked:
		case <-l.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return l.conn.waitRoom(ctx)
}

// call runs a method that waits for the broker's answer, which the library would
// do for ever, and closes the connection when none comes in time.
func (l *link) call(f func() error) error {
	t := time.AfterFunc(l.timeout, func() { l.conn.abort(noAnswer(l.timeout)) })
	defer t.Stop()
	return f()
}

func (l *link) channel() (*amqp.Channel, error) {
	var ch *amqp.Channel
	err := l.call(func() (err error) {
		ch, err = l.Channel()
		return err
	})
	return ch, err
}

// close says goodbye and returns once the socket is closed, within a bounded time.
func (l *link) close() {
	t := time.AfterFunc(closeTimeout, func() { l.conn.abort(noAnswer(closeTimeout)) })
	defer t.Stop()
	_ = l.Close() // lost already, or lost now: either way it is closed
	_ = l.conn.Close()
	<-l.conn.done
	<-l.done
}
