package canvas

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// Override changes a message by options of a call, such as a retry's.
func Override(m *Message, options map[string]json.RawMessage) error {
	var o Options
	names := make([]string, 0, len(options))
	for name := range options {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o.set(name, options[name])
	}
	t := m.Task
	for _, name := range names {
		var err error
		switch name {
		case "queue":
			m.Queue, m.Exchange, m.RoutingKey = o.text(name), "", ""
		case "exchange":
			m.Exchange = o.text(name)
		case "routing_key":
			m.RoutingKey = o.text(name)
		case "priority":
			t.Priority = nil
			err = o.priority(t, true, &Dispatcher{})
		case "expires":
			t.Expires, err = o.moment(name)
		case "time_limit":
			t.TimeLimit, err = o.number(name)
		case "soft_time_limit":
			t.SoftTimeLimit, err = o.number(name)
		case "shadow":
			t.Shadow = o.text(name)
		case "ignore_result":
			t.IgnoreResult = new(bool)
			*t.IgnoreResult = string(o.get(name)) == "true"
		case "headers":
			var more celery.Object
			if more, err = celery.Members(o.get(name)); err == nil {
				headers := make(map[string]any, len(t.Headers)+len(more))
				for k, v := range t.Headers {
					headers[k] = v
				}
				for _, h := range more {
					headers[h.Key] = celery.HeaderValue(h.Value)
				}
				t.Headers = headers
			}
		default:
			err = fmt.Errorf("option %s cannot be given; there are queue, exchange, routing_key, priority, expires, time_limit, soft_time_limit, shadow, ignore_result and headers", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
