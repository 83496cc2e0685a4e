package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/result"
)

var (
	_ result.Chords = (*Store)(nil)
	_ result.Reader = (*Store)(nil)
)

// The numbers of Celery 5.7: a claim lasts twice the time that joining may
// take, sending the body includes three tries of four seconds each, and a chord
// that is done is remembered for late duplicates.
const (
	defaultJoinTimeout = 3 * time.Second
	keepExpires        = 21
	leastClaimExpires  = 5
	leastDoneExpires   = 300
)

func (s *Store) claimExpires() int { return max(int(2*s.joinTimeout.Seconds()), leastClaimExpires) }
func (s *Store) doneExpires() int  { return max(2*s.claimExpires(), leastDoneExpires) }

// countPart is Celery's rule of how a header task is counted and who starts the
// body, in one atomic step. KEYS are the results (.j), extra completions (.t),
// size (.s), tasks counted (.d), saved group and claim (.c).
var countPart = goredis.NewScript(`
if redis.call('GET', KEYS[6]) == 'done' then return {-1, 0} end
local part = ARGV[1] .. ':' .. ARGV[4]
if redis.call('SADD', KEYS[4], part) == 1 then
  if ARGV[3] == '1' then redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2]) else redis.call('RPUSH', KEYS[1], ARGV[2]) end
end
local counted
if ARGV[3] == '1' then counted = redis.call('ZCARD', KEYS[1]) else counted = redis.call('LLEN', KEYS[1]) end
local expires = tonumber(ARGV[5])
if expires > 0 then
  for i = 1, 5 do redis.call('EXPIRE', KEYS[i], expires) end
end
local size = redis.call('GET', KEYS[3])
local claimed = 0
if size and counted == tonumber(size) + tonumber(redis.call('GET', KEYS[2]) or 0) then
  if redis.call('SET', KEYS[6], ARGV[7], 'NX', 'EX', ARGV[6]) or redis.call('GET', KEYS[6]) == ARGV[7] then claimed = 1 end
end
return {counted, claimed}
`)

// keepClaim extends a claim, or takes up again one that has expired and that
// nobody else has. KEYS are the claim and the size.
var keepClaim = goredis.NewScript(`
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if owner or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
`)

// endClaim forgets a chord whose body was sent and leaves a mark for
// duplicates. KEYS are the claim and what is forgotten.
var endClaim = goredis.NewScript(`
local owner = redis.call('GET', KEYS[1])
if owner == 'done' then return 1 end
if owner ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
return 1
`)

// groupKey is the key of a group's saved result; its chord's keys have a suffix.
func (s *Store) groupKey(group string) string {
	return strings.TrimSuffix(s.prefix, taskKey) + "celery-taskset-meta-" + group
}

// ttl is how long what belongs to a chord is kept; zero is for ever.
func (s *Store) ttl() time.Duration { return max(s.chordExpires, 0) }

// SetSize implements [result.Chords].
func (s *Store) SetSize(ctx context.Context, group string, size int) error {
	key := s.groupKey(group)
	return s.persist(ctx, "size of chord "+group, func() error {
		// A chord that is sent again under its ids is a new run.
		if err := s.client.Del(ctx, key+".c").Err(); err != nil {
			return err
		}
		return s.client.Set(ctx, key+".s", size, s.ttl()).Err()
	})
}

// SaveGroup implements [result.Chords].
func (s *Store) SaveGroup(ctx context.Context, group string, tuple json.RawMessage) error {
	document, err := s.codec.Encode(celery.Object{{Key: "result", Value: tuple}}.Append(nil))
	if err != nil {
		return fmt.Errorf("group %s: %w", group, err)
	}
	return s.persist(ctx, "group "+group, func() error { return s.client.Set(ctx, s.groupKey(group), document, s.ttl()).Err() })
}

// Extend implements [result.Chords].
func (s *Store) Extend(ctx context.Context, group string) error {
	return s.persist(ctx, "chord "+group, func() error { return s.client.IncrBy(ctx, s.groupKey(group)+".t", 1).Err() })
}

// Part implements [result.Chords].
func (s *Store) Part(ctx context.Context, p result.Part) (result.Claim, error) {
	score := "+inf"
	if p.Index != nil {
		score = strconv.Itoa(*p.Index)
	}
	value := p.Value
	if len(value) == 0 {
		value = json.RawMessage("null")
	}
	document, err := s.codec.Encode(celery.AppendArray(nil, []json.RawMessage{json.RawMessage("1"), celery.Quote(p.TaskID), celery.Quote(p.State), value}))
	if err != nil {
		return nil, fmt.Errorf("part of chord %s: %w", p.Group, err)
	}
	c := &claim{store: s, group: p.Group, token: strings.ReplaceAll(uuid.NewString(), "-", "")}
	key := s.groupKey(p.Group)
	keys := []string{key + ".j", key + ".t", key + ".s", key + ".d", key, key + ".c"}
	var reply []int64
	// Tried again it counts once, by the task's id, and knows its own claim.
	err = s.persist(ctx, "part of chord "+p.Group, func() (err error) {
		reply, err = countPart.Run(ctx, s.client, keys, p.TaskID, string(document), "1", score,
			int(s.ttl().Seconds()), s.claimExpires(), c.token).Int64Slice()
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(reply) != 2 || reply[1] != 1 {
		return nil, nil
	}
	return c, nil
}

// A claim is the right to start one chord's body.
type claim struct {
	store        *Store
	group, token string
}

// Results implements [result.Claim].
func (c *claim) Results(ctx context.Context) ([]json.RawMessage, error) {
	key := c.store.groupKey(c.group)
	var saved []byte
	var parts []string
	err := c.store.persist(ctx, "results of chord "+c.group, func() (err error) {
		if saved, err = c.store.client.Get(ctx, key).Bytes(); err == nil || !errors.Is(err, goredis.Nil) {
			return err
		}
		parts, err = c.store.client.ZRange(ctx, key+".j", 0, -1).Result()
		return err
	})
	if err != nil {
		return nil, err
	}
	if saved != nil {
		return c.store.join(ctx, saved)
	}
	values := make([]json.RawMessage, 0, len(parts))
	for _, part := range parts {
		document, err := c.store.codec.Decode([]byte(part))
		if err != nil {
			return nil, fmt.Errorf("chord %s: %w", c.group, err)
		}
		members, err := celery.Elements(document)
		if err != nil || len(members) != 4 {
			return nil, fmt.Errorf("chord %s: part %s is not [1, id, state, result]", c.group, celery.SafeRepr([]byte(part), 128))
		}
		id, _ := celery.Text(members[1])
		switch state, _ := celery.Text(members[2]); state {
		case celery.StateFailure, celery.StateRevoked, celery.StateRetry:
			exc := celery.ExceptionOf(members[3])
			if exc == nil {
				exc = celery.NewException("builtins", "Exception", celery.Repr(members[3]))
			}
			return nil, &result.DependencyError{TaskID: id, Cause: exc}
		}
		values = append(values, members[3])
	}
	return values, nil
}

// Keep implements [result.Claim].
func (c *claim) Keep(ctx context.Context) (bool, error) {
	key := c.store.groupKey(c.group)
	var kept int64
	err := c.store.persist(ctx, "claim of chord "+c.group, func() (err error) {
		kept, err = keepClaim.Run(ctx, c.store.client, []string{key + ".c", key + ".s"}, c.token, keepExpires).Int64()
		return err
	})
	return kept == 1, err
}

// Done implements [result.Claim].
func (c *claim) Done(ctx context.Context) error {
	key := c.store.groupKey(c.group)
	var ended int64
	err := c.store.persist(ctx, "end of chord "+c.group, func() (err error) {
		ended, err = endClaim.Run(ctx, c.store.client, []string{key + ".c", key + ".j", key + ".t", key + ".s", key + ".d"}, c.token, c.store.doneExpires()).Int64()
		return err
	})
	if err == nil && ended != 1 {
		err = fmt.Errorf("chord %s: the claim was lost before the chord was forgotten; its keys expire by themselves", c.group)
	}
	return err
}

// Abandon implements [result.Claim].
func (c *claim) Abandon(ctx context.Context) error {
	key := c.store.groupKey(c.group)
	// Without its size nobody fails the chord again; the rest expires.
	return c.store.persist(ctx, "end of chord "+c.group, func() error { return c.store.client.Del(ctx, key+".s").Err() })
}

// Get implements [result.Reader].
func (s *Store) Get(ctx context.Context, taskID string) (r celery.Result, found bool, err error) {
	var document []byte
	err = s.persist(ctx, "result of task "+taskID, func() (err error) {
		document, err = s.client.Get(ctx, s.prefix+taskID).Bytes()
		return err
	})
	if errors.Is(err, goredis.Nil) {
		return r, false, nil
	}
	if err == nil {
		r, err = s.codec.DecodeResult(document)
	}
	return r, err == nil, err
}

// join nests the results of a header as its saved tuple says. They are there
// already, or will be in a moment.
func (s *Store) join(ctx context.Context, saved []byte) ([]json.RawMessage, error) {
	saved, err := s.codec.Decode(saved)
	if err != nil {
		return nil, fmt.Errorf("saved group: %w", err)
	}
	document, err := celery.Members(saved)
	if err != nil {
		return nil, fmt.Errorf("saved group: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.joinTimeout, errJoinTimeout)
	defer cancel()
	wait := backoff.Backoff{First: 10 * time.Millisecond, Max: time.Second}
	for {
		value, ready, err := result.Join(ctx, s, document.Get("result"))
		if failed, ok := errors.AsType[*result.DependencyError](err); ok {
			return nil, failed.Cause // Celery names no dependency here
		}
		if err != nil {
			return nil, err
		}
		if ready {
			return celery.Elements(value)
		}
		if wait.Sleep(ctx, nil); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// errJoinTimeout is what Celery says of results that do not come.
var errJoinTimeout = celery.NewException("celery.exceptions", "TimeoutError", "The operation timed out.")
