package proctest_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

func TestName(t *testing.T) {
	t.Run("a b/ü", func(t *testing.T) {
		a, b := proctest.Name(t), proctest.Name(t)
		if a == b || !strings.HasPrefix(a, "TestName.a_b..") {
			t.Errorf("names are %q and %q, want two with the test's name", a, b)
		}
	})
}

// dial opens a channel that ends with the test.
func dial(t *testing.T, url string) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestRabbitMQ(t *testing.T) {
	ch := dial(t, proctest.RabbitMQ(t))
	q, err := ch.QueueDeclare(proctest.Name(t), false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Publish("", q.Name, false, false, amqp.Publishing{Body: []byte("hi")}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		d, ok, err := ch.Get(q.Name, true)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			if string(d.Body) != "hi" {
				t.Errorf("body = %q, want hi", d.Body)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the message did not arrive")
		}
	}
}

// The fault tests rest on this: a durable message survives kill -9 and is found
// on the same port.
func TestRabbitMQKilledAndRestarted(t *testing.T) {
	s := proctest.StartRabbitMQ(t)
	ch := dial(t, s.URL())
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	name := proctest.Name(t)
	if _, err := ch.QueueDeclare(name, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	c, err := ch.PublishWithDeferredConfirm("", name, false, false,
		amqp.Publishing{Body: []byte("kept"), DeliveryMode: amqp.Persistent})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Wait() {
		t.Fatal("the broker refused the message")
	}
	if out := s.Ctl(t, "list_queues", "name", "messages"); !strings.Contains(out, name+"\t1") {
		t.Errorf("rabbitmqctl list_queues says %q, want %s with 1 message", out, name)
	}
	s.Flush(t)
	pid := s.PID()
	s.Kill()
	if process.Alive(pid) {
		t.Errorf("process %d lives after Kill", pid)
	}
	s.Restart(t)
	d, ok, err := dial(t, s.URL()).Get(name, true)
	if err != nil || !ok || string(d.Body) != "kept" {
		t.Errorf("got %q, %v, %v, want the message", d.Body, ok, err)
	}
}

func TestRedisKilledAndRestarted(t *testing.T) {
	s := proctest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	address := s.Address()
	say := func(words, want string) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte(words + "\r\n")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if got := string(buf[:n]); err != nil || got != want {
			t.Errorf("%s answers %q, %v, want %q", words, got, err, want)
		}
	}
	say("SET k v", "+OK\r\n")
	s.Kill()
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("a killed server accepts connections")
	}
	s.Restart(t)
	say("GET k", "$1\r\nv\r\n")
	s.Stop()
	s.Restart(t)
	say("GET k", "$1\r\nv\r\n")
	if !strings.HasPrefix(proctest.Redis(t), "redis://") {
		t.Errorf("URL is %q", proctest.Redis(t))
	}
}

func TestProxy(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 100)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					_, _ = c.Write(buf[:n])
				}
			}()
		}
	}()
	relay := proctest.Proxy(t, echo.Addr().String())
	open := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", relay.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ask := func(c net.Conn, limit time.Duration) error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_ = c.SetReadDeadline(time.Now().Add(limit))
		_, err := c.Read(make([]byte, 1))
		return err
	}

	c := open()
	if err := ask(c, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	relay.Blackhole(true)
	if err := ask(c, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("in the black hole: %v, want a timeout", err)
	}
	relay.Blackhole(false)
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Errorf("after the black hole: %v, want the byte that was held", err)
	}
	relay.Cut()
	if err := ask(c, 20*time.Second); err == nil {
		t.Error("a cut connection answers")
	}
	if err := ask(open(), 20*time.Second); err != nil {
		t.Errorf("a new connection after Cut: %v", err)
	}
	relay.Refuse(true)
	if err := ask(open(), 20*time.Second); err == nil {
		t.Error("a refused connection answers")
	}
	if n := relay.Accepted(); n != 2 {
		t.Errorf("%d connections passed, want 2", n)
	}
}

// helperEnv makes the test binary start a broker and say its address and ids.
const helperEnv = "SPARKSTALK_PROCTEST_HELPER"

func TestServersDieWithTheTestBinary(t *testing.T) {
	if os.Getenv(helperEnv) != "" {
		s := proctest.StartRedis(t)
		println("address", s.Address())
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServersDieWithTheTestBinary$")
	cmd.Env = append(os.Environ(), helperEnv+"=1")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "address ")
	if err != nil || !ok {
		t.Fatalf("helper said %q, %v", line, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("Redis outlived the test binary")
		}
	}
}

func TestEnginesAnswerPySpark(t *testing.T) {
	python := proctest.PySpark(t)
	script := filepath.Join(t.TempDir(), "ask.py")
	if err := os.WriteFile(script, []byte(`
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
print(spark.sql("SELECT sum(id) FROM range(100000)").collect()[0][0])
print(spark.sql("SELECT 1 AS x").localCheckpoint().collect()[0].x)
spark.stop()
`), 0o600); err != nil {
		t.Fatal(err)
	}
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		out, err := exec.Command(python, script, remote).CombinedOutput()
		if err != nil || string(out) != "4999950000\n1\n" {
			t.Errorf("PySpark says %q, %v, want the sum and the checkpoint's row", out, err)
		}
	})
}

func TestPythonHasCelery(t *testing.T) {
	out, err := exec.Command(proctest.Python(t), "-c", "import celery; print(celery.__version__)").CombinedOutput()
	if err != nil || string(out) != "5.7.0\n" {
		t.Errorf("Celery's version is %q, %v, want 5.7.0", out, err)
	}
}

// The command keeps the exit code, ends what it started, and leaves none of it
// behind when it is killed.
func TestWithServices(t *testing.T) {
	with := filepath.Join(t.TempDir(), "withservices")
	if out, err := exec.Command("go", "build", "-o", with, "./withservices").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := func(out string) string {
		t.Helper()
		a, ok := strings.CutPrefix(strings.TrimSpace(out), "redis://")
		if !ok {
			t.Fatalf("the command sees %q", out)
		}
		return strings.TrimSuffix(a, "/0")
	}
	gone := func(address string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			_ = c.Close()
			if time.Now().After(deadline) {
				t.Fatalf("%s is still there", address)
			}
		}
	}
	clean := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env = append(os.Environ(), proctest.EnvRedis+"=")
		return cmd
	}
	const show = "echo $" + proctest.EnvRedis + "; "

	out, err := clean(exec.Command(with, "-services", "redis", "--", "sh", "-c", show+"exit 3")).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Errorf("ended with %v, want the command's exit code 3", err)
	}
	gone(address(string(out)))

	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		cmd := clean(exec.Command(with, "-services", "redis", "--", "sh", "-c", show+"exec sleep 20"))
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(pipe).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Process.Signal(sig)
		_ = cmd.Wait()
		gone(address(line))
	}
	if out, err := exec.Command(with, "-services", "kafka", "--", "true").CombinedOutput(); err == nil || !strings.Contains(string(out), `service "kafka" is not known`) {
		t.Errorf("an unknown service: %v, %s", err, out)
	}
}
