package host

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	redisbroker "github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/database"
	"github.com/sparkstalk/sparkstalk/host/result/redis"
	"github.com/sparkstalk/sparkstalk/host/result/rpc"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// TransportOptions are Celery's broker_transport_options and
// result_backend_transport_options, as far as they have a meaning here.
type TransportOptions struct {
	// VisibilityTimeout is after how many seconds a Redis broker's message that
	// a dead worker held is given to another. All that consume a queue must have
	// the same. Zero means 3600.
	VisibilityTimeout float64 `json:"visibility_timeout,omitempty"`
	// MasterName is what the sentinels of a sentinel:// URL call the Redis.
	MasterName string `json:"master_name,omitempty"`
	// PrioritySteps and Separator say in which lists of a Redis broker a queue's
	// priorities are. Empty means 0, 3, 6 and 9, and kombu's own.
	PrioritySteps []int  `json:"priority_steps,omitempty"`
	Separator     string `json:"sep,omitempty"`
	// GlobalKeyPrefix begins all keys in Redis: a broker's, with its channels, or
	// those of results.
	GlobalKeyPrefix string `json:"global_keyprefix,omitempty"`
}

// prioritySteps are the steps as the broker takes them; checkWire has checked them.
func (o TransportOptions) prioritySteps() []uint8 {
	var steps []uint8
	for _, s := range o.PrioritySteps {
		steps = append(steps, uint8(s))
	}
	return steps
}

// Tables are names for Celery's two tables of results, or for their schemas.
type Tables struct {
	Task  string `json:"task"`
	Group string `json:"group"`
}

// The schemes of URLs, as Celery has them.
var (
	rabbitSchemes = []string{"amqp", "amqps", "pyamqp"}
	redisSchemes  = []string{"redis", "rediss", "unix", "socket", "redis+socket", "sentinel"}
)

func schemeOf(url string) string {
	scheme, _, _ := strings.Cut(url, ":")
	return scheme
}

// openBroker returns the configured broker, which consumes queues once it runs.
// name is what the broker shows of the connection. Tasks are sent by a broker of
// openSender.
func openBroker(cfg Config, queues []broker.Queue, name string) (broker.Broker, error) {
	return openSender(cfg, &routing{queues: &worker.Queues{}}, queues, name)
}

// openSender returns the configured broker with all that sending tasks needs.
func openSender(cfg Config, r *routing, queues []broker.Queue, name string) (broker.Broker, error) {
	prefetch := worker.Prefetch(cfg.Concurrency, *cfg.PrefetchMultiplier)
	events := cfg.wire().Declaration()
	exchanges := func() []broker.Exchange {
		return slices.Concat(cfg.mailbox().Exchanges(), []broker.Exchange{events}, r.exchanges())
	}
	address, err := cfg.BrokerUseSSL.apply(cfg.Broker)
	if err != nil {
		return nil, fmt.Errorf("setting broker_use_ssl: %w", err)
	}
	switch scheme := schemeOf(address); {
	case slices.Contains(rabbitSchemes, scheme):
		return rabbitmq.New(rabbitmq.Config{
			URL: address, Queues: queues, Exchanges: exchanges(),
			Stores: r.delayedQueues, Heartbeat: seconds(cfg.BrokerHeartbeat), ConnectTimeout: seconds(cfg.BrokerConnectionTimeout), Prefetch: prefetch, ConnectionName: name, Log: cfg.Log,
		})
	case slices.Contains(redisSchemes, scheme):
		// Celery publishes events to a fanout exchange where there are no topics
		// without queues (celery.events.event.get_exchange).
		events.Type = "fanout"
		return redisbroker.New(redisbroker.Config{
			URL: address, Queues: queues, Exchanges: exchanges(), Prefetch: prefetch, ConnectTimeout: seconds(cfg.BrokerConnectionTimeout),
			MasterName: cfg.BrokerTransportOptions.MasterName, VisibilityTimeout: seconds(cfg.BrokerTransportOptions.VisibilityTimeout),
			PrioritySteps: cfg.BrokerTransportOptions.prioritySteps(), Separator: cfg.BrokerTransportOptions.Separator,
			KeyPrefix: cfg.BrokerTransportOptions.GlobalKeyPrefix, Log: cfg.Log,
		})
	default:
		return nil, fmt.Errorf("broker URL scheme %q is not served: use amqp:// or amqps:// (RabbitMQ), redis://, rediss:// or sentinel:// (Redis)", scheme)
	}
}

// openStore returns the configured result backend; b is for rpc.
func openStore(cfg Config, b broker.Broker) (result.Store, error) {
	switch scheme := schemeOf(cfg.ResultBackend); {
	case scheme == "rpc":
		return rpc.New(b, rpc.Config{Format: cfg.codec().Format, Persistent: cfg.ResultPersistent}), nil
	case slices.Contains(redisSchemes, scheme):
		return openRedis(cfg)
	case isDatabase(cfg.ResultBackend):
		return openDatabase(cfg)
	case scheme == "disabled":
		return result.Disabled{}, nil
	default:
		return nil, fmt.Errorf("result backend %q is not served: use rpc://, redis://host:port/db, sentinel://host:port/db, db+postgresql://host/database, db+sqlite:///file or disabled://", mask(cfg.ResultBackend))
	}
}

// openRedis returns a result backend that is Redis.
func openRedis(cfg Config) (*redis.Store, error) {
	address, err := cfg.RedisBackendUseSSL.apply(cfg.ResultBackend)
	if err != nil {
		return nil, fmt.Errorf("setting redis_backend_use_ssl: %w", err)
	}
	return redis.New(redis.Config{
		URL: address, MasterName: cfg.ResultBackendTransportOptions.MasterName, Expires: seconds(cfg.ResultExpires), FailureExpires: seconds(cfg.ResultFailureExpires),
		KeyPrefix: cfg.ResultBackendTransportOptions.GlobalKeyPrefix, Codec: cfg.codec(), ChordExpires: seconds(cfg.ResultChordExpires), JoinTimeout: seconds(cfg.ResultChordJoinTimeout), Log: cfg.Log,
	})
}

// isDatabase reports whether a result backend is one of SQLAlchemy's databases.
func isDatabase(url string) bool {
	return strings.HasPrefix(url, "db+") || strings.HasPrefix(url, "database+")
}

// openDatabase returns a result backend that is a database.
func openDatabase(cfg Config) (*database.Store, error) {
	return database.New(database.Config{
		URL: cfg.ResultBackend, Table: cfg.DatabaseTableNames.Task, Schema: cfg.DatabaseTableSchemas.Task,
		GroupTable: cfg.DatabaseTableNames.Group, GroupSchema: cfg.DatabaseTableSchemas.Group,
		Extended: cfg.ResultExtended, Expires: seconds(cfg.ResultExpires), Log: cfg.Log,
	})
}
