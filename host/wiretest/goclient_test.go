package wiretest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A goCall is a task as a client in Go sends it, and what that client finds in Redis.
type goCall struct {
	body    string // of protocol 1, or of 2 where there are headers
	headers map[string]any
	state   string
	value   string
}

// goCalls are messages in the forms of gocelery 2 and gopher-celery, clients in Go:
// bodies of protocol 1 without the fields that Python always sends, times in RFC
// 3339 with the seconds of an offset, and protocol 2 with few headers. %s is the id.
func goCalls() map[string]goCall {
	now, ahead := time.Now().Format(time.RFC3339), time.Now().Add(time.Hour).In(time.FixedZone("", 5400)).Format(time.RFC3339)
	return map[string]goCall{
		"gocelery, arguments": {body: `{"id":"%s","task":"conf.add","args":[3,4],"kwargs":{},"retries":0,"eta":null,"expires":null}`, state: "SUCCESS", value: "7"},
		"gocelery, keywords":  {body: `{"id":"%s","task":"conf.add","args":[],"kwargs":{"x":3,"y":5},"retries":0,"eta":null,"expires":null}`, state: "SUCCESS", value: "8"},
		"gopher-celery, protocol 1": {
			body: `{"id":"%s","task":"conf.add","args":[1,1],"kwargs":{},"expires":"` + ahead + `","retries":0,"eta":"` + now + `","utc":true}` + "\n", state: "SUCCESS", value: "2",
		},
		"gopher-celery, protocol 2": {
			body:    `[[2,3]` + "\n" + `,{}` + "\n" + `,{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]`,
			headers: map[string]any{"id": "%s", "root_id": "%s", "lang": "go", "expires": nil, "task": "conf.add", "argsrepr": "", "kwargsrepr": ""}, state: "SUCCESS", value: "5",
		},
		"a failure": {body: `{"id":"%s","task":"conf.fail","args":["ValueError","boom"],"kwargs":{},"retries":0,"eta":null,"expires":null}`, state: "FAILURE"},
	}
}

func (c goCall) with(id string) ([]byte, map[string]any) {
	headers := map[string]any{}
	for k, v := range c.headers {
		if v == "%s" {
			v = id
		}
		headers[k] = v
	}
	if c.headers != nil {
		return []byte(c.body), headers
	}
	return fmt.Appendf(nil, c.body, id), nil
}

// TestClientsInGo sends tasks as clients in Go do, and reads the results as they do.
// None of those clients can be had from the module proxy, so these are their forms
// and not their code.
func TestClientsInGo(t *testing.T) {
	redis := proctest.RedisClient(t, proctest.Redis(t))
	push := func(queue string, body []byte, headers map[string]any) error {
		envelope := map[string]any{
			"body": base64.StdEncoding.EncodeToString(body), "content-type": "application/json", "content-encoding": "utf-8", "properties": map[string]any{
				"body_encoding": "base64", "correlation_id": uuid.NewString(), "reply_to": uuid.NewString(), "delivery_mode": 2, "delivery_tag": uuid.NewString(),
				"delivery_info": map[string]any{"priority": 0, "routing_key": "celery", "exchange": "celery"},
			},
		}
		if headers != nil {
			envelope["headers"] = headers
		}
		text, err := json.Marshal(envelope)
		if err != nil {
			return err
		}
		return redis.LPush(t.Context(), queue, text).Err()
	}
	publish := func(queue string, body []byte, headers map[string]any) error {
		conn, err := amqp.Dial(proctest.RabbitMQ(t))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		sent, err := ch.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{
			DeliveryMode: amqp.Persistent, Timestamp: time.Now(), ContentType: "application/json", Headers: headers, Body: body,
		})
		if err == nil {
			_, err = sent.WaitContext(t.Context())
		}
		return err
	}
	for name, way := range map[string]struct {
		broker string
		send   func(string, []byte, map[string]any) error
	}{"Redis": {proctest.Redis(t), push}, "RabbitMQ": {proctest.RabbitMQ(t), publish}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := proctest.Name(t)
			w := serve(t, way.broker, proctest.Redis(t), queue, settings{})
			if name == "RabbitMQ" { // where the queue has to be there
				hosttest.Eventually(t, func() bool { return containsLine(w.log.String(), "msg=consuming", "count=1") })
			}
			for name, c := range goCalls() {
				id := uuid.NewString()
				body, headers := c.with(id)
				if err := way.send(queue, body, headers); err != nil {
					t.Fatal(err)
				}
				var got struct {
					ID     string          `json:"task_id"`
					Status string          `json:"status"`
					Result json.RawMessage `json:"result"`
				}
				hosttest.Eventually(t, func() bool {
					document, err := redis.Get(context.Background(), "celery-task-meta-"+id).Bytes()
					return err == nil && json.Unmarshal(document, &got) == nil
				})
				if got.ID != id || got.Status != c.state || c.value != "" && string(got.Result) != c.value {
					t.Errorf("%s: %+v, %s", name, got, got.Result)
				}
			}
		})
	}
}
