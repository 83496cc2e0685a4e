package proctest

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// RedisClient connects to the Redis of a URL, for a test to look into it, until the
// test ends.
func RedisClient(t testing.TB, url string) *goredis.Client {
	t.Helper()
	opt, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opt.ReadTimeout, opt.WriteTimeout = time.Minute, time.Minute // the machine may be busy
	c := goredis.NewClient(opt)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
