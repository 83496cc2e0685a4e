package beat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// peerTell is with which of its signs the leader tells all that ran.
const peerTell = 10

// Peers is an [Elector] by RabbitMQ: a queue with a single active consumer, in
// which each beat gives signs of life. Only the active consumer gets them; one
// that gets its own leads, for a while from when that was sent. RabbitMQ makes
// the next one active when the connection of the first is gone, and that one
// waits until the lease of its predecessor has ended for certain, whatever the
// clocks say.
//
// What ran is told to all over a fanout exchange of the same name, so that a
// beat that takes over knows what it has heard, and not what ran before it came
// or while it was cut off.
type Peers struct {
	// Open opens a connection that consumes queues once it runs.
	Open func(queues []broker.Queue) (broker.Broker, error)
	// Group names the queue and the exchange.
	Group string
	// Lease is how long a beat that died holds up the next one, about. Zero
	// means [DefaultLease].
	Lease time.Duration
	Log   *slog.Logger

	id   string
	conn broker.Broker

	telling sync.Mutex // held from when a state is read until it was sent

	mu     sync.Mutex
	heard  State
	sent   map[string]time.Time // signs of life that have not come back
	active time.Time            // since when signs come back without a gap
	until  time.Time            // until when the last of them is good
	leads  bool
	peers  map[string]time.Time // when each other gave its last sign to this one
	asked  bool                 // one has come that was told nothing yet
}

// told is a message of the leader: a run, or all of its state.
type told struct {
	From  string `json:"from"`
	State State  `json:"state"`
	Whole bool   `json:"whole"`
}

func (p *Peers) lease() time.Duration {
	if p.Lease == 0 {
		return DefaultLease
	}
	return p.Lease
}

// sign is how often each gives a sign of life, and hold how long one that came
// back is good for.
func (p *Peers) sign() time.Duration { return p.lease() / 6 }
func (p *Peers) hold() time.Duration { return p.lease() * 2 / 3 }

// Run implements [Elector]. It may be called once.
func (p *Peers) Run(ctx context.Context, lead func(context.Context, Shared) error) (err error) {
	p.id, p.sent, p.peers = uuid.NewString(), map[string]time.Time{}, map[string]time.Time{}
	p.conn, err = p.Open([]broker.Queue{
		{Name: p.Group, Args: map[string]any{"x-single-active-consumer": true, "x-expires": int64(24 * 3600 * 1000)}},
		{Name: p.Group + "." + p.id, Exchange: p.Group, ExchangeType: "fanout", TransientExchange: true, TransientQueue: true, NoAck: true},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.conn.Close()) }()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := p.conn.Run(ctx, p.receive)
		if err == nil && ctx.Err() == nil {
			err = broker.ErrClosed
		}
		return err
	})
	g.Go(func() error { p.giveSigns(ctx); return nil })
	g.Go(func() error {
		for ctx.Err() == nil {
			p.mu.Lock()
			since, until := p.active, p.until
			p.mu.Unlock()
			now := time.Now()
			if !until.After(now) || now.Sub(since) < p.hold() {
				pause(ctx, p.sign()/4)
				continue
			}
			err := lease(ctx, until, p.sign()/2, func(context.Context) time.Time {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.until
			}, func(ctx context.Context) error {
				p.leading(true)
				defer p.leading(false)
				return lead(ctx, p)
			})
			if err != nil {
				return err
			}
			pause(ctx, p.sign()/4)
		}
		return nil
	})
	return g.Wait()
}

func (p *Peers) leading(leads bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leads = leads
}

// giveSigns publishes a sign of life every so often.
func (p *Peers) giveSigns(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		sign := fmt.Sprintf("%s/%d", p.id, n)
		p.mu.Lock()
		for old, at := range p.sent {
			if time.Since(at) > 2*p.hold() {
				delete(p.sent, old)
			}
		}
		p.sent[sign] = time.Now()
		for peer, at := range p.peers {
			if time.Since(at) > 2*p.hold() {
				delete(p.peers, peer)
			}
		}
		tell := p.leads && (p.asked || n%peerTell == 0)
		p.asked = p.asked && !tell
		p.mu.Unlock()
		if tell {
			p.tell(ctx, true, func() (State, bool) { return p.heard, true })
		}
		p.publish(ctx, broker.Publication{RoutingKey: p.Group, Message: broker.Message{Body: []byte(sign), Expiration: p.hold()}})
		pause(ctx, p.sign())
	}
}

// publish sends what may get lost.
func (p *Peers) publish(ctx context.Context, out broker.Publication) {
	out.NoConfirm = true
	limited, cancel := context.WithTimeout(ctx, p.hold())
	defer cancel()
	if err := p.conn.Publish(limited, out); err != nil && limited.Err() == nil {
		p.Log.Warn("beat cannot speak to its peers", logkey.Error, err)
	}
}

func (p *Peers) receive(d broker.Delivery) {
	if d.Queue != p.Group {
		p.hear(d.Body)
		return
	}
	// A sign whose acknowledgement fails comes back to whoever is active then.
	if err := d.Settler.Ack(); err != nil && !errors.Is(err, broker.ErrStale) {
		p.Log.Warn("beat cannot acknowledge a sign of life", logkey.Error, err)
	}
	sign := string(d.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if from, _, _ := strings.Cut(sign, "/"); from != p.id {
		_, known := p.peers[from]
		p.asked = p.asked || !known
		p.peers[from] = time.Now()
		return
	}
	at, ok := p.sent[sign]
	if !ok {
		return
	}
	delete(p.sent, sign)
	now := time.Now()
	if p.until.Before(now) {
		p.active = now
	}
	if until := at.Add(p.hold()); until.After(p.until) {
		p.until = until
	}
}

// hear remembers what a leader tells.
func (p *Peers) hear(body []byte) {
	var t told
	if err := json.Unmarshal(body, &t); err != nil {
		p.Log.Warn("message to beats is not understood", logkey.Error, err)
		return
	}
	if t.From == p.id {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.Whole || p.heard.Zone != t.State.Zone {
		p.heard = t.State
		return
	}
	p.heard.merge(t.State)
}

// Load implements [Shared].
func (p *Peers) Load(context.Context) (State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard.clone(), nil
}

// Keep implements [Shared].
func (p *Peers) Keep(ctx context.Context, s State) error {
	s = s.clone()
	p.tell(ctx, true, func() (State, bool) { p.heard = s; return s, true })
	return nil
}

// Claim implements [Shared].
func (p *Peers) Claim(ctx context.Context, zone, name string, run Run) (bool, error) {
	ran := State{Zone: zone, Entries: map[string]Run{name: run}}
	return p.tell(ctx, false, func() (State, bool) {
		p.heard.merge(ran)
		return ran, time.Now().Before(p.until) && ctx.Err() == nil
	}), nil
}

// tell sends to all the state that read returns, unless that says not to, and
// returns what it says. p.mu is held meanwhile. Of two that tell at once each is
// heard in the order in which it has read: the whole of what ran must not arrive
// after a later run.
func (p *Peers) tell(ctx context.Context, whole bool, read func() (State, bool)) bool {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	state, ok := read()
	body, err := json.Marshal(told{From: p.id, State: state, Whole: whole})
	p.mu.Unlock()
	if !ok {
		return false
	}
	if err != nil {
		p.Log.Warn("beat cannot tell its peers what ran", logkey.Error, err)
		return true
	}
	p.publish(ctx, broker.Publication{Exchange: p.Group, Message: broker.Message{Body: body, ContentType: "application/json"}})
	return true
}
