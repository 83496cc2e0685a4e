package rabbitmq_test

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestTLS(t *testing.T) {
	plain := proctest.RabbitMQ(t)
	front := proctest.TLS(t, address(t, plain), false)
	url := "amqps://guest:guest@" + front.Address + "//"
	large := strings.Repeat("large ", 100_000)

	t.Run("with its certificate", func(t *testing.T) {
		q := durable(t)
		b := open(t, rabbitmq.Config{URL: url + "?cacertfile=" + front.CA, Queues: []broker.Queue{q}})
		got := consume(t, b)
		eventually(t, "connected", b.Connected)
		err := b.Publish(context.Background(), broker.Publication{
			RoutingKey: q.Name, Message: broker.Message{Body: []byte(large), Headers: map[string]any{"n": int64(1 << 40)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := next(t, got)
		if string(d.Body) != large || d.Headers["n"] != int64(1<<40) {
			t.Errorf("got %d bytes, headers %v", len(d.Body), d.Headers)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	})
	t.Run("with a configuration", func(t *testing.T) {
		b := open(t, rabbitmq.Config{URL: url, TLS: &tls.Config{InsecureSkipVerify: true}})
		if err := b.Publish(context.Background(), broker.Publication{RoutingKey: "none"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("whoever it is", func(t *testing.T) {
		b := open(t, rabbitmq.Config{URL: url + "?verify=verify_none"})
		if err := b.Publish(context.Background(), broker.Publication{RoutingKey: "none"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("not trusted", func(t *testing.T) {
		wantText(t, runError(t, rabbitmq.Config{URL: url}), "the certificate is not trusted", "cacertfile", "guest:***@")
	})
}
