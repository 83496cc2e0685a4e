package sdk

import (
	"fmt"
	"time"
)

// SoftTimeLimit is the time after which the task is told to come to an end: its
// next action on a DataFrame, or the one under way, returns an error of type
// SoftTimeLimitExceeded, and [Context.Err] does.
// Zero means the worker's limit. It is Celery's soft_time_limit.
func SoftTimeLimit(limit time.Duration) Option {
	return func(t *task) {
		if limit < 0 {
			panic(fmt.Sprintf("sdk.Task %q: the soft time limit %v is negative", t.spec.Name, limit))
		}
		t.spec.SoftTimeLimit = new(limit.Seconds())
	}
}

// RateLimit is how often the task may begin on one worker: "10/s", "100/m" or
// "2/h". It is Celery's rate_limit.
func RateLimit(rate string) Option { return func(t *task) { t.spec.RateLimit = &rate } }

// AcksOnFailure acknowledges a late-acked message also when the task failed,
// which is the default; if not, it is rejected. It is Celery's acks_on_failure.
func AcksOnFailure(ack bool) Option { return func(t *task) { t.spec.AcksOnFailure = &ack } }

// AcksOnTimeout acknowledges a late-acked message also when the task exceeded
// its time limit, which is the default; if not, it runs again. It is Celery's
// acks_on_timeout.
func AcksOnTimeout(ack bool) Option { return func(t *task) { t.spec.AcksOnTimeout = &ack } }

// RejectOnWorkerLost returns a late-acked message to its queue when what ran the
// task died. It is Celery's reject_on_worker_lost.
func RejectOnWorkerLost() Option { return func(t *task) { t.spec.RejectOnWorkerLost = new(true) } }

// RetryOnWorkerLost tries a call again, as often as [MaxRetries] allows and after
// [DefaultRetryDelay], when what ran the task died: the process of a module with
// isolation. It is Celery's retry_on_worker_lost.
func RetryOnWorkerLost() Option { return func(t *task) { t.spec.RetryOnWorkerLost = new(true) } }

// Idempotent says that running the task twice has the effect of running it once:
// what it writes it overwrites or merges, and what else it does may be done
// again. Such a task is run once more, from its beginning and on an instance of
// its own, when it fails with sparkstalk.SparkSessionLost: when Spark was
// restarted or has lost its session while the task ran. Its time limits go on
// counting from the first run.
//
// A task that has sent messages by then ([Context.Send], [Context.Retry],
// [Context.Replace] and so on) is not run again: they cannot be taken back. A
// task that answers the loss with another error is not, either. Setting
// task_annotations of the worker can set it for tasks by name ("idempotent").
func Idempotent() Option { return func(t *task) { t.spec.Idempotent = new(true) } }

// NoEvents keeps what becomes of the task from monitors: Celery's
// send_events=False.
func NoEvents() Option { return func(t *task) { t.spec.SendEvents = new(false) } }

// StoreErrorsEvenIfIgnored stores failures although results are ignored. It is
// Celery's store_errors_even_if_ignored.
func StoreErrorsEvenIfIgnored() Option {
	return func(t *task) { t.spec.StoreErrorsEvenIfIgnored = new(true) }
}

// Queue is where the task goes when a host that serves it sends it: in a workflow,
// for another task or from its schedule. It goes before the worker's
// task_routes, and a signature's own queue before both. Clients that send by name
// alone do not know it. It is Celery's queue.
func Queue(name string) Option { return func(t *task) { t.spec.Queue = &name } }

// Priority is that of the task's messages, from 0 to 255, under the same
// conditions as [Queue]. It is Celery's priority.
func Priority(n uint8) Option { return func(t *task) { t.spec.Priority = &n } }

// Expires revokes calls of the task that have not begun within that time, under
// the same conditions as [Queue]. It is Celery's expires.
func Expires(within time.Duration) Option {
	return func(t *task) {
		if within <= 0 {
			panic(fmt.Sprintf("sdk.Task %q: it expires within %v, which is no time", t.spec.Name, within))
		}
		t.spec.Expires = new(within.Seconds())
	}
}

// MaxRetries is how often a call is tried again: 3 without this option, negative
// without end. It is Celery's max_retries.
func MaxRetries(n int) Option { return func(t *task) { t.spec.MaxRetries = &n } }

// DefaultRetryDelay is the wait before a retry that names none: three minutes
// without this option. It is Celery's default_retry_delay.
func DefaultRetryDelay(wait time.Duration) Option {
	return func(t *task) { t.spec.DefaultRetryDelay = new(wait.Seconds()) }
}

// AutoRetry tries a call again by itself when it has failed, at most max times
// (negative: without end). Without further options it does so after any error
// and the default_retry_delay. It is Celery's autoretry_for.
func AutoRetry(max int, options ...AutoRetryOption) Option {
	return func(t *task) {
		t.spec.MaxRetries = &max
		t.spec.AutoretryFor = []string{"Exception"}
		for _, o := range options {
			o(t)
		}
	}
}

// An AutoRetryOption changes when and how [AutoRetry] tries again.
type AutoRetryOption func(*task)

// Backoff waits so long before the first retry, and twice as long before each
// further one, at most ten minutes; the wait is drawn from between zero and
// that. Whole seconds count, and at least one. It is Celery's retry_backoff.
func Backoff(first time.Duration) AutoRetryOption {
	return func(t *task) { t.spec.RetryBackoff = new(max(first.Seconds(), 1)) }
}

// BackoffMax bounds the wait of [Backoff]. It is Celery's retry_backoff_max.
func BackoffMax(limit time.Duration) AutoRetryOption {
	return func(t *task) { t.spec.RetryBackoffMax = new(limit.Seconds()) }
}

// NoJitter waits for exactly what [Backoff] says.
func NoJitter() AutoRetryOption { return func(t *task) { t.spec.RetryJitter = new(false) } }

// RetryFor tries again only after exceptions of the given classes, such as
// "OSError" or "pyspark.errors.AnalysisException", and of those that Python and
// PySpark derive from them.
func RetryFor(classes ...string) AutoRetryOption {
	return func(t *task) { t.spec.AutoretryFor = classes }
}

// DontRetryFor does not try again after exceptions of the given classes. It is
// Celery's dont_autoretry_for.
func DontRetryFor(classes ...string) AutoRetryOption {
	return func(t *task) { t.spec.DontAutoretryFor = classes }
}
