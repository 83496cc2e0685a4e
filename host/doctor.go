package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// What a [Check] came to.
const (
	CheckOK      = "ok"
	CheckWarning = "warning" // a worker starts, and something will not work
	CheckFailed  = "failed"  // a worker does not start, or serves nothing
)

// A Check is one thing that a worker needs and how it was found.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Way    string `json:"way,omitempty"` // out of it
}

// oldestSpark is the first version of Spark with all that sessions need.
const oldestSpark = 4

const (
	brokerLimit = 5 * time.Second // to connect with a broker or a result backend
	openLimit   = time.Minute     // for an engine started here to answer
	remoteLimit = 5 * time.Second // to reach a Spark that somebody else runs
)

// Doctor looks at everything that a worker with this configuration needs, and
// changes nothing. An engine that is not running is started for it, and stopped.
func Doctor(ctx context.Context, cfg Config) []Check {
	cfg.Log = nil // what is wrong is in the checks
	full, err := cfg.withDefaults()
	if err != nil {
		return []Check{{"settings", CheckFailed, err.Error(), "mend these settings first; see host/config.go for all of them"}}
	}
	checks := make([][]Check, 5)
	var g errgroup.Group // no check stops another
	for n, check := range []func(context.Context, Config) []Check{checkHome, checkBroker, checkResults, checkModules, checkEngine} {
		g.Go(func() error {
			checks[n] = check(ctx, full)
			return nil
		})
	}
	if err := g.Wait(); err != nil { // none returns one
		return []Check{{"doctor", CheckFailed, err.Error(), ""}}
	}
	out := []Check{{Name: "sparkstalk", Status: CheckOK, Detail: fmt.Sprintf("version %s, %s, %d CPUs", Version, runtime.Version(), runtime.NumCPU())}}
	for _, some := range checks {
		out = append(out, some...)
	}
	return out
}

func checkHome(_ context.Context, cfg Config) []Check {
	c := Check{Name: "home", Status: CheckOK, Detail: cfg.Home}
	err := os.MkdirAll(cfg.Home, 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(cfg.Home, ".doctor-"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		c.Status, c.Detail, c.Way = CheckFailed, err.Error(), "give a folder that can be written: --home or SPARKSTALK_HOME"
	}
	return []Check{c}
}

func checkBroker(ctx context.Context, cfg Config) []Check {
	c := Check{Name: "broker", Status: CheckOK, Detail: mask(cfg.Broker) + " answers"}
	if err := reachBroker(ctx, cfg); err != nil {
		c.Status, c.Detail = CheckFailed, err.Error()
		c.Way = "start the broker, or name another: --broker or CELERY_BROKER_URL"
	}
	return []Check{c}
}

// reachBroker connects as a worker does, and consumes nothing.
func reachBroker(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, brokerLimit)
	defer cancel()
	b, err := openBroker(cfg, nil, cfg.Hostname)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, func(broker.Delivery) {}) }()
	err = awaitBroker(ctx, cfg, b, ended)
	cancel()
	return errors.Join(err, b.Close())
}

// awaitBroker returns once the broker is connected, or says why it is not.
func awaitBroker(ctx context.Context, cfg Config, b broker.Broker, ended <-chan error) error {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for !b.Connected() {
		select {
		case err := <-ended:
			return err
		case <-look.C:
			// Nobody listens there: that is soon known, and a worker would wait.
			if err := reachHost(context.WithoutCancel(ctx), cfg.Broker); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%s did not let a client in within %v", mask(cfg.Broker), brokerLimit)
		}
	}
	return nil
}

// reachHost says what keeps the first server of a URL from being dialled.
func reachHost(ctx context.Context, raw string) error {
	first, _, _ := strings.Cut(raw, ";")
	u, err := url.Parse(first)
	if err != nil {
		return fmt.Errorf("%s: it is no URL", mask(first))
	}
	if u.Hostname() == "" { // a socket's path
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"amqps": "5671", "redis": "6379", "rediss": "6379", "sentinel": "26379"}[u.Scheme]
	}
	if port == "" {
		port = "5672"
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("%s: %w", mask(first), err)
	}
	return conn.Close()
}

func checkResults(ctx context.Context, cfg Config) []Check {
	c := Check{Name: "result_backend", Status: CheckOK, Detail: mask(cfg.ResultBackend)}
	if store, keeps, err := openWaiter(cfg); keeps {
		if err == nil {
			err = reach(ctx, store)
		}
		c.Detail += " answers"
		if err != nil {
			c.Status, c.Detail = CheckFailed, err.Error()
			c.Way = "start it, or name another backend: --result-backend or CELERY_RESULT_BACKEND"
		}
		return []Check{c}
	}
	switch schemeOf(cfg.ResultBackend) {
	case "rpc":
		c.Detail += ": results go back over the broker"
	case "disabled":
		c.Detail += ": results are dropped"
	default:
		if _, err := openStore(cfg, nil); err != nil {
			c.Status, c.Detail, c.Way = CheckFailed, err.Error(), "name one of these: --result-backend or CELERY_RESULT_BACKEND"
		}
	}
	return []Check{c}
}

// reach asks a backend whether it is there, and closes it.
func reach(ctx context.Context, store waiter) error {
	ctx, cancel := context.WithTimeout(ctx, brokerLimit)
	defer cancel()
	return errors.Join(store.Ping(ctx), store.Close())
}

func checkModules(ctx context.Context, cfg Config) []Check {
	modules, err := InspectAll(ctx, cfg)
	if err != nil {
		return []Check{{"modules", CheckFailed, err.Error(), "make the folder, or name another: --plugins"}}
	}
	tasks, refused := 0, []Check(nil)
	for _, m := range modules {
		if m.State == module.Refused {
			refused = append(refused, Check{"module " + m.Name, CheckWarning, m.Reason, "mend it and build it anew: sparkstalk build"})
		}
		tasks += len(m.Tasks)
	}
	all := Check{Name: "modules", Status: CheckOK, Detail: fmt.Sprintf("%d modules with %d tasks in %s", len(modules)-len(refused), tasks, cfg.Plugins)}
	if tasks == 0 {
		all.Status, all.Way = CheckWarning, "build one: sparkstalk build plugins/demo -o "+cfg.Plugins+"/demo.wasm"
	}
	out := append([]Check{all}, refused...)
	if why, err := module.FolderExposed(cfg.Plugins); err == nil && why != "" {
		out = append(out, Check{
			Name: "modules folder", Status: CheckWarning,
			Detail: fmt.Sprintf("others may write to %s, and so choose what runs here: %s", cfg.Plugins, why),
			Way:    "chmod go-w " + cfg.Plugins + ", as a folder of the worker's user; or take signed modules only: require_signed",
		})
	}
	return out
}

func checkEngine(ctx context.Context, cfg Config) []Check {
	e, err := engine.New(engineConfig(cfg))
	if err != nil {
		return []Check{{"engine", CheckFailed, err.Error(), "name one: --spark sail, --spark 'local[*]' or --spark sc://host:port"}}
	}
	if err := e.Check(); err != nil {
		way := "" // it says so itself
		if missing, ok := errors.AsType[*engine.NotInstalledError](err); ok {
			way = "sparkstalk engine install " + missing.Target
		}
		return []Check{{"engine", CheckFailed, err.Error(), way}}
	}
	can, took, err := probe(ctx, cfg, e)
	if err != nil {
		way := "see its log: sparkstalk engine logs"
		if strings.HasPrefix(cfg.Spark, "sc://") {
			way = "start the server, or name another: --spark or SPARK_REMOTE"
		}
		return []Check{{"engine", CheckFailed, fmt.Sprintf("%s: %v", e.Name(), err), way}}
	}
	out := []Check{{Name: "engine", Status: CheckOK, Detail: fmt.Sprintf("%s: %s %s answers after %v", e.Name(), can.Engine, can.Version, took.Round(time.Millisecond))}}
	major := 0
	if _, err := fmt.Sscanf(can.Version, "%d.", &major); can.Engine == "Spark" && (err != nil || major < oldestSpark) {
		out[0].Status, out[0].Way = CheckWarning, fmt.Sprintf("use Spark %d.0 or later", oldestSpark)
	}
	has := Check{Name: "engine has", Status: CheckOK, Detail: features(can.Has)}
	out = append(out, has)
	if len(can.Lacks) > 0 {
		out = append(out, Check{Name: "engine lacks", Status: CheckOK, Detail: features(can.Lacks), Way: "tasks that need one run on Apache Spark: --spark 'local[*]' or sc://host:port"})
	}
	return out
}

func features(list []spark.Feature) string {
	names := make([]string, 0, len(list))
	for _, f := range list {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// probe starts an engine, asks what it has, and stops it. One that somebody
// else runs is only asked.
func probe(ctx context.Context, cfg Config, e *engine.Engine) (can spark.Capabilities, took time.Duration, err error) {
	start := time.Now()
	defer func() { err = errors.Join(err, e.Stop(context.WithoutCancel(ctx))) }()
	if err := e.Start(ctx); err != nil {
		return can, 0, err
	}
	how := sessionConfig(cfg, e)
	how.Patience = -1 // Ready waits, and knows why
	session, err := spark.Open(how)
	if err != nil {
		return can, 0, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	limit := openLimit
	if strings.HasPrefix(cfg.Spark, "sc://") {
		limit = remoteLimit
	}
	ready, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it does not answer within %v", limit))
	defer cancel()
	if err := session.Ready(ready); err != nil {
		return can, 0, err
	}
	took = time.Since(start)
	can, err = session.Capabilities(ctx)
	return can, took, err
}

// Capabilities asks an engine that runs at remote what it has.
func Capabilities(ctx context.Context, cfg Config, remote string) (can spark.Capabilities, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return can, err
	}
	cfg.Spark = remote
	e, err := engine.New(engine.Config{Spec: remote, Home: cfg.Home, Log: cfg.Log})
	if err != nil {
		return can, err
	}
	can, _, err = probe(ctx, cfg, e)
	return can, err
}
