package beat

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
)

// testLease is half of the default one, to save time.
const testLease = DefaultLease / 2

// The test binary is also a beat that another test kills.
const childEnv = "BEAT_TEST_CHILD"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		if err := child(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	proctest.Main(m)
}

// child runs a beat that prints what it sends: "url group file".
func child(spec string) error {
	var url, group, file string
	if _, err := fmt.Sscan(spec, &url, &group, &file); err != nil {
		return err
	}
	elector, err := electorAt(url, group)
	if err != nil {
		return err
	}
	b, err := New(Config{Elector: elector, File: File{Path: file}, Send: func(_ context.Context, name string, _ Entry) (string, error) {
		fmt.Println(name)
		return "", nil
	}})
	if err != nil {
		return err
	}
	if err := b.Set(map[string]Entry{"often": entryAt("0.5"), "seldom": entryAt("3600")}); err != nil {
		return err
	}
	return b.Run(context.Background())
}

func electorAt(url, group string) (Elector, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if strings.HasPrefix(url, "redis") {
		address, err := redisclient.Parse(url, "")
		if err != nil {
			return nil, err
		}
		return &Redis{Client: address.Client(nil), Group: group, Lease: testLease, Log: log}, nil
	}
	return &Peers{Group: group, Lease: testLease, Log: log, Open: func(queues []broker.Queue) (broker.Broker, error) {
		return rabbitmq.New(rabbitmq.Config{URL: url, Queues: queues, Prefetch: 1, Heartbeat: 2 * time.Second}) // a suspended client is noticed after two of them
	}}, nil
}

// A process is a child and what it sent.
type process struct {
	cmd  *exec.Cmd
	sent chan time.Time // of the entry "often"
	file File
}

func startChild(t *testing.T, url, group string) *process {
	t.Helper()
	p := &process{sent: make(chan time.Time, 1000), file: File{Path: filepath.Join(t.TempDir(), "s.json")}}
	p.cmd = exec.CommandContext(t.Context(), os.Args[0])
	p.cmd.Env = append(os.Environ(), childEnv+"="+url+" "+group+" "+p.file.Path)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "often" {
				p.sent <- time.Now()
			}
		}
		close(p.sent)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have been killed
	_ = p.cmd.Wait()
}

func (p *process) next(t *testing.T, within time.Duration) time.Time {
	t.Helper()
	select {
	case at, ok := <-p.sent:
		if !ok {
			t.Fatal("the beat has ended")
		}
		return at
	case <-time.After(within):
		t.Fatalf("nothing was sent within %v", within)
		return time.Time{}
	}
}

// saved waits until the beat, which has just sent, has written its file, and
// returns what that holds.
func (p *process) saved(t *testing.T) State {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		state, err := p.file.Load()
		if err != nil {
			t.Fatal(err)
		}
		if state.Entries["often"].Count > 0 {
			return state
		}
		if time.Now().After(end) {
			t.Fatal("the beat has not saved what it sent")
		}
	}
}

func TestAnotherBeatTakesOver(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"redis": proctest.Redis, "rabbitmq": proctest.RabbitMQ} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, group := url(t), proctest.Name(t)
			first := startChild(t, url, group)
			first.next(t, time.Minute)
			second := startChild(t, url, group)
			for range 4 { // 2 s, in which the second is up and sends nothing
				first.next(t, time.Minute)
			}
			if len(second.sent) > 0 {
				t.Fatal("both beats send")
			}
			before, err := first.file.Load()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // so that the second has heard of what the file holds
				first.next(t, time.Minute)
			}
			first.kill()
			last := time.Now()
			for at := range first.sent {
				last = at
			}
			t.Logf("the other beat took over within %v", second.next(t, time.Minute).Sub(last))
			after := second.saved(t)
			if !after.Entries["seldom"].LastRunAt.Equal(before.Entries["seldom"].LastRunAt) || before.Entries["seldom"].LastRunAt.IsZero() {
				t.Errorf("the entry that never ran began at %v for the first beat, at %v for the second", before.Entries["seldom"], after.Entries["seldom"])
			}
			if n, m := before.Entries["often"].Count, after.Entries["often"].Count; m <= n {
				t.Errorf("runs were counted to %d, then to %d", n, m)
			}
		})
	}
}

func TestABeatThatWasSuspendedLeadsNoMore(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"redis": proctest.Redis, "rabbitmq": proctest.RabbitMQ} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, group := url(t), proctest.Name(t)
			first := startChild(t, url, group)
			first.next(t, time.Minute)
			second := startChild(t, url, group)
			first.next(t, time.Minute)
			if err := first.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			second.next(t, time.Minute)
			if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) // what it printed before it was stopped is read
			printed := len(first.sent)
			for range 5 {
				second.next(t, time.Minute)
			}
			if n := len(first.sent); n > printed {
				t.Errorf("the beat that was suspended sent %d times more", n-printed)
			}
		})
	}
}

func TestALeaseEndsUnlessItIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		renewals := 3
		start := time.Now()
		err := lease(t.Context(), start.Add(10*time.Second), 4*time.Second, func(context.Context) time.Time {
			if renewals--; renewals < 0 {
				time.Sleep(time.Minute) // no answer: the lease must end all the same
				return time.Time{}
			}
			return time.Now().Add(10 * time.Second)
		}, func(ctx context.Context) error {
			<-ctx.Done()
			if took := time.Since(start); took != 22*time.Second { // renewed at 4, 8 and 12 s, for 10 s each
				t.Errorf("the lease ended after %v", took)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestNoRunIsClaimedWithoutTheLead(t *testing.T) {
	address, err := redisclient.Parse(proctest.Redis(t), "")
	if err != nil {
		t.Fatal(err)
	}
	client := address.Client(nil)
	defer func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := &Redis{Client: client, Group: proctest.Name(t), Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = r.Run(ctx, func(ctx context.Context, shared Shared) error {
		claim := func(want bool) {
			t.Helper()
			if ok, err := shared.Claim(ctx, "UTC", "a", Run{LastRunAt: begin, Count: 1}); ok != want || err != nil {
				t.Errorf("claimed %v, %v; want %v", ok, err, want)
			}
		}
		claim(true)
		if s, err := shared.Load(ctx); err != nil || s.Zone != "UTC" || s.Entries["a"].Count != 1 || !s.Entries["a"].LastRunAt.Equal(begin) {
			t.Errorf("state %+v, %v", s, err)
		}
		if err := shared.Keep(ctx, State{Zone: "Europe/Berlin", Entries: map[string]Run{"b": {Count: 7}}}); err != nil {
			t.Error(err)
		}
		if s, err := shared.Load(ctx); err != nil || s.Zone != "Europe/Berlin" || len(s.Entries) != 1 || s.Entries["b"].Count != 7 {
			t.Errorf("state %+v, %v", s, err)
		}
		// Another takes the lead, as after a pause of this process.
		if err := client.Set(ctx, r.keys()[0], "another", 0).Err(); err != nil {
			t.Error(err)
		}
		claim(false)
		cancel()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if left := client.Get(context.Background(), r.keys()[0]).Val(); left != "another" {
		t.Errorf("the lead of another became %q", left)
	}
	if err := client.Del(context.Background(), r.keys()...).Err(); err != nil {
		t.Error(err)
	}
}
