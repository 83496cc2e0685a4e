package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// mutexExpire is how long one worker may look for lost messages before another
// may, also when it was killed meanwhile. kombu has 5 minutes
// (unacked_mutex_expire), for which nothing that a killed worker held comes back;
// two that look at once put back nothing twice.
const mutexExpire = 20 * time.Second

// restoreAtOnce is how many lost messages are put back before others get a turn.
const restoreAtOnce = 1000

// unlockScript ends the holding of a lock, if it is still ours.
var unlockScript = goredis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

// maintain renews what is open, so that nobody puts it back, and puts back what
// others have lost, until ctx ends.
func (b *Broker) maintain(ctx context.Context) error {
	renew := time.NewTicker(max(b.cfg.VisibilityTimeout/4, 10*time.Millisecond))
	defer renew.Stop()
	restore := time.NewTimer(0) // at once, and then as often as kombu does
	defer restore.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C:
			err = b.renew(ctx)
		case <-restore.C:
			err = b.restore(ctx)
			restore.Reset(max(min(restoreEvery, b.cfg.VisibilityTimeout/2), 10*time.Millisecond))
		}
		if err != nil && ctx.Err() == nil {
			// Whoever takes messages tells that Redis is away.
			b.log.Debug("unacknowledged messages not looked after now", logkey.Error, err)
		}
	}
}

// renew says that open messages are being taken care of.
func (b *Broker) renew(ctx context.Context) error {
	b.mu.Lock()
	now := score(time.Now())
	members := make([]goredis.Z, 0, len(b.open))
	for tag := range b.open {
		members = append(members, goredis.Z{Score: now, Member: tag})
	}
	b.mu.Unlock()
	for len(members) > 0 {
		n := min(len(members), restoreAtOnce)
		if err := b.client.ZAddXX(ctx, unackedIndexKey, members[:n]...).Err(); err != nil {
			return err
		}
		members = members[n:]
	}
	return nil
}

// restore puts back messages that were taken longer ago than the visibility
// timeout and are nobody's any more (kombu.transport.redis.QoS.restore_visible).
func (b *Broker) restore(ctx context.Context) (err error) {
	token := uuid.NewString()
	mine, err := b.client.SetNX(ctx, unackedMutexKey, token, mutexExpire).Result()
	if err != nil || !mine {
		return err
	}
	defer func() {
		unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.cfg.Timeout)
		defer cancel()
		err = errors.Join(err, unlockScript.Run(unlock, b.client, []string{unackedMutexKey}, token).Err())
	}()
	before := time.Now().Add(-b.cfg.VisibilityTimeout)
	tags, err := b.client.ZRangeArgs(ctx, goredis.ZRangeArgs{
		Key: unackedIndexKey, ByScore: true, Start: "0", Stop: scoreText(before), Count: restoreAtOnce,
	}).Result()
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if err := b.restoreOne(ctx, tag); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) restoreOne(ctx context.Context, tag string) error {
	b.mu.Lock()
	_, ours := b.open[tag]
	b.mu.Unlock()
	if ours { // and late to be renewed, as after a pause of this machine
		return nil
	}
	entry, err := b.client.HGet(ctx, unackedKey, tag).Bytes()
	if errors.Is(err, goredis.Nil) { // settled meanwhile
		return b.client.ZRem(ctx, unackedIndexKey, tag).Err()
	}
	if err != nil {
		return err
	}
	raw, lists, err := b.unpack(ctx, entry)
	if err != nil {
		return err
	}
	if len(lists) == 0 {
		b.log.Error("unacknowledged message cannot be put back: no queue takes it. It stays in "+unackedKey, "tag", tag)
		return nil
	}
	back, err := b.putBack(ctx, tag, raw, front, lists)
	if back {
		b.log.Warn("message of a worker that is gone was put back", "tag", tag, logkey.Queue, lists[0])
	}
	return err
}

// unpack reads an entry of the unacknowledged ones: [envelope, exchange, routing
// key], and finds the lists that it belongs in. One that cannot be read has none.
func (b *Broker) unpack(ctx context.Context, entry []byte) (raw []byte, lists []string, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(entry, &parts); err != nil || len(parts) != 3 {
		b.log.Error("unacknowledged message is unreadable", logkey.Error, fmt.Errorf("%d parts: %w", len(parts), err))
		return nil, nil, nil
	}
	var exchange, key string
	if json.Unmarshal(parts[1], &exchange) != nil || json.Unmarshal(parts[2], &key) != nil {
		return nil, nil, nil
	}
	_, priority, err := redelivered(parts[0])
	if err != nil {
		return nil, nil, nil // as above: no message
	}
	queues := []string{key}
	if exchange != "" {
		if queues, _, err = b.bound(ctx, exchange, key); err != nil {
			return nil, nil, err
		}
	}
	for _, q := range queues {
		lists = append(lists, b.list(q, priority))
	}
	return parts[0], lists, nil
}
