"""A stock Celery client for the host's tests.

    client.py calls          reads a JSON list of [name, args, kwargs, options] from
                             stdin, sends them all, and prints a JSON list of outcomes
    client.py load NAME      calls NAME without pause until stdin closes, then prints
                             {"calls": n, "failed": [...], "values": {value: count}}

    client.py states NAME    calls NAME, revokes it a second after it was in PROGRESS, and
                             prints a JSON list of the [state, info] that its result had,
                             each once

An outcome is {"ok": value} or {"type", "module", "bases", "message", "traceback"}.
"""

import collections
import json
import os
import sys
import threading
import time

from celery import Celery

app = Celery(broker=os.environ["CELERY_BROKER_URL"], backend=os.environ.get("CELERY_RESULT_BACKEND", "rpc://"))
# A broker that is killed while tasks are being sent must not lose any of them.
app.conf.broker_transport_options = {"confirm_publish": True}
app.conf.task_publish_retry_policy = {"max_retries": 200, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.5}
app.conf.task_default_queue = os.environ.get("QUEUE", "celery")
TIMEOUT = float(os.environ.get("TIMEOUT", "120"))


def outcome(result):
    try:
        return {"ok": result.get(timeout=TIMEOUT)}
    except Exception as exc:
        return {
            "type": type(exc).__name__,
            "module": type(exc).__module__,
            "bases": [c.__name__ for c in type(exc).__mro__],
            "message": str(exc),
            "traceback": result.traceback if not isinstance(exc, TimeoutError) else None,
        }


def calls():
    sent = [app.send_task(name, args=args, kwargs=kwargs, **options) for name, args, kwargs, options in json.load(sys.stdin)]
    print(json.dumps([outcome(r) for r in sent]))


def load(name):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    made, failed, values = 0, [], collections.Counter()
    while not over.is_set():
        got = outcome(app.send_task(name))
        made += 1
        if "ok" in got:
            values[str(got["ok"])] += 1
        else:
            failed.append(got)
    print(json.dumps({"calls": made, "failed": failed, "values": values}))


def states(name):
    result, seen, revoke_at = app.send_task(name), [], None
    while not result.ready():
        now = [result.state, result.info]
        if isinstance(now[1], Exception):
            break  # it has ended meanwhile
        if now not in seen:
            seen.append(now)
        if now[0] == "PROGRESS" and revoke_at is None:
            revoke_at = time.monotonic() + 1
        if revoke_at is not None and time.monotonic() > revoke_at:
            result.revoke(terminate=True)
            revoke_at = float("inf")
        time.sleep(0.02)
    seen.append([result.state, str(result.info)])
    print(json.dumps(seen))


if __name__ == "__main__":
    {"calls": calls, "load": load, "states": states}[sys.argv[1]](*sys.argv[2:])
