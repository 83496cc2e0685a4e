package celery

import (
	"strconv"
	"strings"
)

// Native delayed delivery: RabbitMQ holds a task until its time. 28 queues, one
// for each bit of the wait in seconds, pass a message on to each other as its
// bits say, and the last one to the exchange of its queue. The names and keys are
// kombu's (kombu.transport.native_delayed_delivery).
const (
	// DelayedExchange is where a message arrives once its time has come.
	DelayedExchange = "celery_delayed_delivery"
	// DelayedLevels is how many bits a wait has.
	DelayedLevels = 28
)

// DelayedLevel is the name of the queue, and of the exchange, that holds back by
// 2^n seconds. Messages enter at the highest level.
func DelayedLevel(n int) string { return "celery_delayed_" + strconv.Itoa(n) }

// DelayedKey is the routing key by which a message reaches key after so many
// seconds. False means that there is none: for less than one second, for more
// than 28 bits hold (eight years), and for an empty key.
func DelayedKey(seconds int64, key string) (string, bool) {
	key = undelayed(key)
	if seconds < 1 || seconds >= 1<<DelayedLevels || key == "" {
		return "", false
	}
	var b strings.Builder
	for n := DelayedLevels - 1; n >= 0; n-- {
		b.WriteByte('0' + byte(seconds>>n&1))
		b.WriteByte('.')
	}
	return b.String() + key, true
}

// undelayed is a routing key without the wait before it: a retry goes where its
// message came from, and that was held back perhaps.
func undelayed(key string) string {
	if len(key) < 2*DelayedLevels {
		return key
	}
	for n := range DelayedLevels {
		if bit := key[2*n]; bit != '0' && bit != '1' || key[2*n+1] != '.' {
			return key
		}
	}
	return key[2*DelayedLevels:]
}

// IsDelayed reports whether an exchange is one of those that hold messages back.
func IsDelayed(exchange string) bool { return strings.HasPrefix(exchange, "celery_delayed_") }
