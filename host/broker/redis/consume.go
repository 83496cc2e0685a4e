package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// takeScript moves up to ARGV[2] messages from the lists KEYS[4…] to the
// unacknowledged ones, and returns for each its list, its tag and its envelope.
// ARGV[1] is the time, ARGV[4] for how many ms what was taken is remembered, and
// ARGV[5…] are "1" for lists without acknowledgement.
//
// ARGV[3] is this taking's number, and KEYS[3] has the number of the last one and
// what it took. Asked again by the same number, the script gives that again and takes
// nothing: the answer was lost on its way, or several waited for the first message. A
// number that has passed takes nothing. One that comes with a count of zero passes.
var takeScript = goredis.NewScript(`
local out, seq, left = {}, tonumber(ARGV[3]), tonumber(ARGV[2])
local last = redis.call('GET', KEYS[3])
if last then
  last = cjson.decode(last)
  if seq < last[1] then return out end
  if seq == last[1] then
    for i = 2, #last, 3 do
      local entry = redis.call('HGET', KEYS[1], last[i + 1])
      if entry then
        out[#out + 1] = last[i]
        out[#out + 1] = last[i + 1]
        out[#out + 1] = string.sub(entry, 2, last[i + 2] + 1)
      end
    end
    return out
  end
end
local taken, none = {seq}, left == 0
for i = 4, #KEYS do
  while left > 0 do
    local raw = redis.call('RPOP', KEYS[i])
    if not raw then break end
    local own = KEYS[3] .. '-' .. ARGV[3] .. '-' .. left
    local tag, exchange, key = own, '', ''
    local ok, m = pcall(cjson.decode, raw)
    if ok and type(m) == 'table' and type(m.properties) == 'table' then
      local p = m.properties
      if type(p.delivery_tag) == 'string' then tag = p.delivery_tag end
      if type(p.delivery_info) == 'table' then
        if type(p.delivery_info.exchange) == 'string' then exchange = p.delivery_info.exchange end
        if type(p.delivery_info.routing_key) == 'string' then key = p.delivery_info.routing_key end
      end
    end
    if ARGV[i + 1] ~= '1' then
      -- kombu puts one message with one tag into several queues of a topic.
      if redis.call('HEXISTS', KEYS[1], tag) == 1 then tag = own end
      redis.call('ZADD', KEYS[2], ARGV[1], tag)
      redis.call('HSET', KEYS[1], tag, '[' .. raw .. ', ' .. cjson.encode(exchange) .. ', ' .. cjson.encode(key) .. ']')
      taken[#taken + 1] = KEYS[i]
      taken[#taken + 1] = tag
      taken[#taken + 1] = #raw
    end
    out[#out + 1] = KEYS[i]
    out[#out + 1] = tag
    out[#out + 1] = raw
    left = left - 1
  end
  if left == 0 then break end
end
if none or #out > 0 then redis.call('SET', KEYS[3], cjson.encode(taken), 'PX', ARGV[4]) end
return out
`)

// A queueList is one of the lists of a queue.
type queueList struct {
	key   string
	queue *broker.Queue
}

// listsOf are the lists to take from, highest priority first. Which queue comes
// first turns with each call, so that none waits for the others to be empty.
func (b *Broker) listsOf(queues []broker.Queue, turn int) []queueList {
	var out []queueList
	for _, step := range b.steps {
		for i := range queues {
			q := &queues[(i+turn)%len(queues)]
			if !b.broadcastOnly(*q) {
				out = append(out, queueList{b.list(q.Name, step), q})
			}
		}
	}
	return out
}

// broadcastOnly reports whether all of a queue's exchanges are of type fanout, so that
// nothing comes into its lists.
func (b *Broker) broadcastOnly(q broker.Queue) bool {
	bound := q.Bound()
	return len(bound) > 0 && !slices.ContainsFunc(bound, func(to broker.Binding) bool { return !b.fanout[to.Exchange] })
}

// taken is a message as it comes out of its list.
type taken struct {
	list  string
	queue *broker.Queue // nil if it is consumed no more
	tag   string
	raw   []byte
}

// consume takes messages and hands them over until intake is stopped.
func (b *Broker) consume(ctx context.Context, handle func(broker.Delivery)) error {
	for turn := 0; !b.isStopped(); {
		number, room := b.next()
		if room == 0 {
			select {
			case <-b.freed:
			case <-b.stopped:
			}
			continue
		}
		var got []taken
		lists := b.listsOf(b.consumed(), turn)
		err := b.persist(ctx, func(ctx context.Context) (err error) {
			got, err = b.take(ctx, number, lists, room)
			return err
		})
		if err != nil {
			return err
		}
		if len(got) > 0 {
			turn++
			b.handOver(number, got, handle)
		}
		if len(got) == room {
			continue // there may be more
		}
		b.arm()
		select {
		case <-b.wake:
		case <-time.After(wakeTimeout): // the waiters may be cut off
		case <-b.stopped:
		}
	}
	return nil
}

// next is the number of the next taking, and how many messages it may take.
func (b *Broker) next() (number int64, room int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prefetch == 0 {
		return b.taking, batch
	}
	return b.taking, max(0, min(b.prefetch-len(b.open), batch))
}

// take takes up to n messages. It does not end with ctx: what Redis has moved
// must be known here. Called again by the same number it returns what an earlier
// try has moved.
func (b *Broker) take(ctx context.Context, number int64, lists []queueList, n int) ([]taken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.cfg.Timeout)
	defer cancel()
	if len(lists) == 0 && n > 0 {
		return nil, b.client.Ping(ctx).Err()
	}
	keys, args := b.takeArgs(number, lists, n)
	reply, err := takeScript.Run(ctx, b.client, keys, args...).Slice()
	if err != nil {
		return nil, err
	}
	return b.took(lists, reply), nil
}

// takeArgs are the keys and arguments of takeScript.
func (b *Broker) takeArgs(number int64, lists []queueList, n int) (keys []string, args []any) {
	keys = append(make([]string, 0, 3+len(lists)), unackedKey, unackedIndexKey, b.takenKey)
	args = append(make([]any, 0, 4+len(lists)), scoreText(time.Now()), n, number, b.cfg.VisibilityTimeout.Milliseconds())
	for _, l := range lists {
		keys = append(keys, l.key)
		noAck := "0"
		if l.queue.NoAck {
			noAck = "1"
		}
		args = append(args, noAck)
	}
	return keys, args
}

// took reads the answer of takeScript, which was given lists. What it gives again may
// be from others.
func (b *Broker) took(lists []queueList, reply []any) []taken {
	out := make([]taken, 0, len(reply)/3)
	for i := 0; i+2 < len(reply); i += 3 {
		list, _ := reply[i].(string)
		tag, _ := reply[i+1].(string)
		raw, _ := reply[i+2].(string)
		list = strings.TrimPrefix(list, b.cfg.KeyPrefix) // which the script has seen
		m := taken{list: list, tag: tag, raw: []byte(raw)}
		from := func(l queueList) bool { return l.key == list }
		if at := slices.IndexFunc(lists, from); at >= 0 {
			m.queue = lists[at].queue
		} else if all := b.listsOf(b.consumed(), 0); slices.ContainsFunc(all, from) {
			m.queue = all[slices.IndexFunc(all, from)].queue
		}
		out = append(out, m)
	}
	return out
}

// handOver hands over what a taking took, unless that was done: the same answer can
// come to several. What needs no acknowledgement comes to one alone.
func (b *Broker) handOver(number int64, got []taken, handle func(broker.Delivery)) {
	if len(got) == 0 {
		return
	}
	out := make([]*delivery, len(got))
	b.mu.Lock()
	first := number == b.taking
	if first {
		b.taking++
	}
	for i, m := range got {
		d := &delivery{broker: b, list: m.list, tag: m.tag, raw: m.raw, noAck: m.queue != nil && m.queue.NoAck}
		if first && !d.noAck {
			b.open[m.tag] = d
		}
		if first || d.noAck {
			out[i] = d
		}
	}
	b.mu.Unlock()
	for i, d := range out {
		if d != nil {
			b.deliver(got[i], d, handle)
		}
	}
}

// pass ends the takings of those that waited for messages: one that was asked for over
// a connection that is gone may still be made. What they took comes back first.
func (b *Broker) pass(ctx context.Context, handle func(broker.Delivery)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	number, _ := b.next()
	got, err := b.take(ctx, number, nil, 0)
	if err != nil {
		b.log.Warn("it is not known whether a message came at the end of consuming: it returns after the visibility timeout",
			logkey.Error, err, logkey.Wait, b.cfg.VisibilityTimeout)
		return
	}
	b.handOver(number, got, handle)
}

// score is a time as kombu's index has it: seconds with a fraction.
func score(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func scoreText(t time.Time) string { return strconv.FormatFloat(score(t), 'f', 6, 64) }

// deliver hands over a message, or gives it back once intake is stopped or its queue
// is consumed no more.
func (b *Broker) deliver(m taken, d *delivery, handle func(broker.Delivery)) {
	if b.isStopped() || m.queue == nil || !b.consumes(m.queue.Name) {
		d.giveBack()
		return
	}
	out, err := open(m.raw)
	if err != nil {
		b.undecodable(m, err)
		if err := d.Ack(); err != nil {
			b.log.Debug("message was put back by somebody else", logkey.Error, err)
		}
		return
	}
	out.Queue, out.Settler = m.queue.Name, d
	handle(out)
}

// consumes reports whether a queue is consumed now.
func (b *Broker) consumes(name string) bool {
	return slices.ContainsFunc(b.consumed(), func(q broker.Queue) bool { return q.Name == name })
}

// undecodable keeps what is no message where people can find it.
func (b *Broker) undecodable(m taken, reason error) {
	ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Timeout)
	defer cancel()
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.LPush(ctx, undecodableKey, m.raw)
		p.LTrim(ctx, undecodableKey, 0, undecodableKept-1)
		return nil
	})
	b.log.Error("message refused; it is kept in a list of Redis", logkey.Queue, m.queue.Name,
		logkey.Error, errors.Join(reason, err), "list", undecodableKey)
}

// arm has the waiters wait for messages: the lists were found empty.
func (b *Broker) arm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed++
	close(b.arming)
	b.arming = make(chan struct{})
}

// waitFor takes the messages that come while the lists are empty, and hands them over.
// It says so when it cannot, once for each time that the lists were found empty.
func (b *Broker) waitFor(ctx context.Context, of queueList, handle func(broker.Delivery)) {
	for seen := 0; ; {
		b.mu.Lock()
		armed, arming := b.armed, b.arming
		b.mu.Unlock()
		if !b.consumes(of.queue.Name) {
			return
		}
		if armed == seen {
			select {
			case <-arming:
				continue
			case <-ctx.Done():
				return
			}
		}
		number, room := b.next()
		if of.queue.NoAck {
			room = 0
		}
		came, got, err := b.await(ctx, of, number, room)
		b.handOver(number, got, handle)
		switch {
		case ctx.Err() != nil:
			return
		case len(got) > 0 && len(got) < room:
			// All lists are empty again.
		case came:
			seen = armed
			signal(b.wake)
		case err != nil:
			// Whoever takes messages sees the same fault and tells it. What was taken
			// before the answer was lost, it gets.
			seen = armed
			signal(b.wake)
			select {
			case <-time.After(wakeTimeout / 10):
			case <-ctx.Done():
				return
			}
		}
	}
}

// await waits until a list has got something, which came tells, but not for ever,
// and takes up to n messages in the same round trip.
//
// Moving a list's last element to its own end changes nothing, and blocks while there
// is none: a wait that takes nothing, so that nothing can get lost. Redis looks at
// what was sent behind it when it is over.
func (b *Broker) await(ctx context.Context, of queueList, number int64, n int) (came bool, got []taken, err error) {
	// What is taken then is as old as the wait, for those who look for lost messages.
	wait := max(min(wakeTimeout, b.cfg.VisibilityTimeout/4), 10*time.Millisecond)
	lists := slices.DeleteFunc(b.listsOf(b.consumed(), 0), func(l queueList) bool { return l.queue.NoAck })
	var moved, took *goredis.Cmd
	_, err = b.waiting.Pipelined(ctx, func(p goredis.Pipeliner) error {
		moved = p.Do(ctx, "BLMOVE", of.key, of.key, "RIGHT", "RIGHT", strconv.FormatFloat(wait.Seconds(), 'f', 3, 64))
		if n > 0 && len(lists) > 0 {
			keys, args := b.takeArgs(number, lists, n)
			took = p.EvalSha(ctx, takeScript.Hash(), keys, args...)
		}
		return nil
	})
	came = moved.Err() == nil
	if took != nil && took.Err() == nil {
		reply, err := took.Slice()
		return came, b.took(lists, reply), err
	}
	if errors.Is(err, goredis.Nil) {
		err = nil
	}
	return came, nil, err
}

// subscribe hands over the messages of fanout exchanges, which are published
// and not kept: who is not connected misses them.
func (b *Broker) subscribe(ctx context.Context, handle func(broker.Delivery)) error {
	patterns := map[string]string{} // to queues
	var channels []string
	for _, q := range b.consumed() {
		for _, to := range q.Bound() {
			if b.fanout[to.Exchange] {
				channel := b.cfg.KeyPrefix + b.channel(to.Exchange, strings.ReplaceAll(to.RoutingKey, "#", "*"))
				patterns[channel] = q.Name
				channels = append(channels, channel)
			}
		}
	}
	if len(channels) == 0 {
		return nil
	}
	news := b.client.PSubscribe(ctx, channels...)
	defer func() { _ = news.Close() }() // nothing is lost by it
	// The client's own channel pings, reconnects and subscribes again.
	messages := news.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-messages:
			if !ok {
				return nil
			}
			d, err := open([]byte(m.Payload))
			if err != nil {
				b.log.Error("broadcast message refused", logkey.Queue, patterns[m.Pattern], logkey.Error, err)
				continue
			}
			d.Queue, d.Settler = patterns[m.Pattern], settled{}
			handle(d)
		}
	}
}

// channel is where a fanout exchange publishes.
func (b *Broker) channel(exchange, key string) string {
	channel := fmt.Sprintf("/%d.%s", b.db, exchange)
	if key != "" {
		channel += "/" + key
	}
	return channel
}
