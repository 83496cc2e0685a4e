package redisclient

import (
	"strings"
	"testing"
)

// FuzzParse reads any Redis URL; its password appears in no error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"redis://:%s@localhost:6379/0", "rediss://u:%s@h/1?ssl_cert_reqs=CERT_NONE", "unix://u:%s@/tmp/s?db=2", "redis+socket:///tmp/s?virtual_host=3",
		"sentinel://:%s@a:1/0;sentinel://b", "redis://:%s@h:x/0", "redis://h/x", "redis://:%s@h/0?pool_size=a", "redis://%%zz", "", ";",
		"redis://:%s?x@h", "redis://:%s/x@h/0", "redis://u:%s#x@h", "redis://:%s x@h",
	} {
		f.Add(seed, "master")
	}
	const secret = "hunter2hunter2"
	f.Fuzz(func(t *testing.T, raw, master string) {
		if strings.Contains(raw, "cert") || strings.Contains(raw, "key") {
			return // files, which would be read
		}
		a, err := Parse(strings.Replace(raw, "%s", secret, 1), master)
		before, after, _ := strings.Cut(raw, "%s")
		if err != nil && strings.HasSuffix(before, ":") && strings.Contains(after, "@") && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error tells the password: %v", raw, err)
		}
		if err == nil {
			if a.opt == nil {
				t.Fatalf("%q: no address", raw)
			}
			_ = a.DB()
			if err := a.Client(nil).Close(); err != nil {
				t.Errorf("%q: %v", raw, err)
			}
		}
	})
}
