package proctest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// debianBin holds RabbitMQ's own scripts on Debian. Those in PATH switch to the
// user rabbitmq when root calls them, who may not read our folders.
const debianBin = "/usr/lib/rabbitmq/bin/"

// rabbitScript returns the path of one of RabbitMQ's scripts.
func rabbitScript(name string) (string, error) {
	if _, err := os.Stat(debianBin + name); err == nil {
		return debianBin + name, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: run scripts/setup broker", name)
	}
	return path, nil
}

// rabbitMQ is one node with an Erlang port mapper of its own: the usual one is
// a daemon that would stay behind.
type rabbitMQ struct {
	port, dist, epmd int
	env              []string // set by start
}

func newRabbitMQ() (server, error) {
	r := &rabbitMQ{}
	for _, port := range []*int{&r.port, &r.dist, &r.epmd} {
		var err error
		if *port, err = freeport.Pick(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *rabbitMQ) address() string { return freeport.Address(r.port) }

func (r *rabbitMQ) url() string { return "amqp://guest:guest@" + r.address() + "//" }

// ready asks for the protocol's first frame: a method on channel 0.
func (r *rabbitMQ) ready() error { return talk(r.address(), "AMQP\x00\x00\x09\x01", "\x01\x00\x00") }

func (r *rabbitMQ) start(dir *rundir.Dir) ([]*process.Process, error) {
	script, err := rabbitScript("rabbitmq-server")
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"plugins": "[].\n",
		"rabbitmq.conf": fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\n", r.port) +
			"log.console = true\nlog.console.level = warning\nlog.file = false\n" +
			"vm_memory_high_watermark.absolute = 1GiB\ndisk_free_limit.absolute = 20MB\n",
	}
	for name, text := range files {
		if err := os.WriteFile(dir.Join(name), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("configure RabbitMQ: %w", err)
		}
	}
	r.env = environ(nil, "RABBITMQ_", "ERL_")
	r.env = append(r.env,
		"HOME="+dir.Path(), // the node's secret is kept there
		"RABBITMQ_NODENAME=sparkstalk-test@localhost",
		"RABBITMQ_DIST_PORT="+strconv.Itoa(r.dist),
		"ERL_EPMD_PORT="+strconv.Itoa(r.epmd),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_MNESIA_BASE="+dir.Join("mnesia"),
		"RABBITMQ_LOG_BASE="+dir.Join("log"),
		"RABBITMQ_PID_FILE="+dir.Join("pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+dir.Join("plugins"),
		"RABBITMQ_CONFIG_FILE="+dir.Join("rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE="+dir.Join("none"),
		"RABBITMQ_CONF_ENV_FILE="+dir.Join("none"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		// The script then becomes the server instead of its parent, so that
		// signals, and our own death, reach the server.
		"detached=1",
	)
	epmd, err := process.Start(process.Config{Path: "epmd", Args: []string{"-port", strconv.Itoa(r.epmd)}, Env: r.env})
	if err != nil {
		return nil, fmt.Errorf("start RabbitMQ: %w", err)
	}
	node, err := process.Start(process.Config{Path: script, Env: r.env, Dir: dir.Path()})
	if err != nil {
		epmd.Kill()
		return nil, fmt.Errorf("start RabbitMQ: %w", err)
	}
	return []*process.Process{node, epmd}, nil
}

// Ctl runs rabbitmqctl on the server and returns what it printed. It takes a
// second or two.
func (s *Server) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	r, ok := s.kind.(*rabbitMQ)
	if !ok {
		t.Fatalf("%s is not RabbitMQ", s.URL())
	}
	script, err := rabbitScript("rabbitmqctl")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), script, append([]string{"-q", "-n", "sparkstalk-test@localhost"}, args...)...)
	cmd.Env = r.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbitmqctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Flush has the broker write to disk what it has declared. RabbitMQ does that
// some two seconds after it has said that a durable queue or binding is there:
// one declared just before a Kill may be gone after it. Confirmed persistent
// messages are on disk already.
func (s *Server) Flush(t testing.TB) {
	t.Helper()
	s.Ctl(t, "eval", "mnesia:sync_log().")
}

// environ returns this process's environment without the variables that have
// one of these names or prefixes.
func environ(names []string, prefixes ...string) []string {
	var env []string
next:
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		for _, n := range names {
			if name == n {
				continue next
			}
		}
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				continue next
			}
		}
		env = append(env, kv)
	}
	return env
}
