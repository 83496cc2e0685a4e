package module

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/hostfn/wasm"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == compilerArg {
		os.Exit(RunCompiler(os.Stdin, os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == wallsArgument {
		lookAtWalls()
	}
	if len(os.Args) > 1 && (os.Args[1] == processArgument || os.Args[1] == boundProcessArgument) {
		bind, enter := bind, enter
		if os.Args[1] == boundProcessArgument {
			bind, enter = wasm.Instantiate, wasm.WithHost
		}
		if err := RunProcess(bind, enter); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	guests.clean()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for what must come: long, since the machine
// may be busy.
const patience = 30 * time.Second

// guests builds the guest in testdata once.
var guests builder

type builder struct {
	once sync.Once
	dir  string
	data []byte
	err  error
}

func (b *builder) build() {
	if b.dir, b.err = os.MkdirTemp("", "sparkstalk-guest-"); b.err != nil {
		return
	}
	out := filepath.Join(b.dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.err = fmt.Errorf("build the guest: %w\n%s", err, text)
		return
	}
	b.data, b.err = os.ReadFile(out)
}

func (b *builder) clean() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// goGuest returns the guest in testdata, compiled from Go.
func goGuest(t testing.TB) []byte {
	t.Helper()
	guests.once.Do(guests.build)
	if guests.err != nil {
		t.Fatal(guests.err)
	}
	return guests.data
}

// A call is the host of one call in these tests.
type call struct {
	abi.Unsupported
	ctx     context.Context
	result  []byte
	failure []byte
	count   func(context.Context) (int64, error)
}

func (c *call) ResultJSON(value []byte) error  { c.result = value; return nil }
func (c *call) ResultError(value []byte) error { c.failure = value; return nil }
func (c *call) ActionCount(abi.Frame) (int64, error) {
	if c.count == nil {
		return 42, nil
	}
	return c.count(c.ctx)
}

type hostKey struct{}

// bind is a small version of what the host binds.
func bind(ctx context.Context, r wazero.Runtime) error {
	const i32, i64 = api.ValueTypeI32, api.ValueTypeI64
	b := r.NewHostModuleBuilder(abi.ImportModule)
	taking := func(f func(h abi.Host, value []byte) error) api.GoModuleFunc {
		return func(ctx context.Context, m api.Module, stack []uint64) {
			h := ctx.Value(hostKey{}).(abi.Host)
			data, ok := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
			if !ok {
				panic(errors.New("out of range"))
			}
			stack[0] = 0
			if err := f(h, bytes.Clone(data)); err != nil {
				stack[0] = ^uint64(0)
			}
		}
	}
	b.NewFunctionBuilder().WithGoModuleFunction(taking(abi.Host.ResultJSON), []api.ValueType{i32, i32}, []api.ValueType{i64}).Export("result_json")
	b.NewFunctionBuilder().WithGoModuleFunction(taking(abi.Host.ResultError), []api.ValueType{i32, i32}, []api.ValueType{i64}).Export("result_error")
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
		n, err := ctx.Value(hostKey{}).(abi.Host).ActionCount(abi.Frame(stack[0]))
		if err != nil {
			panic(err)
		}
		stack[0] = uint64(n)
	}), []api.ValueType{i32}, []api.ValueType{i64}).Export("action_count")
	_, err := b.Instantiate(ctx)
	return err
}

func enter(ctx context.Context, h abi.Host) context.Context {
	return context.WithValue(ctx, hostKey{}, h)
}

// processArgument makes the test binary a module's process.
const processArgument = "module-process"

// boundProcessArgument makes it one with the host functions of [bound].
const boundProcessArgument = "bound-module-process"

// bound is cfg with the host functions of the real host, in their real binding.
func bound(cfg Config) Config {
	cfg.Bind, cfg.Enter = wasm.Instantiate, wasm.WithHost
	if len(cfg.Process) > 0 {
		cfg.Process = []string{"/proc/self/exe", boundProcessArgument}
	}
	return cfg
}

// isolated is config's, with all modules in processes of their own.
func isolated(cfg Config) Config {
	cfg.Process = []string{"/proc/self/exe", processArgument}
	cfg.Isolated = func(string) bool { return true }
	return cfg
}

// config is one for tests: quick, and with no cache on disk.
func config(t testing.TB) Config {
	cfg := Config{
		Dir: filepath.Join(t.TempDir(), "plugins"), CacheDir: NoCache, Bind: bind, Enter: enter,
		Settle: 20 * time.Millisecond, Relist: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		// The race detector makes the compiler slow.
		CompileTimeout: 10 * time.Minute,
	}
	if os.Getenv("SPARKSTALK_TEST_ISOLATED") != "" { // all tests in this way, by hand
		return isolated(cfg)
	}
	return cfg
}

// goConfig is one whose folder has the Go guest, guest.wasm. Its compiled code
// is kept for all tests.
func goConfig(t testing.TB) Config {
	cfg := config(t)
	put(t, cfg, "guest.wasm", goGuest(t))
	cfg.CacheDir = filepath.Join(guests.dir, "cache")
	return cfg
}

// put writes a module as a deployment should: under another name, then renamed.
func put(t testing.TB, cfg Config, file string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, file)
	if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a registry that is closed with the test, when all must be idle.
func open(t testing.TB, cfg Config) *Registry {
	t.Helper()
	r, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// start opens a registry and runs it.
func start(t testing.TB, cfg Config) *Registry {
	t.Helper()
	r := open(t, cfg)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// errNoTask is run's when nobody serves the task.
var errNoTask = errors.New("no task")

// run calls a task once.
func run(ctx context.Context, r *Registry, task string, c *call) error {
	lease, ok := r.Acquire(task)
	if !ok {
		return fmt.Errorf("%w %s", errNoTask, task)
	}
	defer lease.Release()
	c.ctx = ctx
	return lease.Run(ctx, c)
}

// result calls a task that must succeed and returns what it gave.
func result(t testing.TB, r *Registry, task string) string {
	t.Helper()
	var c call
	if err := run(t.Context(), r, task, &c); err != nil {
		t.Fatal(err)
	}
	return string(c.result)
}

// eventually waits until ok returns nil.
func eventually(t testing.TB, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// answers returns a check for eventually.
func answers(r *Registry, task, want string) func() error {
	return func() error {
		var c call
		if err := run(context.Background(), r, task, &c); err != nil {
			return err
		}
		if string(c.result) != want {
			return fmt.Errorf("%s gave %s, want %s", task, c.result, want)
		}
		return nil
	}
}

// only returns the one Info of a state for a file.
func only(t testing.TB, r *Registry, file string, state State) Info {
	t.Helper()
	var found []Info
	for _, info := range r.Modules() {
		if filepath.Base(info.Path) == file && info.State == state {
			found = append(found, info)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d infos %s of %s, want 1: %+v", len(found), state, file, r.Modules())
	}
	return found[0]
}

func TestGoModuleIsLoadedAndCalled(t *testing.T) {
	cfg := goConfig(t)
	path := filepath.Join(cfg.Dir, "guest.wasm")
	r := open(t, cfg)
	if got := result(t, r, "guest.version"); got != `"1"` {
		t.Errorf("guest.version gave %s", got)
	}
	if got := r.Tasks(); len(got) != 14 || got[0] != "guest.big" {
		t.Errorf("Tasks() = %q", got)
	}
	info := only(t, r, "guest.wasm", Serving)
	if info.Path != path || info.Name != "guest" || len(info.Hash) != 64 || info.Size < 1<<20 || len(info.Tasks) != 14 ||
		info.SDK != "test/1" || info.Calls != 1 || info.Traps != 0 || info.Instances != 1 || info.LoadedAt.IsZero() || info.CompileTime <= 0 {
		t.Errorf("Info = %+v", info)
	}
	if _, err := json.Marshal(info); err != nil {
		t.Error(err)
	}
	if _, ok := r.Acquire("guest.nothing"); ok {
		t.Error("a task that nobody has was acquired")
	}
	lease, _ := r.Acquire("guest.nap")
	defer lease.Release()
	if got := lease.Spec().Name; got != "guest.nap" {
		t.Errorf("Spec().Name = %q", got)
	}
	if got := lease.Module().Hash; got != info.Hash {
		t.Errorf("Module().Hash = %q", got)
	}
}

func TestSandbox(t *testing.T) {
	cfg := goConfig(t)
	t.Setenv("SECRET", "1")
	r := open(t, cfg)
	var got struct {
		File, Dir       string
		Args, Env, Year int
	}
	if err := json.Unmarshal([]byte(result(t, r, "guest.sandbox")), &got); err != nil {
		t.Fatal(err)
	}
	if got.File == "<nil>" || got.Dir == "<nil>" || got.Args > 1 || got.Env != 0 || got.Year != time.Now().UTC().Year() {
		t.Errorf("the guest sees %+v", got)
	}
	var nap int
	if err := json.Unmarshal([]byte(result(t, r, "guest.nap")), &nap); err != nil {
		t.Fatal(err)
	}
	if nap < 29 || nap > 10_000 {
		t.Errorf("a sleep of 30 ms took the guest %d ms", nap)
	}
}

func TestConfigurationSaysAllThatIsWrong(t *testing.T) {
	_, err := Open(t.Context(), Config{MaxCalls: -5, Settle: -1})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Dir", "Bind", "Enter", "MaxCalls", "Settle"} {
		if !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
}

func TestInspect(t *testing.T) {
	cfg := config(t)
	good := put(t, cfg, "good.wasm", small("t.good", 1))
	bad := put(t, cfg, "bad.wasm", []byte("hello"))
	info, err := Inspect(t.Context(), cfg, good)
	if err != nil || info.State != Serving || len(info.Tasks) != 1 || info.Tasks[0].Name != "t.good" {
		t.Errorf("Inspect = %+v, %v", info, err)
	}
	info, err = Inspect(t.Context(), cfg, bad)
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || refused.Kind != NotWasm || refused.Path != bad || info.State != Refused || info.Hash == "" {
		t.Errorf("Inspect = %+v, %v", info, err)
	}
	if _, err = Inspect(t.Context(), cfg, good+".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Inspect of no file: %v", err)
	}
}

// limited is a Config.Limits that grants all modules the same.
func limited(most abi.Limits) func(string, abi.Limits) abi.Limits {
	return func(_ string, asked abi.Limits) abi.Limits { return asked.Within(most.Over(abi.DefaultLimits)) }
}
