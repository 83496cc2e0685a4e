package brokertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	server := brokertest.NewServer()
	brokertest.Run(t, func(_ *testing.T, cfg brokertest.Config) broker.Broker { return server.Open(cfg) })
}

func TestDropMakesOpenDeliveriesStale(t *testing.T) {
	server := brokertest.NewServer()
	b := server.Open(brokertest.Config{Queues: []broker.Queue{{Name: "q"}}})
	if err := server.Declare(broker.Queue{Name: "q"}); err != nil {
		t.Fatal(err)
	}
	got := make(chan broker.Delivery, 10)
	done := make(chan error)
	go func() { done <- b.Run(context.Background(), func(d broker.Delivery) { got <- d }) }()
	if err := b.Publish(context.Background(), broker.Publication{RoutingKey: "q"}); err != nil {
		t.Fatal(err)
	}
	first := <-got
	b.Drop()
	if err := first.Settler.Ack(); !errors.Is(err, broker.ErrStale) {
		t.Errorf("got %v, want ErrStale", err)
	}
	second := <-got
	if !second.Redelivered {
		t.Error("not redelivered")
	}
	server.Stop()
	if err := second.Settler.Ack(); !errors.Is(err, broker.ErrStale) || b.Connected() {
		t.Errorf("stopped: got %v, connected %v", err, b.Connected())
	}
	ctx, cancel := context.WithCancel(context.Background())
	waits := make(chan error)
	go func() { waits <- b.Publish(ctx, broker.Publication{RoutingKey: "q"}) }()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("Publish while stopped: %v", err)
	}
	server.Start()
	if err := (<-got).Settler.Ack(); err != nil {
		t.Error(err)
	}
	if r, u := server.Ready("q"), server.Unsettled("q"); r+u != 0 {
		t.Errorf("%d ready and %d unsettled, want none", r, u)
	}
	_ = b.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHeadersThatCannotTravelAreRefused(t *testing.T) {
	b := brokertest.NewServer().Open(brokertest.Config{})
	err := b.Publish(context.Background(), broker.Publication{
		Message: broker.Message{Headers: map[string]any{"a": []any{struct{}{}}}},
	})
	if err == nil || !strings.Contains(err.Error(), "a: 0: has type struct {}") {
		t.Errorf("got %v", err)
	}
}
