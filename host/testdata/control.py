"""Remote control of a worker by Celery's own client.

    control.py NODE

runs every inspect and control command against the node and prints a JSON object
of the replies, and of what the scenarios of revocation and limits came to.
"""

import json
import os
import sys
import time

from celery import Celery
from celery.result import AsyncResult

app = Celery("control", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.task_default_queue = os.environ["QUEUE"]
NODE, PREFIX = os.environ["NODE"], os.environ.get("PREFIX", "test.")
inspect = app.control.inspect(destination=[NODE], timeout=5)
out = {}


def one(replies):
    """The node's own reply, of a dict or of a list of dicts."""
    if isinstance(replies, list):
        replies = {k: v for r in replies for k, v in r.items()}
    return (replies or {}).get(NODE)


def broadcast(command, **arguments):
    return one(app.control.broadcast(command, arguments, reply=True, destination=[NODE], timeout=5))


def send(name, *args, **options):
    return app.send_task(PREFIX + name, args=args, **options)


def until(what, limit=15):
    end = time.time() + limit
    while not what():
        if time.time() > end:
            return False
        time.sleep(0.05)
    return True


def outcome(result):
    try:
        return result.get(timeout=15)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


def ids(tasks):
    return [t["id"] for t in tasks]


out["ping"] = one(app.control.ping(destination=[NODE], timeout=5))
out["ping pattern"] = one(app.control.broadcast("ping", reply=True, pattern=NODE[:-1] + "*", matcher="glob", timeout=2))
out["ping pcre"] = one(app.control.broadcast("ping", reply=True, pattern="nobody.*", matcher="pcre", timeout=1))
out["ping other"] = one(app.control.ping(destination=["nobody@nowhere"], timeout=1))
out["unknown"] = broadcast("nosuch")
out["bad arguments"] = broadcast("rate_limit", foo=1)
out["clock"] = isinstance(one(inspect.clock())["clock"], int)
out["registered"] = PREFIX + "add" in one(inspect.registered())
out["registered limited"] = [t for t in one(inspect.registered("rate_limit", "max_retries")) if t.startswith(PREFIX + "limited")]
out["builtins"] = sorted(t for t in broadcast("registered", builtins=True) if t.startswith("celery."))
stats = one(inspect.stats())
out["stats keys"] = sorted(stats)
out["stats pool"] = sorted(set(stats["pool"]) & {"implementation", "max-concurrency", "processes", "timeouts", "writes"})
out["stats broker"] = sorted(stats["broker"])
out["rusage"] = sorted(stats["rusage"])
queues = one(inspect.active_queues())
out["queues"] = [(q["name"] == os.environ["QUEUE"], sorted(q), sorted(q["exchange"])) for q in queues]
out["conf masks"] = "guest:guest" not in json.dumps(one(inspect.conf(with_defaults=True)))
out["report"] = list(one(inspect.report()))
# Python's worker measures memory with psutil only, which need not be there.
out["memsample"] = (one(inspect.memsample()) or "1MB").endswith("MB")
out["memdump"] = PREFIX == "py." or one(inspect.memdump()).startswith("- rss (sample):")
out["objgraph"] = broadcast("objgraph", num=1)
out["hello"] = sorted(one(inspect.hello("other@host", ["revoked-elsewhere"])))
out["hello self"] = broadcast("hello", from_node=NODE)
out["revoked"] = "revoked-elsewhere" in one(inspect.revoked())
out["enable"] = one(app.control.enable_events(destination=[NODE], reply=True, timeout=5))
out["enable again"] = one(app.control.enable_events(destination=[NODE], reply=True, timeout=5))
out["disable"] = one(app.control.disable_events(destination=[NODE], reply=True, timeout=5))
out["disable again"] = one(app.control.disable_events(destination=[NODE], reply=True, timeout=5))
out["heartbeat"] = broadcast("heartbeat")
out["autoscale"] = one(app.control.autoscale(3, 1, destination=[NODE], reply=True, timeout=5))
out["pool_restart"] = broadcast("pool_restart")
out["rate_limit bad"] = one(app.control.rate_limit(PREFIX + "add", "xx/q", destination=[NODE], reply=True, timeout=5))
out["rate_limit unknown"] = one(app.control.rate_limit("no.such", "1/s", destination=[NODE], reply=True, timeout=5))
out["rate_limit off"] = one(app.control.rate_limit(PREFIX + "limited", 0, destination=[NODE], reply=True, timeout=5))
out["time_limit unknown"] = one(app.control.time_limit("no.such", hard=1, destination=[NODE], reply=True, timeout=5))

# Queues.
extra = os.environ["QUEUE"] + ".extra"
out["add_consumer"] = one(app.control.add_consumer(extra, destination=[NODE], reply=True, timeout=5)) == {"ok": "add consumer " + extra}
out["consumes more"] = until(lambda: extra in [q["name"] for q in one(inspect.active_queues())])
out["task of the new queue"] = outcome(send("add", 1, 2, queue=extra))
out["cancel_consumer"] = one(app.control.cancel_consumer(extra, destination=[NODE], reply=True, timeout=5)) == {"ok": "no longer consuming from " + extra}
out["consumes less"] = until(lambda: extra not in [q["name"] for q in one(inspect.active_queues())])
left = send("add", 1, 2, queue=extra)
time.sleep(0.5)
out["left alone"] = left.state

# What runs, waits and is scheduled.
app.control.pool_grow(1, destination=[NODE])
running = [send("spin", 60) for _ in range(3)]
out["active"] = until(lambda: sorted(ids(one(inspect.active()))) == sorted(r.id for r in running))
active = [t for t in one(inspect.active()) if t["id"] == running[0].id][0]
out["active task"] = {k: type(v).__name__ for k, v in active.items()}
out["active safe"] = [t for t in broadcast("active", safe=True) if t["id"] == running[0].id][0]["args"]
waiting = [send("add", n, n) for n in range(2)]
out["reserved"] = until(lambda: sorted(ids(one(inspect.reserved()))) == sorted(r.id for r in waiting))
later = send("add", 1, 1, countdown=3600, priority=3)
out["scheduled"] = until(lambda: ids([s["request"] for s in one(inspect.scheduled())]) == [later.id])
out["scheduled task"] = sorted(one(inspect.scheduled())[0])
out["scheduled priority"] = one(inspect.scheduled())[0]["request"]["delivery_info"]["priority"]
query = one(inspect.query_task(running[0].id, waiting[0].id, later.id, "no-such"))
out["query_task"] = [query.get(i, [None])[0] for i in (running[0].id, waiting[0].id, later.id, "no-such")]
out["shrink busy"] = one(app.control.pool_shrink(1, destination=[NODE], reply=True, timeout=5))

# Revocation: while it runs, while it waits, before it comes.
out["terminate"] = one(app.control.revoke([running[0].id], terminate=True, signal="SIGKILL", destination=[NODE], reply=True, timeout=5)) == {"ok": "terminate: " + running[0].id}
out["terminated"] = outcome(running[0])
out["revoke"] = one(app.control.revoke(later.id, destination=[NODE], reply=True, timeout=5)) == {"ok": "tasks {%r} flagged as revoked" % later.id}
out["revoked later"] = outcome(later)
out["terminate unknown"] = one(app.control.revoke("no-such", terminate=True, destination=[NODE], reply=True, timeout=5))
app.control.revoke("never", destination=[NODE], reply=True, timeout=5)
out["revoked before"] = outcome(send("add", 1, 1, task_id="never"))
for r in running[1:]:
    app.control.terminate(r.id, destination=[NODE])
out["terminated all"] = [outcome(r) for r in running[1:]]
out["waiting ran"] = [outcome(r) for r in waiting]

# Stamps.
out["stamps"] = broadcast("revoke_by_stamped_headers", headers={"mon": ["v1", "v2"]})
stamped = app.signature(PREFIX + "add", args=(1, 1))
stamped.stamp(mon="v2")
out["revoked by stamp"] = outcome(stamped.apply_async())
other = app.signature(PREFIX + "add", args=(1, 1))
other.stamp(mon="v3")
out["other stamp"] = outcome(other.apply_async())
spinning = app.signature(PREFIX + "spin", args=(60,))
spinning.stamp(mon="v4")
spinning = spinning.apply_async()
until(lambda: spinning.id in ids(one(inspect.active())))
out["stamps terminated"] = broadcast("revoke_by_stamped_headers", headers={"mon": "v4"}, terminate=True)
out["terminated by stamp"] = outcome(spinning)

# Limits.
out["time_limit"] = one(app.control.time_limit(PREFIX + "spin", hard=1, destination=[NODE], reply=True, timeout=5))
# Python's worker reads a task's limits when it begins to consume, and so changes
# nothing by this command; ours does what it says.
out["time limited"] = PREFIX == "py." or outcome(send("spin", 60)).startswith("TimeLimitExceeded")
out["rate_limit"] = one(app.control.rate_limit(PREFIX + "limited", "5/s", destination=[NODE], reply=True, timeout=5))
times = sorted(outcome(r) for r in [send("limited") for _ in range(6)])
out["rate limited"] = 900 <= times[-1] - times[0] <= 2500
idle = until(lambda: not one(inspect.active()))
out["shrink"] = idle and one(app.control.pool_shrink(1, destination=[NODE], reply=True, timeout=5))
out["total"] = {k: v for k, v in one(inspect.stats())["total"].items() if k == PREFIX + "limited"}
app.control.shutdown(destination=[NODE])
print(json.dumps(out))
