// Package logkey names the attributes of the host's log lines, so that one
// thing has one name in every line.
package logkey

// Attribute names of log/slog.
const (
	Error     = "error"
	Task      = "task"    // Celery task name
	TaskID    = "task_id" // Celery task id
	Module    = "module"  // a module's name
	Path      = "path"
	Hash      = "hash"
	Reason    = "reason"
	Rights    = "rights" // of a module
	Duration  = "duration"
	Engine    = "engine"
	Address   = "address"
	PID       = "pid"
	Queue     = "queue"
	Broker    = "broker"
	Attempt   = "attempt"
	Wait      = "wait"
	Cache     = "cache"   // name of a cached DataFrame
	View      = "view"    // name of a global temporary view
	Setting   = "setting" // of the Spark session
	Key       = "key"     // of a cached DataFrame, as its module has it
	Storage   = "storage" // how a cached DataFrame is kept
	Entry     = "entry"   // of a beat schedule
	Age       = "age"
	Frame     = "frame"
	Session   = "session"
	Operation = "operation" // Spark Connect operation id
	Tags      = "tags"      // of a Spark Connect operation
	State     = "state"
	Status    = "status" // of an HTTP response
	Count     = "count"
	Rows      = "rows"
	Bytes     = "bytes"
	Signal    = "signal"
	Fields    = "fields" // group of the attributes that a task gave itself
	Text      = "text"   // what a module printed
	Stack     = "stack"
	Work      = "work" // what was being done
)
