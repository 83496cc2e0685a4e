package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

const (
	rabbitRedis = "RabbitMQ, Redis"
	rabbitRPC   = "RabbitMQ, rpc"
	redisRedis  = "Redis, Redis"
)

// all are the faults, in the table's order.
var all = []fault{
	{name: "kill -9, early ack", through: rabbitRPC, bed: on(shared, rpc), inject: killed, early: true, note: ranAtKill},
	{name: "kill -9, early ack (Python)", through: rabbitRPC, bed: on(shared, rpc, python), inject: killed, early: true, long: true, note: ranAtKill},
	{name: "kill -9, late ack", through: rabbitRedis, bed: on(shared, results, late), inject: killed},
	{name: "kill -9, late ack (Python)", through: rabbitRedis, bed: on(shared, results, late, python), inject: killed, long: true},
	{name: "kill -9, late ack", through: redisRedis, bed: on(sharedRedis, results, late, visibility), inject: killed, long: true,
		note: "visibility_timeout 5 s"},
	{name: "a task during which the host dies, each time", through: rabbitRedis, bed: on(shared, results, late), inject: poisoned, note: givenUp},
	{name: "a task during which the host dies, each time", through: redisRedis, bed: on(sharedRedis, results, late, visibility), inject: poisoned, long: true,
		note: givenUp + "; visibility_timeout 5 s"},
	{name: "SIGTERM", through: rabbitRedis, bed: on(shared, results), inject: terminated, judge: once},
	{name: "SIGTERM, late ack", through: redisRedis, bed: on(sharedRedis, results, late), inject: terminated, judge: once, long: true},
	{name: "broker stopped and started, late ack", through: rabbitRedis, bed: onServer(proctest.StartRabbitMQ, results, late), inject: restarted, long: true},
	{name: "broker killed, late ack", through: rabbitRedis, bed: onServer(proctest.StartRabbitMQ, results, late), inject: brokerKilled, long: true},
	{name: "broker killed, early ack", through: rabbitRedis, bed: onServer(proctest.StartRabbitMQ, results), inject: brokerKilled, long: true},
	{name: "broker stopped and started, late ack", through: redisRedis, bed: onServer(durableRedis, results, late), inject: restarted, long: true},
	{name: "broker killed, late ack", through: redisRedis, bed: onServer(durableRedis, results, late), inject: brokerKilled},
	{name: "broker killed, early ack", through: redisRedis, bed: onServer(durableRedis, results), inject: brokerKilled, long: true},
	{name: "connection cut at a random byte, late ack", through: rabbitRPC, bed: on(shared, rpc, late, relayed), inject: cut},
	{name: "connection cut at a random byte, early ack", through: rabbitRPC, bed: on(shared, rpc, relayed), inject: cut, long: true},
	{name: "connection cut at a random byte, early ack", through: redisRedis, bed: on(sharedRedis, results, relayed), inject: cut},
	{name: "connection cut at a random byte, late ack and deduplication", through: rabbitRedis, bed: on(shared, results, late, dedup, relayed), inject: cut, long: true},
	{name: "black hole of 8 s", through: rabbitRPC, bed: on(shared, rpc, late, heartbeat, relayed), inject: hole, long: true, note: "heartbeat 2 s"},
	{name: "black hole of 8 s", through: redisRedis, bed: on(sharedRedis, results, late, relayed), inject: hole, long: true},
	{name: "result backend killed", through: rabbitRedis, bed: on(shared, ownResults, late), inject: backendKilled},
	{name: "result backend away for 60 s", through: rabbitRedis, bed: on(shared, ownResults), inject: backendAway, long: true},
	{name: "each message twice", through: rabbitRedis, bed: on(shared, results), inject: nothing, copies: 2, note: "both run, as with Python: they are not marked as redelivered"},
}

// givenUp is what becomes of a task that kills its worker.
const givenUp = "it is given up after 3 deaths, with a result that says so"

const ranAtKill = "what ran at the kill is lost, as Celery says"

var (
	relays   = map[*bed]*proctest.Relay{}
	servers  = map[*bed]*proctest.Server{}
	backends = map[*bed]*proctest.Server{}
)

// A choice changes a bed before its worker starts.
type choice func(t *testing.T, b *bed)

func shared(t *testing.T) string      { return proctest.RabbitMQ(t) }
func sharedRedis(t *testing.T) string { return database(t, "9") }

func database(t *testing.T, n string) string {
	return strings.TrimSuffix(proctest.Redis(t), "/0") + "/" + n
}

func durableRedis(t testing.TB) *proctest.Server {
	return proctest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
}

// on makes a bed over a broker that others share.
func on(broker func(t *testing.T) string, backend func(t *testing.T) (string, *proctest.Server), choices ...choice) func(*testing.T) *bed {
	return func(t *testing.T) *bed {
		at, server := backend(t)
		b := newBed(t, broker(t), at)
		backends[b] = server
		for _, c := range choices {
			c(t, b)
		}
		return b
	}
}

// onServer makes a bed over a broker of its own.
func onServer(start func(testing.TB) *proctest.Server, backend func(t *testing.T) (string, *proctest.Server), choices ...choice) func(*testing.T) *bed {
	return func(t *testing.T) *bed {
		server := start(t)
		b := on(func(*testing.T) string { return server.URL() }, backend, choices...)(t)
		servers[b] = server
		return b
	}
}

func rpc(*testing.T) (string, *proctest.Server)       { return "rpc", nil }
func results(t *testing.T) (string, *proctest.Server) { return database(t, "10"), nil }
func ownResults(t *testing.T) (string, *proctest.Server) {
	server := durableRedis(t)
	return server.URL(), server
}

func late(_ *testing.T, b *bed)   { b.late = true }
func python(_ *testing.T, b *bed) { b.python = true }
func dedup(_ *testing.T, b *bed) {
	b.env = append(b.env, "SPARKSTALK_WORKER_DEDUPLICATE_SUCCESSFUL_TASKS=true")
}
func visibility(_ *testing.T, b *bed) {
	b.env = append(b.env, `SPARKSTALK_BROKER_TRANSPORT_OPTIONS={"visibility_timeout": 5}`)
}
func heartbeat(_ *testing.T, b *bed) { b.workerBroker += "?heartbeat=2" }
func relayed(t *testing.T, b *bed)   { relays[b], b.workerBroker = behind(t, b.workerBroker) }

func nothing(*bed) time.Time { return time.Time{} }

func killed(b *bed) time.Time {
	b.process.kill()
	defer b.worker()
	return time.Now()
}

// poisoned sends a task and kills the host whenever it runs, until it is given up.
func poisoned(b *bed) time.Time {
	b.t.Helper()
	n := b.poisons
	b.poisons++
	m := b.message(n)
	id := b.queue + "-poison-" + strconv.Itoa(n)
	m.headers["task"], m.headers["id"], m.headers["root_id"] = "faults.poison", id, id
	m.body = fmt.Appendf(nil, `[[%d, 600000], {}, {}]`, n)
	if err := b.send([]message{m}); err != nil {
		b.t.Fatal(err)
	}
	ended := ""
	for deaths := 0; ended == ""; {
		b.eventually("the poison to run or to be given up", func() bool {
			ended, _ = b.redis.Get(context.Background(), "celery-task-meta-"+id).Result() // there is none before
			return ended != "" || b.effects.poisoned(n) > deaths
		})
		if ended == "" {
			b.process.kill()
			deaths++
			b.worker()
		}
	}
	if runs := b.effects.poisoned(n); runs != 3 || !strings.Contains(ended, "WorkerLostError") || !strings.Contains(ended, "worker_lost_limit") {
		b.t.Errorf("the poison ran %d times and ended with %s", runs, ended)
	}
	return time.Now()
}

func terminated(b *bed) time.Time {
	b.process.term(b.t)
	defer b.worker()
	return time.Now()
}

// once holds a fault to running each task once.
func once(t *testing.T, r row) {
	if r.repeated > 0 {
		t.Errorf("%d tasks ran again", r.repeated)
	}
}

func restarted(b *bed) time.Time {
	servers[b].Stop()
	servers[b].Restart(b.t)
	return time.Now()
}

func brokerKilled(b *bed) time.Time {
	if !b.overRedis() {
		servers[b].Flush(b.t)
	}
	servers[b].Kill()
	servers[b].Restart(b.t)
	return time.Now()
}

func cut(b *bed) time.Time {
	before := relays[b].Accepted()
	relays[b].CutAfter(1 + rand.Int64N(20_000))
	b.eventually("the cut", func() bool { n, _ := b.effects.ran(); return relays[b].Accepted() > before || n == b.sent })
	relays[b].CutAfter(-1)
	return time.Time{}
}

func hole(b *bed) time.Time {
	relays[b].Blackhole(true)
	time.Sleep(8 * time.Second)
	relays[b].Blackhole(false)
	return time.Now()
}

func backendKilled(b *bed) time.Time {
	backends[b].Kill()
	time.Sleep(300 * time.Millisecond)
	backends[b].Restart(b.t)
	return time.Now()
}

func backendAway(b *bed) time.Time {
	backends[b].Kill()
	time.Sleep(time.Minute)
	backends[b].Restart(b.t)
	return time.Now()
}
