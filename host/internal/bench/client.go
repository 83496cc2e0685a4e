package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	goredis "github.com/redis/go-redis/v9"
)

// A noopClient sends tasks and sees them done.
type noopClient interface {
	// name is the queue's.
	name() string
	// send sends one task without arguments.
	send(ctx context.Context, task, id string) error
	// wait returns once so many tasks are done, with how many are.
	wait(ctx context.Context, n int) (int, error)
	// listen begins to hear of results, for receive, which waits for that of the
	// task sent last.
	listen(ctx context.Context) error
	receive(ctx context.Context) error
	close() error
}

// client makes a client with a queue of its own.
func (w way) client(ctx context.Context) (noopClient, error) {
	if !strings.HasPrefix(w.backend, "redis") {
		c, err := newClient(w.broker)
		if err != nil {
			return nil, err
		}
		c.ignore = w.ignore
		return c, nil
	}
	return newRedisClient(ctx, w)
}

// client sends protocol 2 messages as Celery does and counts the results.
type client struct {
	ignore  bool // results are not wanted
	eta     any  // when tasks are to run, as Celery has it; nil is now
	sent    int
	results int
	conn    *amqp.Connection
	ch      *amqp.Channel
	queue   string
	replyTo string
	replies <-chan amqp.Delivery
}

func newClient(url string) (*client, error) {
	// The library gives a connection up over heartbeats that it does not look at while
	// a write waits, as it does for long when the worker is slower than this sends.
	conn, err := amqp.DialConfig(url, amqp.Config{Heartbeat: time.Hour, Locale: "en_US"})
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
		c.replies, err = ch.Consume(c.replyTo, "", true, true, false, false, nil)
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
	c.sent++
	return c.ch.PublishWithContext(ctx, "", c.queue, false, false, amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent,
		CorrelationId: id, ReplyTo: c.replyTo,
		Headers: amqp.Table{
			"lang": "py", "task": task, "id": id, "shadow": nil, "eta": c.eta, "expires": nil, "group": nil, "group_index": nil,
			"retries": int32(0), "timelimit": []any{nil, nil}, "root_id": id, "parent_id": nil, "argsrepr": "()", "kwargsrepr": "{}",
			"origin": "gen1@bench", "ignore_result": c.ignore, "replaced_task_nesting": int32(0), "stamped_headers": nil, "stamps": amqp.Table{},
		},
		Body: []byte(body),
	})
}

func (c *client) receive(ctx context.Context) error {
	select {
	case d, ok := <-c.replies:
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
		c.results++
		return nil
	case <-time.After(time.Minute):
		return errors.New("no result for a minute")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) name() string { return c.queue }

func (c *client) listen(context.Context) error { return nil } // it always does

// wait receives results, or watches the queue where there are none, until so many
// tasks are done. It returns how many are.
func (c *client) wait(ctx context.Context, n int) (int, error) {
	if c.ignore {
		return poll(ctx, n, func() (int, error) {
			q, err := c.ch.QueueDeclarePassive(c.queue, true, false, false, false, nil)
			return c.sent - q.Messages, err
		})
	}
	for c.results < n {
		if err := c.receive(ctx); err != nil {
			return c.results, fmt.Errorf("after %d results: %w", c.results, err)
		}
	}
	return c.results, nil
}

// poll asks how many tasks are done until so many are.
func poll(ctx context.Context, n int, done func() (int, error)) (int, error) {
	for last, since := -1, time.Now(); ; time.Sleep(5 * time.Millisecond) {
		now, err := done()
		switch {
		case err != nil:
			return now, err
		case now >= n:
			return now, nil
		case ctx.Err() != nil:
			return now, ctx.Err()
		case now != last:
			last, since = now, time.Now()
		case time.Since(since) > time.Minute:
			return now, fmt.Errorf("no task ended for a minute, after %d", now)
		}
	}
}

func (c *client) close() error {
	_, err := c.ch.QueueDelete(c.queue, false, false, false)
	_, err2 := c.ch.QueueDelete(c.replyTo, false, false, false)
	return errors.Join(err, err2, c.ch.ExchangeDelete(c.queue, false, false), c.conn.Close())
}

// redisClient finds results in a Redis of which nobody else uses the databases.
type redisClient struct {
	*client // nil where Redis is the broker, too
	queue   string
	broker  *goredis.Client // nil where it is not
	results *goredis.Client
	news    *goredis.PubSub // of results; nil until listen
	last    string          // id of the task sent last
}

func newRedisClient(ctx context.Context, w way) (c *redisClient, err error) {
	open := func(url string) *goredis.Client {
		opt, parseErr := goredis.ParseURL(url)
		if parseErr != nil {
			err = errors.Join(err, parseErr)
			return nil
		}
		return goredis.NewClient(opt)
	}
	c = &redisClient{queue: "bench-" + uuid.NewString(), results: open(w.backend)}
	if strings.HasPrefix(w.broker, "redis") {
		c.broker = open(w.broker)
	} else if c.client, err = newClient(w.broker); err == nil {
		c.queue = c.client.queue
	}
	if err == nil {
		err = c.results.FlushDB(ctx).Err()
	}
	return c, err
}

func (c *redisClient) name() string { return c.queue }

func (c *redisClient) send(ctx context.Context, task, id string) error {
	c.last = id
	if c.client != nil {
		return c.client.send(ctx, task, id)
	}
	envelope, err := json.Marshal(map[string]any{
		"body":             base64.StdEncoding.EncodeToString([]byte(`[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`)),
		"content-encoding": "utf-8", "content-type": "application/json",
		"headers": map[string]any{
			"lang": "py", "task": task, "id": id, "shadow": nil, "eta": nil, "expires": nil, "group": nil, "group_index": nil,
			"retries": 0, "timelimit": []any{nil, nil}, "root_id": id, "parent_id": nil, "argsrepr": "()", "kwargsrepr": "{}",
			"origin": "gen1@bench", "ignore_result": false, "replaced_task_nesting": 0, "stamped_headers": nil, "stamps": map[string]any{},
		},
		"properties": map[string]any{
			"correlation_id": id, "reply_to": id, "delivery_mode": 2, "delivery_info": map[string]any{"exchange": "", "routing_key": c.queue},
			"priority": 0, "body_encoding": "base64", "delivery_tag": id,
		},
	})
	if err != nil {
		return err
	}
	return c.broker.LPush(ctx, c.queue, envelope).Err()
}

func (c *redisClient) wait(ctx context.Context, n int) (int, error) {
	return poll(ctx, n, func() (int, error) {
		size, err := c.results.DBSize(ctx).Result()
		return int(size), err
	})
}

func (c *redisClient) listen(ctx context.Context) error {
	c.news = c.results.PSubscribe(ctx, "celery-task-meta-*")
	_, err := c.news.Receive(ctx)
	return err
}

func (c *redisClient) receive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		m, err := c.news.ReceiveMessage(ctx)
		switch {
		case err != nil:
			return err
		case !strings.HasSuffix(m.Channel, c.last): // of another database, which Redis does not tell apart
		case strings.Contains(m.Payload, `"SUCCESS"`):
			return nil
		default:
			return fmt.Errorf("a task ended as %s", m.Payload)
		}
	}
}

func (c *redisClient) close() error {
	err := c.results.Close()
	if c.news != nil {
		err = errors.Join(err, c.news.Close())
	}
	if c.client != nil {
		return errors.Join(err, c.client.close())
	}
	return errors.Join(err, c.broker.Del(context.Background(), c.queue).Err(), c.broker.Close())
}
