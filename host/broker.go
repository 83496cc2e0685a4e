package host

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	redisbroker "github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// TransportOptions are Celery's broker_transport_options, as far as they have a
// meaning here.
type TransportOptions struct {
	// VisibilityTimeout is after how many seconds a Redis broker's message that
	// a dead worker held is given to another. All that consume a queue must have
	// the same. Zero means 3600.
	VisibilityTimeout float64 `json:"visibility_timeout"`
}

// openBroker returns the configured broker, which consumes queues once it runs.
// name is what the broker shows of the connection.
func openBroker(cfg Config, queues []broker.Queue, name string) (broker.Broker, error) {
	prefetch := worker.Prefetch(cfg.Concurrency, *cfg.PrefetchMultiplier)
	switch scheme, _, _ := strings.Cut(cfg.Broker, ":"); scheme {
	case "amqp", "amqps", "pyamqp":
		return rabbitmq.New(rabbitmq.Config{
			URL: cfg.Broker, Queues: queues, Exchanges: slices.Concat(control.Exchanges, []broker.Exchange{event.Exchange}),
			Prefetch: prefetch, ConnectionName: name, Log: cfg.Log,
		})
	case "redis", "rediss", "unix", "socket", "redis+socket":
		// Celery publishes events to a fanout exchange where there are no topics
		// without queues (celery.events.event.get_exchange).
		events := event.Exchange
		events.Type = "fanout"
		return redisbroker.New(redisbroker.Config{
			URL: cfg.Broker, Queues: queues, Exchanges: slices.Concat(control.Exchanges, []broker.Exchange{events}), Prefetch: prefetch,
			VisibilityTimeout: seconds(cfg.BrokerTransportOptions.VisibilityTimeout), Log: cfg.Log,
		})
	default:
		return nil, fmt.Errorf("broker URL scheme %q is not served: use amqp:// or amqps:// (RabbitMQ), redis:// or rediss:// (Redis)", scheme)
	}
}
