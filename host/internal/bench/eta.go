package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// scheduled measures the memory of a worker that holds tasks until their time: so
// many at once, an hour away, each with the headers and the body of a Celery client.
func (o options) scheduled(ctx context.Context, url string) (err error) {
	plugins, err := o.plugins("tasks.wasm")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w := way{name: "rabbitmq+rpc", broker: url, backend: "rpc://"}
	fmt.Printf("| %d tasks an hour away | taken in s | resident MB before | after | bytes a task |\n| --- | ---: | ---: | ---: | ---: |\n", o.eta)
	for _, c := range o.chosen(o.contenders(w, o.concurrency, self, plugins)[1:3]) { // without the raw loop
		if err := o.scheduledBy(ctx, url, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	fmt.Println()
	return nil
}

func (o options) scheduledBy(ctx context.Context, url string, c contender) (err error) {
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
	time.Sleep(3 * time.Second)
	before, began := worker.usage().residentMB, time.Now()
	client.ignore = true // the queue tells how many were taken
	client.eta = time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000000+00:00")
	for range o.eta {
		if err := client.send(ctx, "test.noop", uuid.NewString()); err != nil {
			return err
		}
	}
	if _, err := client.wait(ctx, o.eta); err != nil {
		return fmt.Errorf("%w\n%s", err, worker.tail())
	}
	took := time.Since(began)
	time.Sleep(5 * time.Second)
	after := worker.usage().residentMB
	fmt.Printf("| %s | %.1f | %.0f | %.0f | %.0f |\n", c.name, took.Seconds(), before, after, (after-before)*1e6/float64(o.eta))
	return nil
}
