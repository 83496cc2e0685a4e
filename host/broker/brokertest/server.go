// Package brokertest holds the contract of [broker.Broker] as a test suite, and
// an in-memory broker that passes it.
package brokertest

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// A Server is a message broker in memory: the exchanges and queues that several
// [Broker] share. It knows default, direct, topic and fanout exchanges, priority
// queues, expiration and prefetch; messages are kept over [Server.Stop].
// Its methods may be called by any goroutine.
type Server struct {
	mu        sync.Mutex
	seq       uint64
	exchanges map[string]*exchange
	queues    map[string]*queue
	brokers   map[*Broker]struct{}
	up        chan struct{} // closed while the server is up
}

type exchange struct {
	kind     string
	bindings []binding
}

type binding struct{ key, queue string }

type queue struct {
	spec      broker.Queue
	owner     *Broker // of an exclusive queue
	ready     []*item // in the order of delivery
	consumers []*consumer
	next      int // whose turn it is
}

// An item is a message in a queue, or on its way to a consumer.
type item struct {
	seq        uint64
	msg        broker.Publication
	expires    time.Time
	redeliver  bool
	queue      *queue
	byPriority bool
}

// NewServer returns a server that is up and has no queues.
func NewServer() *Server {
	up := make(chan struct{})
	close(up)
	return &Server{
		exchanges: map[string]*exchange{},
		queues:    map[string]*queue{},
		brokers:   map[*Broker]struct{}{},
		up:        up,
	}
}

// Open returns a broker on this server.
func (s *Server) Open(cfg Config) *Broker {
	b := &Broker{server: s, cfg: cfg, prefetch: cfg.Prefetch, closed: make(chan struct{}), lost: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.brokers[b] = struct{}{}
	return b
}

// Ready returns how many messages wait in a queue.
func (s *Server) Ready(queue string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[queue]; q != nil {
		return len(q.ready)
	}
	return 0
}

// Unsettled returns how many messages of a queue were delivered and not settled.
func (s *Server) Unsettled(queue string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	if q := s.queues[queue]; q != nil {
		for _, c := range q.consumers {
			n += len(c.open)
		}
		for b := range s.brokers {
			for _, c := range b.cancelled {
				if c.queue == q {
					n += len(c.open)
				}
			}
		}
	}
	return n
}

// Declare makes a queue with its exchange and binding, as a broker that consumes
// it would.
func (s *Server) Declare(q broker.Queue) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.declare(q, nil)
	return err
}

// DeclareExchange makes an exchange.
func (s *Server) DeclareExchange(e broker.Exchange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.declareExchange(e.Name, e.Type)
	return err
}

// Stop breaks every connection, as a broker's crash does: open deliveries go
// back to their queues and publishers wait until [Server.Start].
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isUp() {
		return
	}
	s.up = make(chan struct{})
	for b := range s.brokers {
		b.disconnect()
	}
}

// Start lets brokers connect again after [Server.Stop].
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isUp() {
		return
	}
	close(s.up)
	for b := range s.brokers {
		// What was declared before is still there, so this cannot fail.
		_ = b.connect()
	}
}

func (s *Server) isUp() bool {
	select {
	case <-s.up:
		return true
	default:
		return false
	}
}

func (s *Server) declareExchange(name, kind string) (*exchange, error) {
	if kind == "" {
		kind = "direct"
	}
	e := s.exchanges[name]
	if e == nil {
		e = &exchange{kind: kind}
		s.exchanges[name] = e
	}
	if e.kind != kind {
		return nil, fmt.Errorf("exchange %q exists with type %s, not %s", name, e.kind, kind)
	}
	return e, nil
}

func (s *Server) declare(spec broker.Queue, owner *Broker) (*queue, error) {
	q := s.queues[spec.Name]
	if q == nil {
		q = &queue{spec: spec}
		if spec.TransientQueue {
			q.owner = owner
		}
		s.queues[spec.Name] = q
	}
	if q.owner != nil && q.owner != owner {
		return nil, fmt.Errorf("queue %q is exclusive to another connection", spec.Name)
	}
	if !maps.Equal(arguments(q.spec.Args), arguments(spec.Args)) || q.spec.TransientQueue != spec.TransientQueue {
		return nil, fmt.Errorf("queue %q exists with other arguments: %v, not %v", spec.Name, q.spec.Args, spec.Args)
	}
	for _, to := range spec.Bound() {
		e, err := s.declareExchange(to.Exchange, to.ExchangeType)
		if err != nil {
			return nil, err
		}
		if b := (binding{to.RoutingKey, spec.Name}); !slices.Contains(e.bindings, b) {
			e.bindings = append(e.bindings, b)
		}
	}
	return q, nil
}

// arguments makes arguments comparable, whichever integer types they have.
func arguments(args map[string]any) map[string]string {
	out := make(map[string]string, len(args))
	for k, v := range args {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// publish routes a message and returns to how many queues.
func (s *Server) publish(p broker.Publication) (int, error) {
	var names []string
	if p.Exchange == "" {
		if s.queues[p.RoutingKey] != nil {
			names = []string{p.RoutingKey}
		}
	} else {
		e := s.exchanges[p.Exchange]
		if e == nil {
			return 0, fmt.Errorf("no exchange %q", p.Exchange)
		}
		for _, b := range e.bindings {
			if e.matches(b.key, p.RoutingKey) && s.queues[b.queue] != nil && !slices.Contains(names, b.queue) {
				names = append(names, b.queue)
			}
		}
	}
	for _, name := range names {
		q := s.queues[name]
		s.seq++
		_, byPriority := q.spec.Args["x-max-priority"]
		it := &item{seq: s.seq, msg: p, queue: q, byPriority: byPriority}
		if p.Expiration > 0 {
			it.expires = time.Now().Add(p.Expiration)
		}
		q.put(it)
		q.dispatch()
	}
	return len(names), nil
}

func (e *exchange) matches(pattern, key string) bool {
	switch e.kind {
	case "fanout":
		return true
	case "topic":
		return topicMatches(strings.Split(pattern, "."), strings.Split(key, "."))
	default:
		return pattern == key
	}
}

func topicMatches(pattern, words []string) bool {
	for i, p := range pattern {
		if p == "#" {
			for j := i; j <= len(words); j++ {
				if topicMatches(pattern[i+1:], words[j:]) {
					return true
				}
			}
			return false
		}
		if i >= len(words) || (p != "*" && p != words[i]) {
			return false
		}
	}
	return len(pattern) == len(words)
}

// put places an item by priority and age, so that one given back takes its old place.
func (q *queue) put(it *item) {
	i := sort.Search(len(q.ready), func(i int) bool { return it.before(q.ready[i]) })
	q.ready = slices.Insert(q.ready, i, it)
}

func (it *item) before(other *item) bool {
	if a, b := it.priority(), other.priority(); a != b {
		return a > b
	}
	return it.seq < other.seq
}

func (it *item) priority() uint8 {
	if !it.byPriority || it.msg.Priority == nil {
		return 0
	}
	return *it.msg.Priority
}

// dispatch hands what is ready to consumers in turn, as far as they may take it.
func (q *queue) dispatch() {
	for len(q.ready) > 0 {
		it := q.ready[0]
		if !it.expires.IsZero() && time.Now().After(it.expires) {
			q.ready = q.ready[1:]
			continue
		}
		c := q.taker()
		if c == nil {
			return
		}
		q.ready = q.ready[1:]
		c.take(it)
	}
}

// taker returns the next consumer that has room, or nil.
func (q *queue) taker() *consumer {
	for i := range q.consumers {
		c := q.consumers[(q.next+i)%len(q.consumers)]
		if c.hasRoom() {
			q.next = (q.next + i + 1) % len(q.consumers)
			return c
		}
	}
	return nil
}
