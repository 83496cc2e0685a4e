package redis

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
)

// Publish implements [broker.Broker]. A message to the default exchange is never
// unroutable here; one to an exchange that no queue was ever bound to is.
func (b *Broker) Publish(ctx context.Context, p broker.Publication) error {
	raw, err := seal(p)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	var priority uint8
	if p.Priority != nil {
		priority = *p.Priority
	}
	wait := backoff.Backoff{First: pausesFirst, Max: pausesMax}
	for {
		if b.isClosed() {
			return broker.ErrClosed
		}
		err := b.publish(ctx, p, raw, priority)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, goredis.ErrClosed):
			return broker.ErrClosed
		case ctx.Err() != nil:
			return fmt.Errorf("publish: %w (last try: %w)", context.Cause(ctx), err)
		case p.NoConfirm || errors.Is(err, broker.ErrUnroutable) || !redisclient.Passes(err):
			return fmt.Errorf("publish: %w", err)
		}
		wait.Sleep(ctx, b.closed)
	}
}

// publish is one try.
func (b *Broker) publish(ctx context.Context, p broker.Publication, raw []byte, priority uint8) error {
	if p.Exchange == "" {
		return b.client.LPush(ctx, b.list(p.RoutingKey, priority), raw).Err()
	}
	if b.fanout[p.Exchange] {
		return b.client.Publish(ctx, b.channel(p.Exchange, p.RoutingKey), raw).Err()
	}
	queues, known, err := b.bound(ctx, p.Exchange, p.RoutingKey)
	switch {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("exchange %q has no bindings: %w", p.Exchange, broker.ErrUnroutable)
	case len(queues) == 0 && p.Mandatory:
		return fmt.Errorf("exchange %q, routing key %q: %w", p.Exchange, p.RoutingKey, broker.ErrUnroutable)
	}
	_, err = b.client.TxPipelined(ctx, func(pipe goredis.Pipeliner) error {
		for _, q := range queues {
			pipe.LPush(ctx, b.list(q, priority), raw)
		}
		return nil
	})
	return err
}

// goPattern is a pattern of kombu's for Go, which does not take a backslash before
// a character that needs none and is not ASCII.
func goPattern(pattern string) string {
	var b strings.Builder
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped && r < utf8.RuneSelf:
			b.WriteByte('\\')
		case !escaped && r == '\\':
			escaped = true
			continue
		}
		escaped = false
		b.WriteRune(r)
	}
	if escaped {
		b.WriteByte('\\')
	}
	return b.String()
}

// bound returns the queues that an exchange routes a key to, and whether it has
// any bindings. A binding with a pattern is a topic's, one without a direct one.
func (b *Broker) bound(ctx context.Context, exchange, key string) (queues []string, known bool, err error) {
	members, err := b.client.SMembers(ctx, bindingPrefix+exchange).Result()
	if err != nil {
		return nil, false, err
	}
	for _, member := range members {
		bound, err := b.binding(member)
		if err != nil {
			return nil, true, fmt.Errorf("exchange %q: %w", exchange, err)
		}
		match := bound.key == key
		if bound.pattern != "" {
			if match, err = regexp.MatchString(goPattern(bound.pattern), key); err != nil {
				return nil, true, fmt.Errorf("exchange %q: pattern %q: %w", exchange, bound.pattern, err)
			}
		}
		if match {
			queues = append(queues, bound.queue)
		}
	}
	return queues, len(members) > 0, nil
}
