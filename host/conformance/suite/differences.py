"""Where our worker is known to differ from Python's, and why. A scenario that is
named here and no longer differs fails, so that this list stays true."""

KNOWN = {
    "asked": "has all fields of the other heartbeats; Python's lacks active, processed and loadavg",
    "limits_at_run_time": "a new time limit holds for tasks that begin after it, as Celery documents; "
    "Python's worker takes it over only when it connects anew",
    "own_limits": "they are those that hold; a task of Python's sees those of its message alone, where Celery's own client writes the task's",
}
