// Package proctest starts what integration tests talk to: RabbitMQ, Redis, the
// Spark engines, and Pythons with Celery and PySpark.
//
// A shared service is started by the first test that asks for it and lives
// until [Main] has run the package's tests. A run over many packages starts
// each once and names it in the environment (see the command withservices):
//
//	SPARKSTALK_TEST_AMQP   amqp://guest:guest@127.0.0.1:5672//
//	SPARKSTALK_TEST_REDIS  redis://127.0.0.1:6379/0
//	SPARKSTALK_TEST_SAIL   sc://127.0.0.1:15002
//	SPARKSTALK_TEST_SPARK  sc://127.0.0.1:15003
//
// Shared services hold what other tests put there: use [Name] for queues and
// keys. A test that kills its server starts one of its own.
//
// Nothing is skipped: what is not installed fails the test with the command
// that installs it.
package proctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

// Environment variables that name a service which runs already.
const (
	EnvAMQP  = "SPARKSTALK_TEST_AMQP"
	EnvRedis = "SPARKSTALK_TEST_REDIS"
	EnvSail  = "SPARKSTALK_TEST_SAIL"
	EnvSpark = "SPARKSTALK_TEST_SPARK"
)

// runParent is where servers keep their data.
func runParent() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("sparkstalk-test-%d", os.Getuid()))
}

// A shared service of this test binary.
type shared struct {
	env   string
	start func() (url string, stop func(), err error)

	once sync.Once
	url  string
	stop func()
	err  error
}

func (s *shared) get(t testing.TB) string {
	t.Helper()
	s.once.Do(func() {
		if s.url = os.Getenv(s.env); s.url == "" {
			s.url, s.stop, s.err = s.start()
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.url
}

func startShared(name string, newServer func() (server, error)) func() (string, func(), error) {
	return func() (string, func(), error) {
		s, err := launch(name, newServer)
		if err != nil {
			return "", nil, err
		}
		return s.URL(), s.Close, nil
	}
}

var (
	sharedRabbitMQ = &shared{env: EnvAMQP, start: startShared("rabbitmq", newRabbitMQ)}
	sharedRedis    = &shared{env: EnvRedis, start: startShared("redis", newRedis())}
)

// RabbitMQ returns the URL of a broker that tests share. See [Name].
func RabbitMQ(t testing.TB) string {
	t.Helper()
	return sharedRabbitMQ.get(t)
}

// Redis returns the URL of a Redis database that tests share. See [Name].
func Redis(t testing.TB) string {
	t.Helper()
	return sharedRedis.get(t)
}

// StartRabbitMQ starts a broker for this test alone, which may kill it. It
// keeps durable queues over a restart. Starting takes 5 to 10 s.
func StartRabbitMQ(t testing.TB) *Server {
	t.Helper()
	return private(t, "rabbitmq", newRabbitMQ)
}

// StartRedis starts a Redis for this test alone, which may kill it. It keeps
// nothing over a restart unless args say so: "--appendonly", "yes".
func StartRedis(t testing.TB, args ...string) *Server {
	t.Helper()
	return private(t, "redis", newRedis(args...))
}

func private(t testing.TB, name string, newServer func() (server, error)) *Server {
	t.Helper()
	s, err := launch(name, newServer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Name returns a name for a queue, exchange or key that no other test uses. It
// begins with the test's own.
func Name(t testing.TB) string {
	clean := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '.'
	}, t.Name())
	return clean + "." + uuid.NewString()[:8]
}

// Main runs a package's tests, stops what they shared, fails when goroutines
// are left, and exits:
//
//	func TestMain(m *testing.M) { proctest.Main(m) }
func Main(m *testing.M, opts ...goleak.Option) {
	code := m.Run()
	Stop()
	if code == 0 {
		if err := goleak.Find(opts...); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines are left after the tests: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Stop stops what this test binary started. A TestMain that does not use Main
// calls it after the tests.
func Stop() {
	for _, s := range []*shared{sharedRabbitMQ, sharedRedis} {
		if s.stop != nil {
			s.stop()
			s.stop = nil
		}
	}
}
