// Package proctest starts what integration tests talk to: RabbitMQ, Redis, the
// Spark engines, and Pythons with Celery and PySpark.
//
// A shared service is started by the first test that asks for it and lives
// until [Main] has run the package's tests. A run over many packages starts
// each once and names it in the environment, as the command withservices does:
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
	"errors"
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

// open returns the service's URL, and starts it the first time unless the
// environment names one that runs.
func (s *shared) open() (string, error) {
	s.once.Do(func() {
		if s.url = os.Getenv(s.env); s.url == "" {
			s.url, s.stop, s.err = s.start()
		}
	})
	return s.url, s.err
}

func (s *shared) get(t testing.TB) string {
	t.Helper()
	url, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	return url
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

var services = map[string]*shared{
	"rabbitmq": {env: EnvAMQP, start: startShared("rabbitmq", newRabbitMQ)},
	"redis":    {env: EnvRedis, start: startShared("redis", newRedis())},
	"sail":     {env: EnvSail, start: startSharedEngine("sail")},
	"spark":    {env: EnvSpark, start: startSharedEngine("local[2]")},
}

// RabbitMQ returns the URL of a broker that tests share. See [Name].
func RabbitMQ(t testing.TB) string {
	t.Helper()
	return services["rabbitmq"].get(t)
}

// Redis returns the URL of a Redis database that tests share. See [Name].
func Redis(t testing.TB) string {
	t.Helper()
	return services["redis"].get(t)
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
func Main(m interface{ Run() int }, opts ...goleak.Option) {
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

// ServiceNames are the shared services that StartServices knows.
var ServiceNames = []string{"rabbitmq", "redis", "sail", "spark"}

// StartServices starts shared services, at once, for another process's tests.
// It returns the environment variables that name them; Stop stops them. One that
// the environment names already is not started.
func StartServices(names []string) (env []string, err error) {
	urls := make([]string, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		s, ok := services[name]
		if !ok {
			return nil, fmt.Errorf("service %q is not known: use %s", name, strings.Join(ServiceNames, ", "))
		}
		wg.Go(func() { urls[i], errs[i] = s.open() })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		Stop()
		return nil, err
	}
	for i, name := range names {
		env = append(env, services[name].env+"="+urls[i])
	}
	return env, nil
}

// Stop stops what this test binary started. A TestMain that does not use Main
// calls it after the tests.
func Stop() {
	for _, s := range services {
		if s.stop != nil {
			s.stop()
			s.stop = nil
		}
	}
}
