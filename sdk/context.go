package sdk

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A Request is what a task may know of the call it answers.
type Request = abi.Request

// A Context is one call of a task: what was asked, and the ways to Spark, the
// log and the client. It ends with the call and is used by one goroutine.
type Context struct {
	host      abi.Host
	session   *spark.Session
	arguments Arguments
	request   *Request
	log       *slog.Logger
}

func newContext(host abi.Host) *Context {
	return &Context{host: host, session: spark.NewSession(host)}
}

// Spark returns the host's warm Spark session.
func (c *Context) Spark() *spark.Session { return c.session }

// Args returns the arguments as the client sent them, before they were bound to
// the task's parameters.
func (c *Context) Args() Arguments { return c.arguments }

// Request returns what is known of the call: its id, how often it was retried,
// and so on.
func (c *Context) Request() Request {
	if c.request == nil {
		c.request = new(Request)
		if err := json.Unmarshal(c.host.TaskRequest(), c.request); err != nil {
			c.Log().Error("the host's request cannot be read", "error", err)
		}
	}
	return *c.request
}

// ID returns the id of the call.
func (c *Context) ID() string { return c.Request().ID }

// Retries returns how often the call was tried before.
func (c *Context) Retries() int { return c.Request().Retries }

// Log returns a logger that writes to the host's log, which adds the task's name
// and id to every line and decides which levels are shown.
func (c *Context) Log() *slog.Logger {
	if c.log == nil {
		c.log = slog.New(newLogHandler(c.host))
	}
	return c.log
}

// UpdateState reports a state of the task's own, such as "PROGRESS", to the
// client: its AsyncResult has it as state, and meta, any value that
// encoding/json encodes, as info.
func (c *Context) UpdateState(state string, meta any) error {
	data, err := pyjson.Marshal(meta)
	if err != nil {
		return fmt.Errorf("encode the state %s: %w", state, err)
	}
	return c.host.TaskState(state, data)
}

// Progress is UpdateState("PROGRESS", {"current": current, "total": total}), the
// form that Celery's documentation uses.
func (c *Context) Progress(current, total int64) error {
	return c.UpdateState("PROGRESS", struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	}{current, total})
}
