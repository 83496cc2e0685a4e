// Package hostfn answers [abi.Host] with Spark, the cache and the task that is
// being run.
//
// A [Binder] belongs to the host; an [Invocation] to one call of one task. The
// guest builds frames and expressions, which are numbered from 1 and live as
// long as the invocation. Nothing that a guest hands over can make the host
// fail: a handle that does not exist, lists of unequal length and too much of
// anything give a frame whose action returns the reason.
package hostfn

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/fetch"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// Session is what the host functions need of a [spark.Session].
type Session interface {
	Collect(ctx context.Context, df *spark.DataFrame, opt spark.Options) (*spark.Stream, error)
	Count(ctx context.Context, df *spark.DataFrame, opt spark.Options) (int64, error)
	Schema(ctx context.Context, df *spark.DataFrame) ([]spark.Field, error)
	Explain(ctx context.Context, df *spark.DataFrame, mode string) (string, error)
	Show(ctx context.Context, df *spark.DataFrame, n, truncate int32, vertical bool, opt spark.Options) (string, error)
	HTML(ctx context.Context, df *spark.DataFrame, n, truncate int32, opt spark.Options) (string, error)
	Tree(ctx context.Context, df *spark.DataFrame, level int32) (string, error)
	InputFiles(ctx context.Context, df *spark.DataFrame) ([]string, error)
	IsLocal(ctx context.Context, df *spark.DataFrame) (bool, error)
	IsStreaming(ctx context.Context, df *spark.DataFrame) (bool, error)
	SameSemantics(ctx context.Context, df, other *spark.DataFrame) (bool, error)
	SemanticHash(ctx context.Context, df *spark.DataFrame) (int32, error)
	StorageLevel(ctx context.Context, df *spark.DataFrame) (spark.StorageLevel, error)
	Write(ctx context.Context, df *spark.DataFrame, w spark.Write, opt spark.Options) error
	WriteTo(ctx context.Context, df *spark.DataFrame, w spark.WriteTo, opt spark.Options) error
	Merge(ctx context.Context, df *spark.DataFrame, m spark.Merge, opt spark.Options) error
	Catalog(ctx context.Context, call spark.CatalogCall, opt spark.Options) (json.RawMessage, error)
	Conf(ctx context.Context, call spark.ConfCall) (json.RawMessage, error)
	Command(ctx context.Context, df *spark.DataFrame, opt spark.Options) (*spark.DataFrame, error)
	CreateGlobalTempView(ctx context.Context, df *spark.DataFrame, name string, replace bool, opt spark.Options) error
	Ping(ctx context.Context) error
}

// Config says what a [Binder] works with and what a task may use.
type Config struct {
	// Session runs the plans: a [*spark.Session]. Required.
	Session Session
	// Cache keeps cached DataFrames of the same session. Required.
	Cache *cache.Cache
	// Limits are those of tasks whose modules have none of their own. What is zero
	// is that of [abi.DefaultLimits].
	Limits abi.Limits
	// HTTPRoots are the certificates that HTTP requests trust; nil is the system's.
	HTTPRoots *x509.CertPool
	// Env looks an environment variable up. Nil means the host's own.
	Env func(name string) (string, bool)
	// Grants are the capabilities that tasks have if their module asks for them.
	// See [ParseGrants].
	Grants []Grant
	// TaskConf are the settings of the shared session that tasks may change:
	// keys, or their beginnings with * at the end.
	TaskConf []string
	// ProgressEvery is how often, at most, what Spark says of a running query is
	// stored as the call's state PROGRESS. Zero means 1 s, negative never.
	ProgressEvery time.Duration
	// Log is where tasks log to. Nil discards.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.Over(abi.DefaultLimits)
	if c.Env == nil {
		c.Env = os.LookupEnv
	}
	if c.ProgressEvery == 0 {
		c.ProgressEvery = time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Binder opens invocations. It is safe for concurrent use and holds nothing
// that needs closing.
type Binder struct{ cfg Config }

// New returns a Binder. It starts nothing.
func New(cfg Config) *Binder { return &Binder{cfg: cfg.withDefaults()} }

// A Task is the call that an [Invocation] answers for.
type Task struct {
	// ID and Name are Celery's. They tag all that Spark runs for the call.
	ID, Name string
	// Module and Version are the module's name and its file's hash; they own what
	// the call caches. Warm says that it is made to build a cached DataFrame
	// ahead of the tasks.
	Module, Version string
	// Capabilities are what the module asks for in its manifest. Rights are what
	// it has of that; nil holds it to nothing but Config.Grants.
	Capabilities []string
	Rights       *policy.Rights
	// Limits are those of the module, in place of the Binder's where they are set.
	Limits abi.Limits
	Warm   bool
	// Functions are the module's, for Spark's expressions.
	Functions *udf.Library
	// Args is what TaskArgs returns, {"args": [...], "kwargs": {...}}, and
	// Request what TaskRequest does, an [abi.Request] as JSON.
	Args, Request []byte
	// Params are those of the manifest, for TaskBind.
	Params []abi.Param
	// State reports a state of the task's own to the client; meta is one JSON
	// value. Nil takes no states.
	State func(ctx context.Context, state string, meta json.RawMessage) error
	Messages
	// SoftLimit is how long the task may take before it is told to end; zero is
	// no limit.
	SoftLimit time.Duration
}

// Invocation is the [abi.Host] of one call of a task. Like that, it is used by
// one goroutine at a time.
type Invocation struct {
	cfg  Config
	most abi.Limits
	ctx  context.Context // of the call: all that the guest asks for ends with it
	task Task
	opt  spark.Options
	log  *slog.Logger // nil until logger is asked for it
	// progress tells the client what Spark reports, as long as the task tells
	// nothing itself; nil tells nobody.
	progress *progress

	frames   table[*spark.DataFrame]
	exprs    table[*spark.Column]
	cursors  map[abi.Cursor]*cursor // that are open
	opened   abi.Cursor             // the last handle given
	bytes    int64                  // of strings and bytes handed over so far
	lines    int                    // logged so far
	used     usage
	client   *fetch.Client     // once there was an HTTP request
	fetched  []byte            // body of the last HTTP answer
	views    map[string]view   // of the task's own, by name in lower case
	sent     int               // messages so far
	observed map[string][]byte // metrics by their names, as JSON objects
	closed   bool

	soft     context.Context // ends with the soft time limit; nil without one
	softEnd  context.CancelFunc
	softTold bool // the guest was told of it

	given    given
	value    json.RawMessage  // with givenValue
	rows     *spark.DataFrame // with givenRows
	form     abi.RowForm
	schema   abi.Schema // of rows that were fetched
	failure  *abi.Error // with givenFailure
	failures []*Failure // that the guest has seen, one of a kind
}

var _ abi.Host = (*Invocation)(nil)

// Open returns the host of one call. What the guest asks for runs under ctx:
// when it ends, executions are interrupted and its cause is what they return.
// The caller closes the invocation after [Invocation.Result].
func (b *Binder) Open(ctx context.Context, t Task) *Invocation {
	i := &Invocation{
		cfg:  b.cfg,
		most: t.Limits.Over(b.cfg.Limits),
		ctx:  t.asking(ctx),
		task: t,
		opt:  spark.Options{Tags: tags(t), Description: strings.TrimSpace(t.Name + " " + t.ID)},
	}
	if i.progress = newProgress(ctx, &i.task, b.cfg.ProgressEvery, b.cfg.Log); i.progress != nil {
		i.opt.Progress = i.progress.report
	}
	if t.SoftLimit > 0 {
		i.soft, i.softEnd = context.WithTimeoutCause(i.ctx, t.SoftLimit, errSoftLimit)
	}
	i.opt.Observed = i.observe
	return i
}

// logger adds the task to the host's log. Most calls log nothing, and making it
// takes longer than they do.
func (i *Invocation) logger() *slog.Logger {
	if i.log == nil {
		i.log = i.cfg.Log.With(logkey.Task, i.task.Name, logkey.TaskID, i.task.ID)
	}
	return i.log
}

// asking returns a context for what is asked of the cache on behalf of the task.
func (t Task) asking(ctx context.Context) context.Context {
	return cache.WithAsker(ctx, cache.Asker{
		Owner: cache.Owner{Module: t.Module, Version: t.Version}, Task: t.Name, TaskID: t.ID, Warm: t.Warm,
		Quota: t.Limits.CacheBytes,
	})
}

// Close lets go of the frames and expressions, and ends the cursors. A guest
// that goes on calling finds that they do not exist. It may be called twice.
func (i *Invocation) Close() {
	i.closed = true
	i.progress.stop()
	for handle := range i.cursors {
		i.closeCursor(handle)
	}
	if i.softEnd != nil {
		i.softEnd()
	}
	if i.client != nil {
		i.client.Close()
	}
	i.frames, i.exprs = table[*spark.DataFrame]{}, table[*spark.Column]{}
	i.value, i.rows, i.failure, i.failures = nil, nil, nil, nil
	i.given, i.views, i.fetched = givenNothing, nil, nil
}

// tags returns what Spark shows with the executions of a task, and what they
// can be interrupted by. A tag must not be empty or hold a comma.
func tags(t Task) []string {
	var tags []string
	if t.ID != "" {
		tags = append(tags, strings.ReplaceAll(t.ID, ",", "_"))
	}
	if t.Name != "" {
		tags = append(tags, "task:"+strings.ReplaceAll(t.Name, ",", "_"))
	}
	return tags
}
