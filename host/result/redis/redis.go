// Package redis keeps results in Redis as Celery's redis:// result backend does:
// one key for each task, whose value is also published on a channel of the
// key's name.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Config says which Redis and how. URL is required.
type Config struct {
	// URL is redis://, rediss:// (TLS), unix:// or sentinel://, with user, password, database
	// and query as Celery writes them: ssl_cert_reqs, ssl_ca_certs, ssl_certfile
	// and ssl_keyfile, and go-redis's own options.
	URL string
	// MasterName is what the sentinels of a sentinel:// URL call the Redis.
	MasterName string
	// Expires is how long a state is kept. Zero means a day, negative for ever.
	// FailureExpires is the same for FAILURE; zero means as Expires.
	Expires, FailureExpires time.Duration
	// KeyPrefix is Celery's global_keyprefix: keys begin with it, and with an
	// underscore after it unless it ends in one of ":_-.".
	KeyPrefix string
	// Codec is how values are kept: Celery's result_serializer and
	// result_compression. All that use the backend must have the same serializer.
	Codec celery.Codec
	// ChordExpires is how long what belongs to a chord is kept. Zero means as
	// Expires, negative for ever.
	ChordExpires time.Duration
	// JoinTimeout is how long the results of a chord's nested groups are waited
	// for, once all have been counted. Zero means 3 s.
	JoinTimeout time.Duration
	// Log receives a line when Redis goes away and when it is back. Nil is silent.
	Log *slog.Logger
}

// A Store is a Redis that keeps results.
type Store struct {
	client                  *goredis.Client
	prefix                  string
	codec                   celery.Codec
	expires, failureExpires time.Duration
	chordExpires            time.Duration
	joinTimeout             time.Duration
	log                     *slog.Logger
	noScripts               atomic.Bool // the server has refused them
}

var _ result.Store = (*Store)(nil)

// New returns a Store that connects when it is first used. The error says what
// is wrong with the URL, without its password.
func New(cfg Config) (*Store, error) {
	address, err := redisclient.Parse(cfg.URL, cfg.MasterName)
	if err != nil {
		return nil, fmt.Errorf("result backend: %w", err)
	}
	if address.Several() {
		return nil, errors.New("result backend: several URLs, which only sentinel:// can be here")
	}
	if err := celery.CheckCompression(cfg.Codec.Compression); err != nil {
		return nil, fmt.Errorf("result backend: %w", err)
	}
	s := &Store{
		client: address.Client(nil), prefix: keyPrefix(cfg.KeyPrefix), codec: cfg.Codec, expires: cfg.Expires, failureExpires: cfg.FailureExpires,
		chordExpires: cfg.ChordExpires, joinTimeout: cfg.JoinTimeout, log: cfg.Log,
	}
	if s.expires == 0 {
		s.expires = 24 * time.Hour
	}
	if s.failureExpires == 0 {
		s.failureExpires = s.expires
	}
	if s.chordExpires == 0 {
		s.chordExpires = s.expires
	}
	if s.joinTimeout == 0 {
		s.joinTimeout = defaultJoinTimeout
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

func keyPrefix(global string) string {
	if global != "" && !strings.ContainsAny(global[len(global)-1:], ":_-.") {
		global += "_"
	}
	return global + taskKey
}

// taskKey is how the keys of tasks begin, behind the prefix.
const taskKey = "celery-task-meta-"

// Pauses between tries while Redis is away.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Store implements [result.Store].
func (s *Store) Store(ctx context.Context, r celery.Result, _ result.Reply) error {
	document, err := s.codec.Encode(r.Encode())
	if err != nil {
		return fmt.Errorf("store %s of task %s: %w", r.State, r.TaskID, err)
	}
	return s.persist(ctx, fmt.Sprintf("store %s of task %s", r.State, r.TaskID), func() error { return s.store(ctx, r, document) })
}

// persist runs an operation until it succeeds, Redis refuses it for good, or ctx
// ends. [goredis.Nil] is an answer, too. what says what is being done.
func (s *Store) persist(ctx context.Context, what string, operation func() error) error {
	wait := backoff.Backoff{First: firstPause, Max: lastPause}
	for try := 1; ; try++ {
		err := operation()
		switch {
		case err == nil, errors.Is(err, goredis.Nil):
			if try > 1 {
				s.log.InfoContext(ctx, "result backend is back", logkey.Attempt, try, logkey.Work, what)
			}
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w (last try: %w)", what, context.Cause(ctx), err)
		case !redisclient.Passes(err):
			return fmt.Errorf("%s: %w", what, err)
		case try == 1:
			s.log.WarnContext(ctx, "result backend is away: trying until it is back", logkey.Error, err, logkey.Work, what)
		}
		wait.Sleep(ctx, nil)
	}
}

// storeScript is what Python's worker does for the first state of a task, in one
// step: it stores the state ARGV[1], for ARGV[2] seconds unless that is 0, and
// publishes it. A state that is there already it returns instead, since only its
// reader knows how it is encoded.
var storeScript = goredis.NewScript(`
local old = redis.call('GET', KEYS[1])
if old then return old end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SETEX', KEYS[1], ARGV[2], ARGV[1]) end
redis.call('PUBLISH', KEYS[1], ARGV[1])
return false
`)

// store is one try.
func (s *Store) store(ctx context.Context, r celery.Result, document []byte) error {
	key, ttl := s.prefix+r.TaskID, s.expires
	if r.State == celery.StateFailure {
		ttl = s.failureExpires
	}
	if ttl = max(ttl, 0); ttl > 0 {
		ttl = max(ttl, time.Second)
	}
	old, err := s.storeFirst(ctx, key, document, ttl)
	if old == nil || err != nil {
		return err
	}
	// A task can be delivered twice, and what the first run told the client as
	// its success must not turn into the second run's STARTED or FAILURE.
	if before, err := s.codec.DecodeResult(old); err == nil && before.State == celery.StateSuccess {
		return nil
	}
	return s.storeOver(ctx, key, document, ttl)
}

// storeFirst stores the first state of a task. If there is one already it does
// nothing and returns that.
func (s *Store) storeFirst(ctx context.Context, key string, document []byte, ttl time.Duration) (old []byte, err error) {
	if !s.noScripts.Load() {
		text, err := storeScript.Run(ctx, s.client, []string{key}, document, int64(ttl/time.Second)).Text()
		switch {
		case errors.Is(err, goredis.Nil):
			return nil, nil
		case !refusesScripts(err):
			return []byte(text), err
		}
		s.noScripts.Store(true)
	}
	old, err = s.client.Get(ctx, key).Bytes()
	if errors.Is(err, goredis.Nil) {
		return nil, s.storeOver(ctx, key, document, ttl)
	}
	return old, err
}

// storeOver stores a state whatever there is, with the very commands of Python's worker.
func (s *Store) storeOver(ctx context.Context, key string, document []byte, ttl time.Duration) error {
	_, err := s.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		if ttl == 0 {
			p.Set(ctx, key, document, 0)
		} else {
			p.SetEx(ctx, key, document, ttl)
		}
		// Python's clients wait for this and do not ask again.
		p.Publish(ctx, key, document)
		return nil
	})
	return err
}

// refusesScripts reports whether a server lets this user run no scripts, which
// Celery's own worker does not need for what has no chord.
func refusesScripts(err error) bool {
	var reply goredis.Error
	return errors.As(err, &reply) && (strings.HasPrefix(reply.Error(), "NOPERM") || strings.HasPrefix(reply.Error(), "ERR unknown command"))
}

// Ping asks the server whether it is there and lets this client in.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("result backend: %w", err)
	}
	return nil
}

// Close implements [result.Store].
func (s *Store) Close() error { return s.client.Close() }
