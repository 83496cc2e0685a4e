"""Where our worker is known to differ from Python's, and why. A scenario that is
named here and no longer differs fails, so that this list stays true."""

KNOWN = {
    "asked": "has all fields of the other heartbeats; Python's lacks active, processed and loadavg",
    "limits_at_run_time": "a new time limit holds for tasks that begin after it, as Celery documents; "
    "Python's worker takes it over only when it connects anew",
    "own_limits": "they are those that hold; a task of Python's sees those of its message alone, where Celery's own client writes the task's",
}

# What no scenario shows: known from Celery's source, and decided otherwise (../../RATIONALE.md).
STATED = {
    "prefetch": "worker_prefetch_multiplier is 1, Celery's is 4: tasks here are mostly queries of seconds on one Spark. The scenarios give both workers 4",
    "late acks, connection lost": "a message that is delivered again while its task runs becomes that task's; Celery's worker runs it a second time, or cancels the first",
    "late acks, the worker dies": "a task is given up after three deaths (worker_lost_limit), and runs alone after the first; with Celery it comes back for ever",
    "events": "sw_ident is sparkstalk; a hard time limit is told once, not twice; task-retried and task-rejected leave before what they tell of; "
    "while the broker is away 4096 of them are kept, not all, and no heartbeats",
    "delayed delivery": "a countdown of less than a second, or of more than eight years, waits in the worker; Celery's client raises for the one and loses the other. "
    "Levels that exist with another type of queue end the start; Celery's worker goes on without them",
    "signatures": "one that asks for a compression that is read but not written (bzip2, lzma) is sent with gzip; with serializer pickle it fails its parent",
    "beat": "of several beats one leads; Celery's all send",
    "elections": "a worker stands as soon as it hears of one from anybody; Python's decides by the first confirmations",
}


def table():
    """COMPATIBILITY.md's part: differences without a scenario."""
    lines = ["", "## Differences that no scenario shows", "", "Decided so, for reasons that [RATIONALE.md](RATIONALE.md) gives.", "", "| | |", "| --- | --- |"]
    return "\n".join(lines + [f"| {area} | {what} |" for area, what in STATED.items()]) + "\n"
