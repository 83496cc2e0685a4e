package rabbitmq

import (
	"strings"
	"testing"
)

// FuzzAddresses reads any broker URL; its password appears in no error and in
// nothing that is logged.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{
		"amqp://guest:%s@localhost:5672//", "amqps://u:%s@h/v?heartbeat=5", "pyamqp://u:%s@[::1]:1/a%%2Fb;amqp://h", "amqp://u:%s@h:x/", "amqp://u:%s/@h", "%s", "amqp://",
		"amqp://u:%s@h/v?heartbeat=-1&auth_mechanism=plain&auth_mechanism=external", ";;", "amqp://u:%s@h?channel_max=99999999",
	} {
		f.Add(seed)
	}
	const secret = "hunter2hunter2"
	f.Fuzz(func(t *testing.T, urls string) {
		if strings.Contains(urls, "file") {
			return // of certificates, which would be read
		}
		list, err := parseAddresses(strings.Replace(urls, "%s", secret, 1), nil)
		if err == nil && len(list) == 0 {
			t.Errorf("%q: neither addresses nor an error", urls)
		}
		for _, a := range list {
			if inPassword := a.Password == secret; inPassword && strings.Contains(a.String(), secret) {
				t.Errorf("%q is shown as %s", urls, a)
			}
		}
		if err != nil && strings.Contains(urls, ":%s@") && strings.Index(urls, ":%s@") == strings.Index(urls, "%s")-1 && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error tells the password: %v", urls, err)
		}
	})
}
