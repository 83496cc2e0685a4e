package event

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// An election finds the one worker that does something: each stands with its
// clock, confirms that it has heard of the others, and the lowest clock wins.
//
// Python's worker counts the first confirmations and decides, and dies if it
// knows of one candidate only. So a worker stands before it confirms anything,
// and confirms when it has heard of all.
type election struct {
	begun       time.Time
	topic       string
	action      json.RawMessage
	candidates  map[string]int64 // clocks by "hostname.pid"
	unconfirmed int
	confirmed   int // by anyone
	over        bool
}

const (
	// electionPatience is how long a worker waits for all that it knows of.
	electionPatience = 2 * time.Second
	// electionMemory is how long what still comes of an election is ignored.
	electionMemory = time.Minute
)

// Elect has the worker stand for an election: the remote control command
// election, which all workers get.
func (g *Gossip) Elect(ctx context.Context, id, topic string, action json.RawMessage) error {
	g.mu.Lock()
	e, isNew := g.election(id, topic, action)
	g.mu.Unlock()
	if e == nil || !isNew {
		return nil
	}
	return g.cfg.Events.Publish(ctx, celery.WorkerElect(id, topic, action))
}

// election finds or begins an election; nil means that there are too many. The
// mutex is held.
func (g *Gossip) election(id, topic string, action json.RawMessage) (e *election, isNew bool) {
	if e = g.elections[id]; e != nil || len(g.elections) >= maxElections {
		return e, false
	}
	e = &election{begun: time.Now(), topic: topic, action: action, candidates: map[string]int64{}}
	g.elections[id] = e
	return e, true
}

// stands hears of a candidate.
func (g *Gossip) stands(ctx context.Context, ev celery.Event) {
	id, ok := celery.Text(ev.Fields.Get("id"))
	topic, isText := celery.Text(ev.Fields.Get("topic"))
	if !ok || !isText || ev.Hostname == "" {
		g.log.Warn("election without id, topic or hostname", logkey.Address, ev.Hostname)
		return
	}
	action := ev.Fields.Get("action")
	// The command may come later than a quicker worker's answer to it.
	if err := g.Elect(ctx, id, topic, action); err != nil {
		g.log.Warn("this worker does not stand for an election", logkey.Error, err)
	}
	g.mu.Lock()
	e := g.elections[id]
	if e != nil {
		e.candidates[fmt.Sprintf("%s.%d", ev.Hostname, ev.PID)] = ev.Clock
		e.unconfirmed++
	}
	g.mu.Unlock()
	g.confirm(ctx, id, false)
}

// confirm confirms what was heard once all have stood, or at once.
func (g *Gossip) confirm(ctx context.Context, id string, now bool) {
	g.mu.Lock()
	e, count := g.elections[id], 0
	if e != nil && (now || e.over || len(e.candidates) > len(g.peers)) {
		count, e.unconfirmed = e.unconfirmed, 0
	}
	g.mu.Unlock()
	for range count {
		if err := g.cfg.Events.Publish(ctx, celery.WorkerElectAck(id)); err != nil {
			g.log.Warn("candidate not confirmed", logkey.Error, err)
			return
		}
	}
}

// confirmed hears of a confirmation, and decides when there are enough.
func (g *Gossip) confirmed(ctx context.Context, ev celery.Event) {
	id, _ := celery.Text(ev.Fields.Get("id"))
	g.mu.Lock()
	e := g.elections[id]
	enough := false
	if e != nil {
		e.confirmed++
		enough = e.confirmed >= len(g.peers) && len(e.candidates) > len(g.peers)
	}
	g.mu.Unlock()
	if enough {
		g.decide(ctx, id)
	}
}

// decide ends an election, once.
func (g *Gossip) decide(ctx context.Context, id string) {
	g.mu.Lock()
	e := g.elections[id]
	if e == nil || e.over || len(e.candidates) == 0 {
		g.mu.Unlock()
		return
	}
	e.over = true
	leader := ""
	for name, clock := range e.candidates {
		if leader == "" || clock < e.candidates[leader] || clock == e.candidates[leader] && name < leader {
			leader = name
		}
	}
	g.mu.Unlock()
	if leader != fmt.Sprintf("%s.%d", g.cfg.Hostname, os.Getpid()) {
		g.log.Info("another worker was elected", logkey.Address, leader, logkey.Work, e.topic)
		return
	}
	g.log.Info("this worker was elected", logkey.Work, e.topic)
	switch {
	case e.topic != "task":
		g.log.Error("unknown topic of an election", logkey.Work, e.topic)
	case g.cfg.Apply != nil:
		if err := g.cfg.Apply(ctx, e.action); err != nil {
			g.log.Error("task of an election not sent", logkey.Error, err)
		}
	}
}

// hurry decides elections that wait for workers who do not answer, and forgets
// those long over.
func (g *Gossip) hurry(ctx context.Context, now time.Time) {
	var late []string
	g.mu.Lock()
	for id, e := range g.elections {
		switch age := now.Sub(e.begun); {
		case age > electionMemory:
			delete(g.elections, id)
		case age > electionPatience && !e.over:
			late = append(late, id)
		}
	}
	g.mu.Unlock()
	for _, id := range late {
		g.confirm(ctx, id, true)
		g.decide(ctx, id)
	}
}
