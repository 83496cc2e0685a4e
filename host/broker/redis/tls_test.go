package redis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestTLS(t *testing.T) {
	server := proctest.StartRedis(t)
	front := proctest.TLS(t, server.Address(), true) // which asks for our certificate
	own := "&ssl_certfile=" + front.Cert + "&ssl_keyfile=" + front.Key
	publish := func(b *redis.Broker, queue, body string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		return b.Publish(ctx, broker.Publication{RoutingKey: queue, Message: broker.Message{Body: []byte(body)}})
	}
	for name, c := range map[string]struct {
		query string
		ok    bool
	}{
		"with its authority":   {"ssl_ca_certs=" + front.CA + own, true},
		"whoever it is":        {"ssl_cert_reqs=none" + own, true},
		"without an authority": {"ssl_cert_reqs=required" + own, false},
		"without our own":      {"ssl_ca_certs=" + front.CA, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := proctest.Name(t)
			b := open(t, redis.Config{URL: "rediss://" + front.Address + "/0?" + c.query, Queues: []broker.Queue{{Name: queue}}})
			if !c.ok {
				if err := publish(b, queue, "x"); err == nil {
					t.Error("sent")
				}
				return
			}
			got := consume(t, b)
			large := strings.Repeat("large ", 100_000)
			if err := publish(b, queue, large); err != nil {
				t.Fatal(err)
			}
			d := next(t, got)
			if string(d.Body) != large {
				t.Errorf("%d bytes", len(d.Body))
			}
			if err := d.Settler.Ack(); err != nil {
				t.Error(err)
			}
		})
	}
}
