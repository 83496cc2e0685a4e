package rabbitmq_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// open returns a broker that logs to the test and is closed with it.
func open(t testing.TB, cfg rabbitmq.Config) *rabbitmq.Broker {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	cfg.ConnectionName = t.Name()
	b, err := rabbitmq.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestContract(t *testing.T) {
	url := proctest.RabbitMQ(t)
	brokertest.Run(t, func(t *testing.T, cfg brokertest.Config) broker.Broker {
		return open(t, rabbitmq.Config{URL: url, Queues: cfg.Queues, Prefetch: cfg.Prefetch})
	})
}

// consume runs b and returns its deliveries. The test waits for Run to return,
// which it must do without an error.
func consume(t testing.TB, b *rabbitmq.Broker) <-chan broker.Delivery {
	t.Helper()
	got := make(chan broker.Delivery, 100_000)
	done := make(chan error, 1)
	go func() { done <- b.Run(context.Background(), func(d broker.Delivery) { got <- d }) }()
	t.Cleanup(func() {
		_ = b.Close()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return got
}
