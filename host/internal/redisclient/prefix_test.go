package redisclient

import (
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

func TestPrefixKnowsWhereKeysAre(t *testing.T) {
	for in, want := range map[string]string{
		"ping":                       "ping",
		"SET k v px 10":              "SET p:k v px 10",
		"del a b":                    "del p:a p:b",
		"brpop a b 3":                "brpop p:a p:b 3",
		"lmove a b right left":       "lmove p:a p:b right left",
		"evalsha abc 2 a b x y":      "evalsha abc 2 p:a p:b x y",
		"evalsha abc 0 x":            "evalsha abc 0 x",
		"publish channel message":    "publish p:channel message",
		"georadius a 1 2":            "not known",
		"evalsha abc 9 a":            "fewer",
		"evalsha abc":                "number of keys",
		"brpop":                      "fewer",
		"exec":                       "exec",
		"hset k f v":                 "hset p:k f v",
		"zadd unacked_index 1.5 tag": "zadd p:unacked_index 1.5 tag",
	} {
		var args []any
		for _, word := range strings.Fields(in) {
			args = append(args, word)
		}
		cmd := goredis.NewCmd(t.Context(), args...)
		err := prefixHook("p:").put(cmd)
		var got []string
		for _, a := range cmd.Args() {
			got = append(got, a.(string))
		}
		if text := strings.Join(got, " "); err == nil && text != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", in, text, err, want)
		}
	}
}
