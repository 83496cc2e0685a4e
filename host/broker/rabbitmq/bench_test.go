package rabbitmq_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// BenchmarkRoundTrip is one task without its work: consume, publish the result
// and wait for its confirm, acknowledge. Its measure is the bare library, which
// neither waits for confirms nor survives anything.
func BenchmarkRoundTrip(b *testing.B) {
	url := proctest.RabbitMQ(b)
	b.Run("library", func(b *testing.B) { library(b, url) })
	for _, tasks := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("broker with %d tasks at once", tasks), func(b *testing.B) {
			results := newQueue(b, url, 0)
			q := broker.Queue{Name: newQueue(b, url, b.N)}
			br := open(b, rabbitmq.Config{URL: url, Queues: []broker.Queue{q}, Prefetch: 4 * tasks, Log: slog.New(slog.DiscardHandler)})
			var done sync.WaitGroup
			done.Add(b.N)
			deliveries := make(chan broker.Delivery, 4*tasks)
			for range tasks {
				go func() {
					for d := range deliveries {
						err := br.Publish(context.Background(), broker.Publication{
							RoutingKey: results,
							Message:    broker.Message{Body: []byte(result), ContentType: "application/json", CorrelationID: d.CorrelationID},
						})
						if err != nil {
							b.Error(err)
						}
						if err := d.Settler.Ack(); err != nil {
							b.Error(err)
						}
						done.Done()
					}
				}()
			}
			b.ResetTimer()
			ended := make(chan error, 1)
			go func() { ended <- br.Run(context.Background(), func(d broker.Delivery) { deliveries <- d }) }()
			done.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
			_ = br.Close()
			<-ended
			close(deliveries)
		})
	}
}

const result = `{"status": "SUCCESS", "result": 3, "traceback": null, "children": [], "task_id": "d0932de4-8d1c-404f-869c-2a471f8e17f6"}`

func library(b *testing.B, url string) {
	results, queue := newQueue(b, url, 0), newQueue(b, url, b.N)
	ch := channel(b, url)
	if err := ch.Qos(64, 0, true); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		d := <-deliveries
		err := ch.Publish("", results, false, false, amqp.Publishing{
			Body: []byte(result), ContentType: "application/json", CorrelationId: d.CorrelationId, DeliveryMode: 1,
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Ack(false); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// channel opens a connection of the library's own, closed with the test.
func channel(t testing.TB, url string) *amqp.Channel {
	t.Helper()
	c, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ch, err := c.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// newQueue makes a durable queue with n messages like Celery's in it.
func newQueue(t testing.TB, url string, n int) string {
	t.Helper()
	ch := channel(t, url)
	name := proctest.Name(t)
	if _, err := ch.QueueDeclare(name, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ch.QueueDelete(name, false, false, false) })
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	var last *amqp.DeferredConfirmation
	for i := range n {
		id := fmt.Sprintf("%036d", i)
		var err error
		last, err = ch.PublishWithDeferredConfirm("", name, false, false, amqp.Publishing{
			Headers: amqp.Table{
				"lang": "py", "task": "demo.noop", "id": id, "shadow": nil, "eta": nil, "expires": nil, "group": nil,
				"group_index": nil, "retries": int32(0), "timelimit": []any{nil, nil}, "root_id": id, "parent_id": nil,
				"argsrepr": "(1, 2)", "kwargsrepr": "{}", "origin": "gen1@host1", "ignore_result": false,
				"replaced_task_nesting": int32(0), "stamped_headers": nil, "stamps": amqp.Table{},
			},
			ContentType: "application/json", ContentEncoding: "utf-8", CorrelationId: id, ReplyTo: "r", DeliveryMode: 2,
			Body: []byte(`[[1, 2], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if last != nil && !last.Wait() {
		t.Fatal("not confirmed")
	}
	return name
}
