package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
)

// contender is a worker of no-op tasks.
type contender struct {
	name  string
	start func(ctx context.Context, queue string) (*process, error)
}

// figures of one contender, over the rounds.
type figures struct{ rate, p50, p99, cpu, idle []float64 }

// noop measures a task that does nothing: how many a second from a full queue,
// and the time of calls one after another.
func (o options) noop(ctx context.Context, url string) error {
	plugins, err := o.plugins("tasks.wasm")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	slots := strconv.Itoa(o.concurrency)
	contenders := []contender{
		{"raw amqp091-go loop", func(ctx context.Context, queue string) (*process, error) {
			return o.start(ctx, "ready", []string{"GOMAXPROCS=" + slots}, self, "raw", url, queue)
		}},
		{"sparkstalk", func(ctx context.Context, queue string) (*process, error) {
			return o.serve(ctx, nil, url, queue, plugins, "sail", "--prefetch-multiplier", "16")
		}},
		{"Python Celery, prefork", func(ctx context.Context, queue string) (*process, error) {
			return o.start(ctx, "ready.", []string{"CELERY_BROKER_URL=" + url, "PYTHONPATH=host/internal/bench/testdata"}, o.celery,
				"-m", "celery", "-A", "celery_app", "worker", "-Q", queue, "-c", slots, "--prefetch-multiplier", "16", "-l", "info",
				"--without-gossip", "--without-mingle")
		}},
	}
	all := map[string]*figures{}
	for range o.rounds {
		for _, c := range contenders {
			f := all[c.name]
			if f == nil {
				f = &figures{}
				all[c.name] = f
			}
			if err := o.noopRound(ctx, url, c, f); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	for _, c := range contenders {
		if err := o.idle(ctx, url, c, all[c.name]); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	fmt.Println("| no-op task | tasks/s | of the raw loop | p50 ms | p99 ms | CPU µs a task | resident MB, idle |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	raw := median(all[contenders[0].name].rate)
	for _, c := range contenders {
		f := all[c.name]
		fmt.Printf("| %s | %.0f | %.0f%% | %.2f | %.2f | %.0f | %.0f |\n", c.name, median(f.rate), 100*median(f.rate)/raw,
			median(f.p50), median(f.p99), median(f.cpu), median(f.idle))
	}
	fmt.Println()
	return nil
}

// noopRound takes one round's figures of one contender.
func (o options) noopRound(ctx context.Context, url string, c contender, f *figures) (err error) {
	client, err := newClient(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()

	// The queue is full before the worker starts, and the clock starts at a
	// tenth: neither start-up nor the sender's own work counts.
	for range o.tasks {
		if err := client.send(ctx, "test.noop", uuid.NewString()); err != nil {
			return err
		}
	}
	worker, err := c.start(ctx, client.queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()
	var begin time.Time
	var spent float64
	for n := range o.tasks {
		if err := client.receive(ctx); err != nil {
			return fmt.Errorf("after %d results: %w\n%s", n, err, worker.tail())
		}
		if n == o.tasks/10 {
			begin, spent = time.Now(), worker.usage().cpu
		}
	}
	counted := float64(o.tasks - o.tasks/10 - 1)
	f.rate = append(f.rate, counted/time.Since(begin).Seconds())
	f.cpu = append(f.cpu, 1e6*(worker.usage().cpu-spent)/counted)

	times := make([]time.Duration, 0, o.calls)
	for range o.calls {
		start := time.Now()
		if err := client.send(ctx, "test.noop", uuid.NewString()); err != nil {
			return err
		}
		if err := client.receive(ctx); err != nil {
			return err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	f.p50, f.p99 = append(f.p50, percentile(times, 0.5)), append(f.p99, percentile(times, 0.99))
	return nil
}

// idle measures the memory of a worker that has nothing to do.
func (o options) idle(ctx context.Context, url string, c contender, f *figures) (err error) {
	client, err := newClient(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	worker, err := c.start(ctx, client.queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()
	time.Sleep(5 * time.Second) // what the start has left behind goes
	f.idle = append(f.idle, worker.usage().residentMB)
	return nil
}

// client sends protocol 2 messages as Celery does and counts the results.
type client struct {
	conn    *amqp.Connection
	ch      *amqp.Channel
	queue   string
	replyTo string
	results <-chan amqp.Delivery
}

func newClient(url string) (*client, error) {
	conn, err := amqp.Dial(url)
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &client{conn: conn, ch: ch, queue: "bench-" + uuid.NewString(), replyTo: uuid.NewString()}
	err = errors.Join(
		ch.ExchangeDeclare(c.queue, "direct", true, false, false, false, nil),
		declare(ch, c.queue), declare(ch, c.replyTo),
		ch.QueueBind(c.queue, c.queue, c.queue, false, nil),
		ch.Qos(1000, 0, false))
	if err == nil {
		c.results, err = ch.Consume(c.replyTo, "", true, true, false, false, nil)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func declare(ch *amqp.Channel, queue string) error {
	_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
	return err
}

func (c *client) send(ctx context.Context, task, id string) error {
	return c.sendBody(ctx, task, id, `[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`)
}

func (c *client) sendBody(ctx context.Context, task, id, body string) error {
	return c.ch.PublishWithContext(ctx, "", c.queue, false, false, amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent,
		CorrelationId: id, ReplyTo: c.replyTo,
		Headers: amqp.Table{
			"lang": "py", "task": task, "id": id, "shadow": nil, "eta": nil, "expires": nil, "group": nil, "group_index": nil,
			"retries": int32(0), "timelimit": []any{nil, nil}, "root_id": id, "parent_id": nil, "argsrepr": "()", "kwargsrepr": "{}",
			"origin": "gen1@bench", "ignore_result": false, "replaced_task_nesting": int32(0), "stamped_headers": nil, "stamps": amqp.Table{},
		},
		Body: []byte(body),
	})
}

func (c *client) receive(ctx context.Context) error {
	select {
	case d, ok := <-c.results:
		if !ok {
			return errors.New("connection lost")
		}
		var r struct{ Status string }
		if err := json.Unmarshal(d.Body, &r); err != nil {
			return err
		}
		if r.Status != "SUCCESS" {
			return fmt.Errorf("a task ended as %s", d.Body)
		}
		return nil
	case <-time.After(time.Minute):
		return errors.New("no result for a minute")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) close() error {
	_, err := c.ch.QueueDelete(c.queue, false, false, false)
	_, err2 := c.ch.QueueDelete(c.replyTo, false, false, false)
	return errors.Join(err, err2, c.ch.ExchangeDelete(c.queue, false, false), c.conn.Close())
}

// rawLoop is the least that any worker over amqp091-go must do: consume,
// decode, publish a result, ack.
func rawLoop(url, queue string) error {
	conn, err := amqp.Dial(url)
	if err != nil {
		return err
	}
	in, err := conn.Channel()
	if err != nil {
		return err
	}
	out, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := in.Qos(64, 0, false); err != nil {
		return err
	}
	deliveries, err := in.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var g sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() {
			for d := range deliveries {
				var body []json.RawMessage
				if json.Unmarshal(d.Body, &body) != nil {
					continue
				}
				result, err := json.Marshal(map[string]any{
					"status": "SUCCESS", "result": nil, "traceback": nil, "children": []any{},
					"date_done": time.Now().UTC().Format(time.RFC3339Nano), "task_id": d.Headers["id"],
				})
				if err != nil {
					panic(err)
				}
				if err := out.Publish("", d.ReplyTo, false, false, amqp.Publishing{
					ContentType: "application/json", ContentEncoding: "utf-8", CorrelationId: d.CorrelationId, Body: result,
				}); err != nil {
					panic(err)
				}
				if err := d.Ack(false); err != nil {
					panic(err)
				}
			}
		})
	}
	g.Wait()
	return nil
}
