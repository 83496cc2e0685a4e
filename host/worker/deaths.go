package worker

import (
	"context"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// defaultLostLimit is how often a worker dies for a late-acked task before the task
// is given up.
const defaultLostLimit = 3

// suspicion is how often what ran a task has died. The broker delivers such a task
// again, whoever was to blame.
func (w *Worker) suspicion(r *request) int {
	if r.redelivered() { // which every worker's death leads to
		if err := w.Deaths.Look(); err != nil {
			w.Log.Warn("deaths of other workers were not looked for: a task that kills workers may run again", logkey.TaskID, r.task.ID, logkey.Error, err)
		}
	}
	return w.Deaths.Deaths(r.task.ID)
}

// alone waits for its turn among the tasks during which a worker has died: one at a
// time, so that each is blamed for itself alone. It does not outlast work.
func (w *Worker) alone(work context.Context) (done func()) {
	select {
	case w.suspects <- struct{}{}:
		return func() { <-w.suspects }
	case <-work.Done():
		return func() {}
	}
}

// noted notes that a late-acked task runs, until the function that it returns is
// called.
func (w *Worker) noted(t *celery.Task) (ended func()) {
	ended, err := w.Deaths.Begin(t.ID)
	if err != nil {
		w.Log.Warn("a death of this worker will not be known as this task's", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Error, err)
	}
	return ended
}

// condemned reports whether a task has had its number of deaths; zero is no limit.
func (w *Worker) condemned(deaths int) bool { return w.LostLimit > 0 && deaths >= w.LostLimit }

// condemn ends a task for which workers have died as often as they may: it fails,
// and its message goes to the dead letters, if there are any.
func (w *Worker) condemn(alive context.Context, c *call, deaths int) {
	t := c.r.task
	exc := celery.WorkerLost(fmt.Sprintf("The worker has died %d times while it ran %s, which is therefore not run again. Mend the task and send it anew; the setting worker_lost_limit (now %d) is how often a worker may die for it.",
		deaths, t.Name, w.LostLimit))
	w.Log.Error("task given up: each time it ran, its worker died", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Count, deaths)
	stored := w.storeFailure(alive, c, exc)
	w.tell(event.Failed(t, w.traced(t, exc)))
	if !stored && alive.Err() != nil {
		w.settleLate(c, false, true)
		return
	}
	w.acquit(t, deaths)
	w.settleLate(c, false, false)
}

// acquit forgets the deaths of a task that has come to its end.
func (w *Worker) acquit(t *celery.Task, deaths int) {
	if deaths == 0 {
		return
	}
	if err := w.Deaths.Forget(t.ID); err != nil {
		w.Log.Warn("deaths of a task are not forgotten: sent again by this id, it has fewer left", logkey.TaskID, t.ID, logkey.Error, err)
	}
}
