package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	goredis "github.com/redis/go-redis/v9"
)

// rawLoop is the least that any worker must do over these clients: take a message,
// decode it, hand over a result if one is wanted, acknowledge.
func rawLoop(broker, backend, queue string, slots, prefetch int) error {
	answer := func(context.Context, string, string, []byte) error { return nil }
	if strings.HasPrefix(backend, "redis") {
		opt, err := goredis.ParseURL(backend)
		if err != nil {
			return err
		}
		c := goredis.NewClient(opt)
		answer = func(ctx context.Context, id, _ string, result []byte) error {
			_, err := c.Pipelined(ctx, func(p goredis.Pipeliner) error {
				p.SetEx(ctx, "celery-task-meta-"+id, result, 24*time.Hour)
				p.Publish(ctx, "celery-task-meta-"+id, result)
				return nil
			})
			return err
		}
	}
	if strings.HasPrefix(broker, "redis") {
		return rawRedis(broker, queue, slots, answer)
	}
	return rawRabbit(broker, queue, slots, prefetch, strings.HasPrefix(backend, "rpc"), answer)
}

// rawResult decodes a message's body and encodes its result.
func rawResult(body []byte, id any) ([]byte, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(body, &parts); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"status": "SUCCESS", "result": nil, "traceback": nil, "children": []any{},
		"date_done": time.Now().UTC().Format(time.RFC3339Nano), "task_id": id,
	})
}

// each runs the loop in every slot until one fails.
func each(slots int, loop func() error) error {
	var g sync.WaitGroup
	failed := make(chan error, slots)
	for range slots {
		g.Go(func() { failed <- loop() })
	}
	fmt.Println("ready")
	return <-failed
}

func rawRabbit(url, queue string, slots, prefetch int, rpc bool, answer func(ctx context.Context, id, replyTo string, result []byte) error) error {
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
	if err := in.Qos(prefetch*slots, 0, false); err != nil {
		return err
	}
	deliveries, err := in.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	if rpc {
		answer = func(ctx context.Context, id, replyTo string, result []byte) error {
			return out.PublishWithContext(ctx, "", replyTo, false, false, amqp.Publishing{
				ContentType: "application/json", ContentEncoding: "utf-8", CorrelationId: id, Body: result,
			})
		}
	}
	return each(slots, func() error {
		for d := range deliveries {
			result, err := rawResult(d.Body, d.Headers["id"])
			if err != nil {
				return err
			}
			if ignored, _ := d.Headers["ignore_result"].(bool); !ignored {
				if err := answer(context.Background(), d.CorrelationId, d.ReplyTo, result); err != nil {
					return err
				}
			}
			if err := d.Ack(false); err != nil {
				return err
			}
		}
		return nil
	})
}

func rawRedis(url, queue string, slots int, answer func(ctx context.Context, id, replyTo string, result []byte) error) error {
	opt, err := goredis.ParseURL(url)
	if err != nil {
		return err
	}
	c := goredis.NewClient(opt)
	ctx := context.Background()
	return each(slots, func() error {
		for {
			// As kombu does: popped first, noted as unacknowledged after.
			popped, err := c.BRPop(ctx, 0, queue).Result()
			if err != nil {
				return err
			}
			var envelope struct {
				Body       string
				Properties struct {
					ID  string `json:"correlation_id"`
					Tag string `json:"delivery_tag"`
				}
			}
			if err := json.Unmarshal([]byte(popped[1]), &envelope); err != nil {
				return err
			}
			p, tag := envelope.Properties, envelope.Properties.Tag
			if _, err := c.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
				pipe.ZAdd(ctx, "unacked_index", goredis.Z{Score: float64(time.Now().Unix()), Member: tag})
				pipe.HSet(ctx, "unacked", tag, popped[1])
				return nil
			}); err != nil {
				return err
			}
			body, err := base64.StdEncoding.DecodeString(envelope.Body)
			if err != nil {
				return err
			}
			result, err := rawResult(body, p.ID)
			if err != nil {
				return err
			}
			if err := answer(ctx, p.ID, "", result); err != nil {
				return err
			}
			if _, err := c.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
				pipe.ZRem(ctx, "unacked_index", tag)
				pipe.HDel(ctx, "unacked", tag)
				return nil
			}); err != nil {
				return err
			}
		}
	})
}
