package redis_test

import (
	"log/slog"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// open returns a broker that logs to the test and is closed with it.
func open(t testing.TB, cfg redis.Config) *redis.Broker {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	b, err := redis.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestContract(t *testing.T) {
	url := proctest.Redis(t)
	brokertest.Run(t, func(t *testing.T, cfg brokertest.Config) broker.Broker {
		return open(t, redis.Config{URL: url, Queues: cfg.Queues, Prefetch: cfg.Prefetch})
	}, brokertest.LacksPriority, brokertest.LacksExpiration, brokertest.LacksRouting, brokertest.LacksArguments,
		brokertest.LacksEmptyHash, brokertest.LacksKeyless, brokertest.LacksBytes)
}
