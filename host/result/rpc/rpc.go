// Package rpc sends results as messages to the queue on which the client waits:
// Celery's rpc:// result backend.
package rpc

import (
	"context"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Publisher sends messages: a [broker.Broker] does. Its Publish returns once
// the broker has the message, and waits for a connection as long as ctx lasts.
type Publisher interface {
	Publish(ctx context.Context, p broker.Publication) error
}

// A Store sends each state as one message. The client declares its queue, so
// that a result for a client that has gone is dropped by the broker.
type Store struct {
	publisher Publisher
	cfg       Config
}

// A Config says how results are sent. The zero value is Celery's.
type Config struct {
	// Format is Celery's result_serializer.
	Format celery.Format
	// Persistent results outlive a restart of the broker, if their queue does:
	// Celery's result_persistent.
	Persistent bool
}

// New returns a Store over a publisher, which stays the caller's to close.
func New(p Publisher, cfg Config) *Store { return &Store{publisher: p, cfg: cfg} }

var _ result.Store = (*Store)(nil)

// Store implements [result.Store]. It does nothing for a sender that named no
// reply queue. Every state is sent, so a client sees them in their order.
func (s *Store) Store(ctx context.Context, r celery.Result, to result.Reply) error {
	if to.ReplyTo == "" {
		return nil
	}
	correlation := to.CorrelationID
	if correlation == "" {
		correlation = r.TaskID
	}
	document, err := s.cfg.Format.Encode(r.Encode())
	if err != nil {
		return fmt.Errorf("send %s of task %s: %w", r.State, r.TaskID, err)
	}
	// Not mandatory: the task was done whether or not anyone still listens.
	err = s.publisher.Publish(ctx, broker.Publication{RoutingKey: to.ReplyTo, Message: broker.Message{
		Headers: map[string]any{}, Body: document.Body, ContentType: document.ContentType, ContentEncoding: document.ContentEncoding,
		CorrelationID: correlation, Priority: new(uint8), Persistent: s.cfg.Persistent,
	}})
	if err != nil {
		return fmt.Errorf("send %s of task %s: %w", r.State, r.TaskID, err)
	}
	return nil
}

// Close implements [result.Store]. The publisher stays open.
func (s *Store) Close() error { return nil }
