package host

import (
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestRoutingOfConfiguration(t *testing.T) {
	show := func(q broker.Queue) string {
		var out []string
		for _, b := range q.Bound() {
			out = append(out, b.ExchangeType+" "+b.Exchange+"/"+b.RoutingKey)
		}
		if kind, ok := q.Args["x-queue-type"].(string); ok {
			out = append(out, kind)
		}
		return q.Name + ": " + strings.Join(out, ", ")
	}
	priority := 4
	cases := map[string]struct {
		cfg  Config
		want string
	}{
		"nothing":                      {Config{}, "celery: direct celery/celery"},
		"-Q a,b:e:k":                   {Config{Queues: []string{"a", "b:e:k"}}, "a: direct a/a; b: direct e/k"},
		"-X":                           {Config{Queues: []string{"a", "b:e:k"}, ExcludeQueues: []string{"a", "c"}}, "b: direct e/k"},
		"default queue":                {Config{TaskDefaultQueue: "d", TaskDefaultExchange: "e", TaskDefaultExchangeType: "topic", TaskDefaultRoutingKey: "d.#"}, "d: topic e/d.#"},
		"quorum default":               {Config{TaskDefaultQueueType: "quorum", TaskDefaultExchangeType: "topic"}, "celery: topic celery/celery,  celery/#.celery, quorum"},
		"quorum default, no RabbitMQ":  {Config{Broker: "redis://h", TaskDefaultQueueType: "quorum", TaskDefaultExchangeType: "topic"}, "celery: topic celery/celery, quorum"},
		"task_queues":                  {Config{TaskQueues: map[string]TaskQueue{"b": {Exchange: "x", ExchangeType: "topic", RoutingKey: "b.*"}, "a": {}}}, "a: direct celery/a; b: topic x/b.*"},
		"-Q of task_queues":            {Config{Queues: []string{"b"}, TaskQueues: map[string]TaskQueue{"b": {Exchange: "x", BindingKey: "k"}, "a": {}}}, "b: direct x/k"},
		"bindings":                     {Config{TaskQueues: map[string]TaskQueue{"b": {Bindings: []TaskBinding{{"x", "topic", "b.#"}, {"y", "", "k"}}}}}, "b: topic x/b.#, direct y/k"},
		"missing ones, quorum, topics": {Config{Queues: []string{"n"}, TaskCreateMissingQueueType: "quorum", TaskCreateMissingQueueExchangeType: "topic"}, "n: topic n/n,  n/#.n, quorum"},
		"worker_direct":                {Config{Hostname: "w@h", WorkerDirect: true}, "celery: direct celery/celery; w@h.dq2: direct C.dq2/w@h"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.cfg.ConsumerPriority, c.cfg.TaskQueueMaxPriority = &priority, 9
			cfg, err := c.cfg.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			r, err := cfg.routing()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, q := range r.consumed {
				got = append(got, show(q))
				if q.ConsumerArgs["x-priority"] != 4 || q.Args["x-max-priority"] != 9 {
					t.Errorf("%s: arguments %v, of the consumer %v", q.Name, q.Args, q.ConsumerArgs)
				}
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
	for text, c := range map[string]Config{
		"task_create_missing_queues": {Queues: []string{"a"}, TaskQueues: map[string]TaskQueue{"b": {}}, TaskCreateMissingQueues: new(bool)},
		"NAME or NAME":               {Queues: []string{"a:b"}},
		"leaves no queue":            {Queues: []string{"a"}, ExcludeQueues: []string{"a"}},
		"no name":                    {Queues: []string{""}},
	} {
		cfg, err := c.withDefaults()
		if err == nil {
			_, err = cfg.routing()
		}
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want an error about %s", err, text)
		}
	}
	bad := Config{
		TaskDefaultExchangeType: "x", TaskDefaultQueueType: "y", DelayedDeliveryQueueType: "z", TaskQueueMaxPriority: 300,
		TaskQueues: map[string]TaskQueue{"q": {Exchange: "e", Bindings: []TaskBinding{{}}}},
	}
	_, err := bad.withDefaults()
	for _, text := range []string{"task_default_exchange_type", "task_default_queue_type", "delivery_queue_type", "max_priority", "either bindings", "without exchange"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want it to name %s", err, text)
		}
	}
}

func TestPurgeDropsWhatWaits(t *testing.T) {
	t.Parallel()
	for name, url := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, func(c *Config) { c.Broker, c.ResultBackend = url(t), proctest.Redis(t) })
			hosttest.Eventually(t, w.Host.broker.Connected)
			w.stop()
			if err := w.wait(); err != nil {
				t.Fatal(err)
			}
			<-w.ended
			cfg, err := w.cfg.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			b, err := openBroker(cfg, nil, "sender")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := b.Publish(t.Context(), broker.Publication{RoutingKey: w.queue, Message: broker.Message{Body: []byte("{}")}}); err != nil {
					t.Error(err)
				}
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			w.cfg.Purge = true
			w.start()
			hosttest.Eventually(t, w.Host.broker.Connected)
			if log := w.log.String(); !strings.Contains(log, "purged: tasks that waited were dropped") || !strings.Contains(log, "count=2") {
				t.Errorf("two messages were not purged:\n%s", log)
			}
		})
	}
}
