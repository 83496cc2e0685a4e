package redis

import (
	"context"
	"errors"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// How a delivery is settled.
type how int

const (
	drop   how = iota // acknowledged, or rejected for good: Redis has no dead letters
	behind            // back into its list, behind all that waits, as kombu rejects
	front             // back to where it came from, as kombu restores
	unseen            // the same, of what was not handed over
)

// delivery is a taken message that is not settled yet.
type delivery struct {
	broker *Broker
	list   string
	tag    string
	raw    []byte
	noAck  bool
	// done says that it is settled; the broker's mutex guards it.
	done bool
}

// settlement is the answer to a delivery on its way to Redis.
type settlement struct {
	*delivery
	how how
	// unsure says that an earlier try may have reached Redis, whose answer was
	// lost; the settling goroutine's own.
	unsure bool
	sent   chan struct{} // closed when Redis has it
	err    error         // once sent: ErrStale if somebody else put the message back
}

// settled is the Settler of what needs no answer.
type settled struct{}

func (settled) Ack() error        { return nil }
func (settled) Reject(bool) error { return nil }

// Ack implements [broker.Settler].
func (d *delivery) Ack() error { return d.finish(drop) }

// Reject implements [broker.Settler].
func (d *delivery) Reject(requeue bool) error {
	if requeue {
		return d.finish(behind)
	}
	return d.finish(drop)
}

// giveBack puts a message that was not handed over back to where it was.
func (d *delivery) giveBack() {
	if d.noAck {
		ctx, cancel := context.WithTimeout(context.Background(), d.broker.cfg.Timeout)
		defer cancel()
		if err := d.broker.client.RPush(ctx, d.list, d.raw).Err(); err != nil {
			d.broker.log.Error("message of a queue without acknowledgement is lost", logkey.Queue, d.list, logkey.Error, err)
		}
		return
	}
	if err := d.finish(unseen); err != nil {
		d.broker.log.Debug("message was put back by somebody else", logkey.Error, err)
	}
}

// settleTimeout is how long a settlement waits for Redis. Later it goes on by
// itself, and its caller does not learn what became of it.
const settleTimeout = 2 * time.Second

// finish settles a delivery. While Redis is away it is kept, and sent when
// Redis is back.
func (d *delivery) finish(h how) error {
	if d.noAck {
		return nil
	}
	b := d.broker
	b.mu.Lock()
	switch {
	case d.done:
		b.mu.Unlock()
		return nil
	case b.left:
		b.mu.Unlock()
		return broker.ErrStale
	}
	d.done = true
	if b.open[d.tag] == d { // else it was given to this worker twice
		delete(b.open, d.tag)
	}
	s := &settlement{delivery: d, how: h, sent: make(chan struct{})}
	b.pending = append(b.pending, s)
	wait := b.connected
	b.mu.Unlock()
	signal(b.freed)
	if wait && b.awaitSent(s) {
		return s.err
	}
	signal(b.unsent)
	return nil
}

// awaitSent reports whether Redis has been told of s within settleTimeout. Who
// comes first tells it for all that wait, since that is sooner done than another
// goroutine is woken.
func (b *Broker) awaitSent(s *settlement) bool {
	late := time.NewTimer(settleTimeout)
	defer late.Stop()
	select {
	case <-s.sent:
		return true
	case b.sending <- struct{}{}:
		defer func() { <-b.sending }()
		return b.sendOnce(s)
	case <-late.C:
		return false
	}
}

// sendOnce sends what is pending, unless s was sent before, and reports whether s is
// with Redis now. Its caller holds sending.
func (b *Broker) sendOnce(s *settlement) bool {
	select {
	case <-s.sent:
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	for list := b.due(); len(list) > 0; list = b.due() {
		if err := b.send(ctx, list); err != nil {
			b.unsend(list)
			return false
		}
		if slices.Contains(list, s) {
			return true
		}
	}
	return false
}

// ackScript forgets the tags ARGV, and returns for each whether it was there.
var ackScript = goredis.NewScript(`
local out = {}
for i, tag in ipairs(ARGV) do
  redis.call('ZREM', KEYS[2], tag)
  out[i] = redis.call('HDEL', KEYS[1], tag)
end
return out
`)

// backScript puts the envelope ARGV[2] of tag ARGV[1] into the lists KEYS[3…]
// by the command ARGV[3], if nobody else has settled it.
var backScript = goredis.NewScript(`
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
for i = 3, #KEYS do redis.call(ARGV[3], KEYS[i], ARGV[2]) end
return 1
`)

// settle sends settlements for which nobody waits, until ctx ends. What has not been
// sent then stays in pending.
func (b *Broker) settle(ctx context.Context) error {
	for {
		select {
		case <-b.unsent:
		case <-ctx.Done():
			return nil
		}
		if err := b.sendAll(ctx); err != nil {
			return err
		}
	}
}

// sendAll sends what is pending, however long that takes.
func (b *Broker) sendAll(ctx context.Context) error {
	select {
	case b.sending <- struct{}{}:
		defer func() { <-b.sending }()
	case <-ctx.Done():
		return nil
	}
	for list := b.due(); len(list) > 0; list = b.due() {
		err := b.persist(ctx, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.cfg.Timeout)
			defer cancel()
			return b.send(ctx, list)
		})
		if err != nil {
			b.unsend(list)
			return err
		}
	}
	return nil
}

// unsend makes pending again what Redis did not take.
func (b *Broker) unsend(list []*settlement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(list, b.pending...)
}

func (b *Broker) due() []*settlement {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.pending), batch)
	list := b.pending[:n:n]
	b.pending = b.pending[n:]
	return list
}

// send tells Redis of settlements. It may be called again with the same ones,
// which then find that they are done.
func (b *Broker) send(ctx context.Context, list []*settlement) error {
	var drops []*settlement
	var tags []any
	for _, s := range list {
		if s.how == drop {
			drops, tags = append(drops, s), append(tags, s.tag)
			continue
		}
		back, err := b.putBack(ctx, s.tag, s.raw, s.how, []string{s.list})
		if err != nil {
			return err
		}
		s.end(back)
	}
	if len(drops) == 0 {
		return nil
	}
	there, err := ackScript.Run(ctx, b.client, []string{unackedKey, unackedIndexKey}, tags...).Int64Slice()
	for i, s := range drops {
		if err != nil {
			s.unsure = true
			continue
		}
		// What is not there any more was forgotten by the try whose answer was lost,
		// more likely than put back by somebody else; and to run a task twice is
		// better than never.
		s.end(there[i] == 1 || s.unsure)
	}
	return err
}

func (s *settlement) end(known bool) {
	select {
	case <-s.sent: // in an earlier try
		return
	default:
	}
	if !known {
		s.err = broker.ErrStale
	}
	close(s.sent)
}

// putBack puts a message into lists, marked as delivered before if it was. It returns false
// if the message was settled by somebody else.
func (b *Broker) putBack(ctx context.Context, tag string, raw []byte, h how, lists []string) (bool, error) {
	marked, _, err := redelivered(raw)
	if err != nil || h == unseen {
		// What is no message says whoever takes it next.
		marked = raw
	}
	command := "LPUSH"
	if h != behind {
		command = "RPUSH"
	}
	n, err := backScript.Run(ctx, b.client, append([]string{unackedKey, unackedIndexKey}, lists...), tag, marked, command).Int()
	return n == 1, err
}

// leave gives back what is open and sends what is pending, once. Whoever
// settles a delivery after it learns that it is stale.
func (b *Broker) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	select {
	case b.sending <- struct{}{}: // and keep it: nobody sends any more
	case <-ctx.Done():
	}
	b.mu.Lock()
	b.left = true
	list := b.pending
	b.pending = nil
	for _, d := range b.open {
		list = append(list, &settlement{delivery: d, how: front, sent: make(chan struct{})})
	}
	clear(b.open)
	b.mu.Unlock()
	err := b.send(ctx, list)
	if err == nil {
		err = b.undeclare(ctx)
	}
	if err != nil && !errors.Is(err, goredis.ErrClosed) {
		b.log.Warn("messages not given back to Redis: they return after the visibility timeout",
			logkey.Error, err, logkey.Wait, b.cfg.VisibilityTimeout, logkey.Count, len(list))
	}
}

// takenKept is how long the number of the last taking outlives its consumer, so that
// what it waited for over a connection that is lost, but not to Redis, takes nothing.
const takenKept = 20 * time.Second

// undeclare removes transient queues, and what was taken last.
func (b *Broker) undeclare(ctx context.Context) error {
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.PExpire(ctx, b.takenKey, takenKept)
		for _, q := range b.consumed() {
			if !q.TransientQueue {
				continue
			}
			for _, to := range q.Bound() {
				p.SRem(ctx, bindingPrefix+to.Exchange, b.member(bindingOf(q, to)))
			}
			for _, step := range b.steps {
				p.Del(ctx, b.list(q.Name, step))
			}
		}
		return nil
	})
	return err
}
