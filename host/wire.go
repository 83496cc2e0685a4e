package host

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// checkWire reports every bad field about how messages, events, remote control and
// results are written and queued.
func (c Config) checkWire() []error {
	var bad []error
	for name, serializer := range map[string]string{
		"task_serializer": c.TaskSerializer, "event_serializer": c.EventSerializer, "result_serializer": c.ResultSerializer,
	} {
		if _, err := celery.ParseFormat(serializer); err != nil {
			bad = append(bad, fmt.Errorf("setting %s: %w", name, err))
		}
	}
	for name, method := range map[string]string{"task_compression": c.TaskCompression, "result_compression": c.ResultCompression} {
		if err := celery.CheckCompression(method); err != nil {
			bad = append(bad, fmt.Errorf("setting %s: %w", name, err))
		}
	}
	if c.ControlQueueDurable && isTrue(c.ControlQueueExclusive) {
		bad = append(bad, errors.New("settings control_queue_durable and control_queue_exclusive cannot both be true: an exclusive queue ends with its connection"))
	}
	if c.EventQueueDurable && isTrue(c.EventQueueExclusive) {
		bad = append(bad, errors.New("settings event_queue_durable and event_queue_exclusive cannot both be true: an exclusive queue ends with its connection"))
	}
	if !slices.Contains([]int{0, 1, 2}, c.TaskDefaultDeliveryMode) {
		bad = append(bad, fmt.Errorf("setting task_default_delivery_mode is %d: there are 1, transient, and 2, persistent", c.TaskDefaultDeliveryMode))
	}
	if p := c.TaskDefaultPriority; p != nil && (*p < 0 || *p > 255) {
		bad = append(bad, fmt.Errorf("setting task_default_priority is %d: it goes from 0 to 255", *p))
	}
	for _, s := range c.BrokerTransportOptions.PrioritySteps {
		if s < 0 || s > 255 {
			bad = append(bad, fmt.Errorf("setting broker_transport_options: a priority step of %d: they go from 0 to 255", s))
		}
	}
	if isDatabase(c.ResultBackend) && c.codec() != (celery.Codec{}) {
		bad = append(bad, errors.New("settings result_serializer and result_compression: a database's results are plain JSON here; leave them out, or use redis:// or rpc://"))
	}
	return bad
}

// format is that of a serializer's name, which checkWire has checked. JSON is the
// zero Format.
func format(name string) celery.Format {
	f, err := celery.ParseFormat(name)
	if err != nil || f.IsJSON() {
		return celery.Format{}
	}
	return f
}

func (c Config) mailbox() control.Mailbox {
	return control.Mailbox{
		Exchange: c.ControlExchange, TTL: orNever(c.ControlQueueTTL), Expires: orNever(c.ControlQueueExpires),
		Durable: c.ControlQueueDurable, Shared: !isTrue(c.ControlQueueExclusive),
		Format: format(c.TaskSerializer), Decoder: celery.Decoder{Accept: c.AcceptContent},
	}
}

func (c Config) wire() event.Wire {
	return event.Wire{
		Exchange: c.EventExchange, Format: format(c.EventSerializer), QueuePrefix: c.EventQueuePrefix, Expires: orNever(c.EventQueueExpires),
		Durable: c.EventQueueDurable, Shared: !isTrue(c.EventQueueExclusive),
	}
}

// style is how tasks are sent that leave it open.
func (c Config) style() worker.Style {
	return worker.Style{Format: format(c.TaskSerializer), Compression: c.TaskCompression, Transient: c.TaskDefaultDeliveryMode == 1}
}

// codec is how results are kept.
func (c Config) codec() celery.Codec {
	return celery.Codec{Format: format(c.ResultSerializer), Compression: c.ResultCompression}
}

// taskPriority is that of tasks that give none, nil for none.
func (c Config) taskPriority() *uint8 {
	if c.TaskDefaultPriority == nil {
		return nil
	}
	return new(uint8(*c.TaskDefaultPriority))
}

// orNever is a setting in seconds whose null is the default, and which is negative
// for none.
func orNever(s *float64) time.Duration {
	switch {
	case s == nil:
		return 0
	case *s < 0:
		return -1
	case *s == 0:
		return time.Nanosecond // no time at all, and not the default
	}
	return seconds(*s)
}
