package event

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A GossipConfig says whose gossip it is. Events and Hostname are required.
type GossipConfig struct {
	// Events publishes for the worker; its clock learns from what others publish.
	Events *Publisher
	// Hostname is the worker's node name.
	Hostname string
	// Apply sends the task of an election that this worker has won, given as a
	// signature. Nil sends nothing.
	Apply func(ctx context.Context, signature json.RawMessage) error
	Log   *slog.Logger
}

// Gossip listens to the events of other workers, as Celery's worker does: it
// keeps the clock ahead of theirs, tells the log who comes and goes, and takes
// part in elections. Its methods may be called by any goroutine.
type Gossip struct {
	cfg GossipConfig
	log *slog.Logger

	mu        sync.Mutex
	peers     map[string]peer
	elections map[string]*election
}

// A peer is another worker that lives.
type peer struct{ until time.Time } // taken for lost after that

const (
	// maxPeers and maxElections bound what strangers can make a worker remember.
	maxPeers, maxElections = 10000, 1000
	// lookAround is the time between two looks for missed heartbeats, as Celery's.
	lookAround = 5 * time.Second
	// silentFrequency is that of a worker whose events tell none.
	silentFrequency = 60.0
)

// NewGossip returns a Gossip that has heard nothing.
func NewGossip(cfg GossipConfig) (*Gossip, error) {
	var bad []error
	if cfg.Events == nil {
		bad = append(bad, errors.New("event: GossipConfig.Events is required"))
	}
	if cfg.Hostname == "" {
		bad = append(bad, errors.New("event: GossipConfig.Hostname is required"))
	}
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Gossip{cfg: cfg, log: cfg.Log, peers: map[string]peer{}, elections: map[string]*election{}}, nil
}

// Handle hears one message of the [Wire.GossipQueue].
func (g *Gossip) Handle(ctx context.Context, d broker.Delivery) {
	if strings.HasPrefix(d.RoutingKey, "task.") { // a Redis without fanout_patterns sends all
		return
	}
	body, err := g.cfg.Events.cfg.Wire.read(d)
	var events []celery.Event
	if err == nil {
		events, err = celery.DecodeEvents(body)
	}
	if err != nil {
		g.log.Warn("event of another worker refused", logkey.Error, err)
		return
	}
	sender, _ := d.Headers["hostname"].(string) // older workers have it in the body alone
	for _, e := range events {
		switch e.Type {
		case "worker-elect":
			g.stands(ctx, e)
		case "worker-elect-ack":
			g.confirmed(ctx, e)
		default:
			if sender != "" {
				e.Hostname = sender
			}
			g.hear(e)
		}
	}
}

// hear takes note of a worker's sign of life.
func (g *Gossip) hear(e celery.Event) {
	clock := g.cfg.Events.Clock()
	if e.Hostname == g.cfg.Hostname {
		clock.Forward()
		return
	}
	if e.Clock > 0 {
		clock.Adjust(e.Clock)
	}
	if e.Hostname == "" || e.Timestamp == 0 {
		return // Celery does not count these either
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.peers[e.Hostname]
	if e.Type == "worker-offline" {
		if known {
			g.log.Debug("a worker left", logkey.Address, e.Hostname)
			delete(g.peers, e.Hostname)
		}
		return
	}
	if !known {
		if len(g.peers) >= maxPeers {
			return
		}
		g.log.Debug("a worker joined the party", logkey.Address, e.Hostname)
	}
	frequency := silentFrequency
	if json.Unmarshal(e.Fields.Get("freq"), &frequency) != nil || frequency <= 0 || frequency > 3600 {
		frequency = silentFrequency
	}
	g.peers[e.Hostname] = peer{until: time.Now().Add(time.Duration(2 * frequency * float64(time.Second)))}
}

// Run looks for workers that went silent and for elections that hang until ctx
// ends.
func (g *Gossip) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for next := time.Now().Add(lookAround); ; {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			g.hurry(ctx, now)
			if now.Before(next) {
				continue
			}
			next = now.Add(lookAround)
			g.miss(now)
		}
	}
}

func (g *Gossip) miss(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, p := range g.peers {
		if now.After(p.until) {
			g.log.Info("missed heartbeat", logkey.Address, name)
			delete(g.peers, name)
		}
	}
}

// Peers returns how many other workers are known to live.
func (g *Gossip) Peers() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.peers)
}
