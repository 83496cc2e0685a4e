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
// unacknowledged ones, and returns for each the number of its list, its tag and
// its envelope. ARGV[1] is the time, ARGV[3] names this taking and begins the tags
// of envelopes whose own is missing or taken, ARGV[4] is for how many ms it is
// remembered, and ARGV[5…] are "1" for lists without acknowledgement. KEYS[3] holds
// what was taken last: asked again by the same name, since the answer was lost on
// its way, the script gives it again and takes nothing.
var takeScript = goredis.NewScript(`
local out, left = {}, tonumber(ARGV[2])
local last = redis.call('GET', KEYS[3])
if last then
  last = cjson.decode(last)
  if last[1] == ARGV[3] then
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
local taken = {ARGV[3]}
for i = 4, #KEYS do
  while left > 0 do
    local raw = redis.call('RPOP', KEYS[i])
    if not raw then break end
    local tag, exchange, key = ARGV[3] .. left, '', ''
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
      if redis.call('HEXISTS', KEYS[1], tag) == 1 then tag = ARGV[3] .. left end
      redis.call('ZADD', KEYS[2], ARGV[1], tag)
      redis.call('HSET', KEYS[1], tag, '[' .. raw .. ', ' .. cjson.encode(exchange) .. ', ' .. cjson.encode(key) .. ']')
      taken[#taken + 1] = i - 3
      taken[#taken + 1] = tag
      taken[#taken + 1] = #raw
    end
    out[#out + 1] = i - 3
    out[#out + 1] = tag
    out[#out + 1] = raw
    left = left - 1
  end
  if left == 0 then break end
end
if #taken > 1 then
  redis.call('SET', KEYS[3], cjson.encode(taken), 'PX', ARGV[4])
elseif last then
  redis.call('DEL', KEYS[3])
end
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
	list queueList
	tag  string
	raw  []byte
}

// consume takes messages and hands them over until intake is stopped.
func (b *Broker) consume(ctx context.Context, handle func(broker.Delivery)) error {
	for turn := 0; !b.isStopped(); {
		room := b.room()
		if room == 0 {
			select {
			case <-b.freed:
			case <-b.stopped:
			}
			continue
		}
		var got []taken
		// Of this taking, also when it has to be tried again.
		name, lists := newTag(), b.listsOf(b.consumed(), turn)
		err := b.persist(ctx, func(ctx context.Context) (err error) {
			got, err = b.take(ctx, name, lists, room)
			return err
		})
		if err != nil {
			return err
		}
		if len(got) == 0 {
			b.arm()
			select {
			case <-b.wake:
			case <-time.After(wakeTimeout): // the waiters may be cut off
			case <-b.stopped:
			}
			continue
		}
		turn++
		for _, m := range got {
			b.deliver(m, handle)
		}
	}
	return nil
}

// room is how many messages may be taken now.
func (b *Broker) room() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prefetch == 0 {
		return batch
	}
	return max(0, min(b.prefetch-len(b.open), batch))
}

// take takes up to n messages. It does not end with ctx: what Redis has moved
// must be known here. Called again by the same name it returns what an earlier
// try has moved.
func (b *Broker) take(ctx context.Context, name string, lists []queueList, n int) ([]taken, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.cfg.Timeout)
	defer cancel()
	if len(lists) == 0 {
		return nil, b.client.Ping(ctx).Err()
	}
	keys := []string{unackedKey, unackedIndexKey, b.takenKey}
	args := []any{scoreText(time.Now()), n, name, b.cfg.VisibilityTimeout.Milliseconds()}
	for _, l := range lists {
		keys = append(keys, l.key)
		noAck := "0"
		if l.queue.NoAck {
			noAck = "1"
		}
		args = append(args, noAck)
	}
	reply, err := takeScript.Run(ctx, b.client, keys, args...).Slice()
	if err != nil {
		return nil, err
	}
	out := make([]taken, 0, len(reply)/3)
	for i := 0; i+2 < len(reply); i += 3 {
		at, _ := reply[i].(int64)
		tag, _ := reply[i+1].(string)
		raw, _ := reply[i+2].(string)
		if at < 1 || int(at) > len(lists) {
			return nil, fmt.Errorf("take: Redis answered with list %v of %d", reply[i], len(lists))
		}
		out = append(out, taken{lists[at-1], tag, []byte(raw)})
	}
	return out, nil
}

// score is a time as kombu's index has it: seconds with a fraction.
func score(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func scoreText(t time.Time) string { return strconv.FormatFloat(score(t), 'f', 6, 64) }

// deliver hands over a message, or gives it back once intake is stopped.
func (b *Broker) deliver(m taken, handle func(broker.Delivery)) {
	d := &delivery{broker: b, list: m.list.key, tag: m.tag, raw: m.raw, noAck: m.list.queue.NoAck}
	if !d.noAck {
		b.mu.Lock()
		b.open[m.tag] = d
		b.mu.Unlock()
	}
	if b.isStopped() {
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
	out.Queue, out.Settler = m.list.queue.Name, d
	handle(out)
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
	b.log.Error("message refused; it is kept in a list of Redis", logkey.Queue, m.list.queue.Name,
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

// waitFor says when a list has got something, once for each time that it was
// armed. Moving a list's last element to its own end changes nothing, and blocks
// while there is none: a wait that takes nothing, so that nothing can get lost.
func (b *Broker) waitFor(ctx context.Context, of queueList) {
	key := of.key
	for seen := 0; ; {
		b.mu.Lock()
		armed, arming := b.armed, b.arming
		consumed := slices.ContainsFunc(b.queues, func(q broker.Queue) bool { return q.Name == of.queue.Name })
		b.mu.Unlock()
		if !consumed {
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
		err := b.waiting.BLMove(ctx, key, key, "RIGHT", "RIGHT", wakeTimeout).Err()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			seen = armed
			signal(b.wake)
		case !errors.Is(err, goredis.Nil):
			// Whoever takes messages sees the same fault and tells it.
			select {
			case <-time.After(wakeTimeout / 10):
			case <-ctx.Done():
				return
			}
		}
	}
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
