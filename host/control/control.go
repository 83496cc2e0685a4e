// Package control answers Celery's remote control: inspect and control commands
// of celery, Flower and other workers, as Python's worker answers them.
//
// Requests are broadcast to a queue of each node. Its owner consumes it, over
// another connection than its tasks, so that a node answers while they hold up
// that one, and while it drains.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// Publisher sends messages: a [broker.Broker] does.
type Publisher interface {
	Publish(ctx context.Context, p broker.Publication) error
}

// Consumers are the queues that tasks come from: a [broker.Broker] has them.
type Consumers interface {
	Consume(ctx context.Context, q broker.Queue) error
	Cancel(ctx context.Context, queue string) error
}

// A Config says what a Node answers for. Replies, Tasks, Worker, Events, Served
// and Hostname are required.
type Config struct {
	// Mailbox is how requests and replies travel.
	Mailbox Mailbox
	// Replies sends answers.
	Replies Publisher
	// Tasks are the consumers of task queues, and Queues those at the start.
	Tasks  Consumers
	Queues []broker.Queue
	// Known say how the queues are declared that add_consumer names; nil means
	// the zero value.
	Known *worker.Queues

	Worker *worker.Worker
	Events *event.Publisher
	// Gossip stands for elections; nil stands for none.
	Gossip *event.Gossip
	// EventsForced says that the worker was started with task events, which
	// disable_events then does not end: so does Celery's.
	EventsForced bool
	Hostname     string
	// Served are the names of the tasks of modules, sorted.
	Served func() []string
	// Autoscaler is nil without autoscaling.
	Autoscaler *worker.Autoscaler
	// Settings are the configuration in Celery's names, without passwords; all
	// says whether to include those that were left at their default.
	Settings func(all bool) celery.Object
	// Broker is where the worker is connected, for stats.
	Broker BrokerInfo
	// Report is free text for bug reports.
	Report func() string
	// Shutdown begins a warm shutdown.
	Shutdown func()
	// Disabled are commands that are refused.
	Disabled []string
	Log      *slog.Logger
}

// A Node answers the requests for one worker.
type Node struct {
	Config
	started  time.Time
	queues   *queues
	commands map[string]command

	consuming sync.WaitGroup // queues that begin to be consumed
}

// New returns a Node that has not begun.
func New(cfg Config) (*Node, error) {
	var bad []error
	for name, missing := range map[string]bool{
		"Replies": cfg.Replies == nil, "Tasks": cfg.Tasks == nil, "Worker": cfg.Worker == nil,
		"Events": cfg.Events == nil, "Hostname": cfg.Hostname == "", "Served": cfg.Served == nil,
	} {
		if missing {
			bad = append(bad, fmt.Errorf("control: Config.%s is required", name))
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Settings == nil {
		cfg.Settings = func(bool) celery.Object { return nil }
	}
	if cfg.Report == nil {
		cfg.Report = func() string { return "" }
	}
	if cfg.Shutdown == nil {
		cfg.Shutdown = func() {}
	}
	if cfg.Known == nil {
		cfg.Known = &worker.Queues{}
	}
	n := &Node{Config: cfg, started: time.Now(), queues: newQueues(cfg.Queues)}
	n.commands = n.all()
	for _, name := range cfg.Disabled {
		if _, ok := n.commands[name]; !ok {
			bad = append(bad, fmt.Errorf("control: there is no command %q to switch off", name))
		}
	}
	return n, errors.Join(bad...)
}

// Clock is the node's Lamport clock, which its events share.
func (n *Node) Clock() *celery.Clock { return n.Events.Clock() }

// Wait returns when the queues that add_consumer named have been declared or
// given up. Nothing may be handled after it.
func (n *Node) Wait() { n.consuming.Wait() }

// answerTimeout bounds what one command may take, so that a result backend
// which is away does not keep a node from answering.
const answerTimeout = 3 * time.Second

// Handle answers one request, a message of the [Mailbox.Queue].
func (n *Node) Handle(ctx context.Context, d broker.Delivery) {
	r, err := n.Mailbox.request(d)
	if err != nil {
		n.Log.Error("control request refused", logkey.Error, err)
		return
	}
	n.Clock().Adjust(r.Clock)
	n.Clock().Forward()
	if !r.Selected(n.Hostname) {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errors.New("the command took too long"))
	defer cancel()
	value, answers := n.answer(ctx, r)
	if r.Ticket == "" || !answers {
		return
	}
	if err := n.Mailbox.reply(ctx, n.Replies, r, celery.Reply{Node: n.Hostname, Value: value}, n.Clock().Forward()); err != nil {
		n.Log.Warn("control reply not sent", logkey.Work, r.Method, logkey.Error, err)
	}
}

// answer runs a command; false means that it has no reply.
func (n *Node) answer(ctx context.Context, r celery.Request) (value json.RawMessage, answers bool) {
	defer func() {
		// A bug in one command must not end the node.
		if p := recover(); p != nil {
			n.Log.Error("host panic in a control command", logkey.Work, r.Method, logkey.Error, p)
			value, answers = nok(fmt.Sprintf("RuntimeError('host panic: %v')", p)), true
		}
	}()
	c, ok := n.commands[r.Method]
	if !ok {
		n.Log.Warn("no such control command", logkey.Work, r.Method)
		return nok("KeyError(" + celery.Repr(celery.Quote(r.Method)) + ")"), true
	}
	if slices.Contains(n.Disabled, r.Method) || slices.Contains(n.Disabled, c.name) {
		n.Log.Warn("control command is switched off", logkey.Work, r.Method)
		return nok(fmt.Sprintf("PermissionError('%s is switched off on this worker (worker_disabled_commands)')", r.Method)), true
	}
	value, err := c.run(ctx, arguments{r.Arguments, r.Method})
	if err != nil {
		if !c.inspect {
			n.Log.Error("control command failed", logkey.Work, r.Method, logkey.Error, err)
		}
		return nok(err.Error()), true
	}
	return value, !c.silent
}

// ok and nok are Celery's replies of success and failure.
func ok(text string) json.RawMessage {
	return celery.Object{{Key: "ok", Value: celery.Quote(text)}}.Append(nil)
}

func nok(text string) json.RawMessage {
	return celery.Object{{Key: "error", Value: celery.Quote(text)}}.Append(nil)
}

// An exception is an error whose text is the repr of a Python exception.
type exception struct{ repr string }

// Error implements error.
func (e exception) Error() string { return e.repr }

func raise(class, message string) error {
	return exception{class + "(" + celery.Repr(celery.Quote(message)) + ")"}
}
