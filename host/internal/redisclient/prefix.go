package redisclient

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// Prefix has a client put a text in front of each key and channel that it names
// in a command, as kombu's global_keyprefix does; an empty one changes nothing.
// Channels of subscriptions do not pass here: who subscribes puts the prefix
// there, and takes it off what arrives. A command whose keys are not known here
// is an error, and goes to no server.
func Prefix(client *goredis.Client, prefix string) {
	if prefix != "" {
		client.AddHook(prefixHook(prefix))
	}
}

type prefixHook string

// DialHook implements [goredis.Hook].
func (prefixHook) DialHook(next goredis.DialHook) goredis.DialHook {
	return next
}

// ProcessHook implements [goredis.Hook].
func (p prefixHook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if err := p.put(cmd); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements [goredis.Hook].
func (p prefixHook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		for _, cmd := range cmds {
			if err := p.put(cmd); err != nil {
				for _, c := range cmds {
					c.SetErr(err)
				}
				return err
			}
		}
		return next(ctx, cmds)
	}
}

// put changes the keys among a command's arguments.
func (p prefixHook) put(cmd goredis.Cmder) error {
	args := cmd.Args()
	first, end, err := keysOf(args)
	if err != nil {
		return err
	}
	for i := first; i < end; i++ {
		args[i] = string(p) + fmt.Sprint(args[i])
	}
	return nil
}

// keysOf is where a command's keys are among its arguments, of which the command
// itself is the first.
func keysOf(args []any) (first, end int, err error) {
	name := strings.ToLower(fmt.Sprint(args[0]))
	switch name {
	case "auth", "client", "command", "discard", "echo", "exec", "hello", "info", "multi", "ping", "quit", "script", "select", "time", "unwatch":
		return 0, 0, nil
	case "del", "exists", "mget", "unlink", "watch":
		first, end = 1, len(args)
	case "blpop", "brpop":
		first, end = 1, len(args)-1
	case "blmove", "lmove", "rename", "rpoplpush":
		first, end = 1, 3
	case "eval", "evalsha":
		n, err := strconv.Atoi(fmt.Sprint(args[min(2, len(args)-1)]))
		if err != nil {
			return 0, 0, fmt.Errorf("%s without a number of keys", name)
		}
		first, end = 3, 3+n
	case "expire", "get", "getdel", "hdel", "hexists", "hget", "hgetall", "hincrby", "hkeys", "hlen", "hset", "hsetnx", "incr", "lindex", "llen",
		"lpop", "lpush", "lrange", "lrem", "ltrim", "pexpire", "publish", "pttl", "rpop", "rpush", "sadd", "scard", "set", "setex",
		"setnx", "sismember", "smembers", "srem", "ttl", "type", "zadd", "zcard", "zcount", "zincrby", "zrange", "zrangebyscore",
		"zrem", "zremrangebyscore", "zrevrangebyscore", "zscore":
		first, end = 1, 2
	default:
		return 0, 0, fmt.Errorf("where the keys of Redis' %s are is not known here, and it cannot be used with a global_keyprefix", name)
	}
	if end > len(args) || first > end {
		return 0, 0, fmt.Errorf("%s has %d arguments, fewer than it has keys", name, len(args)-1)
	}
	return first, end, nil
}
