package beat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
)

// DefaultLease is how long a beat that died holds up the next one, about.
const DefaultLease = 6 * time.Second

// Redis is an [Elector] by a key in Redis, which also has the last runs: a run
// is claimed there, by whoever holds the key at that moment and nobody else,
// before it is sent.
type Redis struct {
	// Client is used and not closed.
	Client *goredis.Client
	// Group names the beats among which one leads.
	Group string
	// Lease is how long the key lives unless it is renewed. Zero means
	// [DefaultLease].
	Lease time.Duration
	Log   *slog.Logger
}

func (r *Redis) lease() time.Duration {
	if r.Lease == 0 {
		return DefaultLease
	}
	return r.Lease
}

// A leader gives up before its key ends, so that the next one cannot begin
// meanwhile.
func (r *Redis) hold() time.Duration  { return r.lease() * 3 / 4 }
func (r *Redis) renew() time.Duration { return r.lease() / 4 }

func (r *Redis) keys() []string {
	return []string{r.Group + ".leader", r.Group + ".runs", r.Group + ".tz"}
}

var (
	// acquire takes the free key, or prolongs it.
	acquire = goredis.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)
	release = goredis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`)
	claim = goredis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('GET', KEYS[3]) ~= ARGV[2] then
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[3], ARGV[2])
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1`)
	keep = goredis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[3], ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return 1`)
)

// Run implements [Elector].
func (r *Redis) Run(ctx context.Context, lead func(context.Context, Shared) error) error {
	id := uuid.NewString()
	unreachable := false
	take := func(ctx context.Context) (until time.Time, held bool) {
		before := time.Now()
		ctx, cancel := context.WithTimeout(ctx, r.renew())
		defer cancel()
		n, err := acquire.Run(ctx, r.Client, r.keys(), id, r.lease().Milliseconds()).Int()
		if err != nil && ctx.Err() == nil && !unreachable {
			r.Log.Warn("beat cannot ask Redis who leads; trying on", logkey.Error, err)
		}
		unreachable = err != nil
		return before.Add(r.hold()), err == nil && n == 1
	}
	for ctx.Err() == nil {
		until, held := take(ctx)
		if !held {
			pause(ctx, r.renew())
			continue
		}
		err := lease(ctx, until, r.renew(), func(ctx context.Context) time.Time {
			// Redis away for a moment costs nothing as long as the lease holds.
			for {
				next, held := take(ctx)
				if held {
					until = next
					return until
				}
				if !unreachable || time.Now().After(until) || !pause(ctx, r.renew()/5) {
					return time.Time{}
				}
			}
		}, func(ctx context.Context) error { return lead(ctx, &redisRuns{r, id}) })
		r.release(ctx, id)
		if err != nil {
			return err
		}
		pause(ctx, r.renew()/5)
	}
	return nil
}

func (r *Redis) release(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := release.Run(ctx, r.Client, r.keys(), id).Err(); err != nil {
		r.Log.Warn("beat did not give up its lead in Redis; it ends by itself", logkey.Wait, r.lease(), logkey.Error, err)
	}
}

// redisRuns is [Shared] for one lead.
type redisRuns struct {
	*Redis
	id string
}

// Load implements [Shared].
func (r *redisRuns) Load(ctx context.Context) (State, error) {
	s := State{Entries: map[string]Run{}}
	var stored map[string]string
	ok := r.try(ctx, "load the last runs", func(ctx context.Context) error {
		var err error
		if s.Zone, err = r.Client.Get(ctx, r.keys()[2]).Result(); errors.Is(err, goredis.Nil) {
			s.Zone, err = "", nil
		}
		if err == nil {
			stored, err = r.Client.HGetAll(ctx, r.keys()[1]).Result()
		}
		return err
	})
	if !ok {
		return State{}, nil
	}
	for name, text := range stored {
		var run Run
		if err := json.Unmarshal([]byte(text), &run); err != nil {
			return State{}, fmt.Errorf("redis key %s: run of %q: %w (delete the key to begin anew)", r.keys()[1], name, err)
		}
		s.Entries[name] = run
	}
	return s, nil
}

// Keep implements [Shared].
func (r *redisRuns) Keep(ctx context.Context, s State) error {
	args := []any{r.id, s.Zone}
	for name, run := range s.Entries {
		text, err := json.Marshal(run)
		if err != nil {
			return err
		}
		args = append(args, name, text)
	}
	r.try(ctx, "store the last runs", func(ctx context.Context) error {
		return keep.Run(ctx, r.Client, r.keys(), args...).Err()
	})
	return nil
}

// Claim implements [Shared].
func (r *redisRuns) Claim(ctx context.Context, zone, name string, run Run) (bool, error) {
	text, err := json.Marshal(run)
	if err != nil {
		return false, err
	}
	mine := 0
	ok := r.try(ctx, "store a run", func(ctx context.Context) error {
		var err error
		mine, err = claim.Run(ctx, r.Client, r.keys(), r.id, zone, name, text).Int()
		return err
	})
	return ok && mine == 1, nil
}

// try does something in Redis until it is done or ctx, and with it the lead, has
// ended.
func (r *redisRuns) try(ctx context.Context, what string, do func(context.Context) error) bool {
	for n := 0; ; n++ {
		err := do(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if n == 0 || !redisclient.Passes(err) {
			r.Log.Warn("beat waits for Redis", logkey.Work, what, logkey.Error, err)
		}
		if !pause(ctx, r.renew()/5) {
			return false
		}
	}
}
