package rabbitmq

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// declare makes exchanges, queues and bindings as Celery does, on a channel of
// its own: a declaration that the broker refuses closes its channel.
func (b *Broker) declare(l *link, exchanges []broker.Exchange, queues []broker.Queue) error {
	if len(exchanges) == 0 && len(queues) == 0 {
		return nil
	}
	ch, err := l.channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", plainly(err))
	}
	defer func() { _ = l.call(ch.Close) }()
	for _, e := range exchanges {
		if err := declareExchange(l, ch, e); err != nil {
			return b.judge(err)
		}
	}
	for _, q := range queues {
		for _, to := range q.Bound() {
			if to.ExchangeType == "" {
				continue
			}
			e := broker.Exchange{Name: to.Exchange, Type: to.ExchangeType, Transient: q.TransientExchange}
			if err := declareExchange(l, ch, e); err != nil {
				return b.judge(err)
			}
		}
		if err := declareQueue(l, ch, q); err != nil {
			return b.judge(err)
		}
	}
	return nil
}

func declareExchange(l *link, ch *amqp.Channel, e broker.Exchange) error {
	// RabbitMQ's own exchanges stand, and nobody may declare the default one.
	if e.Name == "" || strings.HasPrefix(e.Name, "amq.") {
		return nil
	}
	kind := e.Type
	if kind == "" {
		kind = "direct"
	}
	err := l.call(func() error { return ch.ExchangeDeclare(e.Name, kind, !e.Transient, false, false, false, nil) })
	if err != nil {
		what := fmt.Sprintf("declare exchange %q", e.Name)
		return declareError(err, what, fmt.Sprintf("exchange %q exists with another type or durability than %s, durable=%v (%s); declare it as it is, or delete it so that it is made anew",
			e.Name, kind, !e.Transient, reason(err)))
	}
	for _, from := range e.Sources {
		err := l.call(func() error { return ch.ExchangeBind(e.Name, from.RoutingKey, from.Exchange, false, nil) })
		if err != nil {
			return declareError(err, fmt.Sprintf("bind exchange %q to exchange %q", e.Name, from.Exchange), "")
		}
	}
	return nil
}

func declareQueue(l *link, ch *amqp.Channel, q broker.Queue) error {
	args, err := toArguments(q.Args)
	if err != nil {
		return err // New has checked it
	}
	err = l.call(func() error {
		_, err := ch.QueueDeclare(q.Name, !q.TransientQueue, q.TransientQueue, q.TransientQueue && !q.Shared, false, args)
		return err
	})
	if err != nil {
		return declareError(err, fmt.Sprintf("declare queue %q", q.Name),
			fmt.Sprintf("queue %q exists with other arguments (%s); declare it with the arguments that it has, or delete it once it is empty so that it is made anew (rabbitmqctl --vhost %s delete_queue --if-empty %s)",
				q.Name, reason(err), shellQuoted(l.address.Vhost), shellQuoted(q.Name)))
	}
	for _, to := range q.Bound() {
		err = l.call(func() error { return ch.QueueBind(q.Name, to.RoutingKey, to.Exchange, false, nil) })
		if err != nil {
			return declareError(err, fmt.Sprintf("bind queue %q to exchange %q", q.Name, to.Exchange), "")
		}
	}
	return nil
}

// declareError tells what a retry cannot mend from what it may. mismatch is the
// text for a thing that exists otherwise.
func declareError(err error, what, mismatch string) error {
	e, ok := errors.AsType[*amqp.Error](err)
	if !ok || !e.Server {
		return fmt.Errorf("%s: %w", what, plainly(err))
	}
	err = plainly(e)
	switch e.Code {
	case amqp.PreconditionFailed:
		if strings.Contains(e.Reason, "inequivalent") {
			return &refusal{text: mismatch, always: true}
		}
		// An argument that the broker does not accept.
		return &refusal{text: what, err: err, always: true}
	case amqp.AccessRefused:
		return &refusal{text: what + ": the user may not (rabbitmqctl set_permissions)", err: err}
	case amqp.CommandInvalid, amqp.NotImplemented, amqp.NotAllowed, amqp.SyntaxError:
		return &refusal{text: what, err: err}
	}
	// 404: its node is down; 405: it is exclusive to a connection that the broker
	// has not yet noticed to be gone. Both pass.
	return fmt.Errorf("%s: %w", what, err)
}

// judge lets a refusal stand for good unless it may come from a broker that is not wholly back.
func (b *Broker) judge(err error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok || r.always {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.declared {
		return errors.New(r.Error())
	}
	return err
}

// reason is the broker's own words, without the name of the code.
func reason(err error) string {
	if e, ok := errors.AsType[*amqp.Error](err); ok {
		_, text, found := strings.Cut(e.Reason, " - ")
		if found {
			return text
		}
		return e.Reason
	}
	return err.Error()
}

// globalQoS reports whether the prefetch count holds for all queues of the
// channel together, by the rule of Celery's worker: RabbitMQ's own meaning of the
// flag came with 3.3 and goes with 4.0, and quorum queues refuse it.
func globalQoS(serverVersion string, queues []broker.Queue) bool {
	for _, q := range queues {
		if kind, _ := q.Args["x-queue-type"].(string); kind == "quorum" || kind == "stream" {
			return false
		}
	}
	major, rest, _ := strings.Cut(serverVersion, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	if err != nil {
		return false
	}
	y, _ := strconv.Atoi(minor)
	return x == 3 && y >= 3
}

func shellQuoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
