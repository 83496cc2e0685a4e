"""Waits for results in Redis and prints what AsyncResult makes of them.

Writes "waiting" once it has subscribed, so that all results arrive while it waits.
"""
import sys

from celery import Celery
from celery.result import AsyncResult

url, prefix, ids = sys.argv[1], sys.argv[2], sys.argv[3:]
app = Celery(broker="memory://", backend=url)
if prefix:
    app.conf.result_backend_transport_options = {"global_keyprefix": prefix}

results = [AsyncResult(i, app=app) for i in ids]
for r in results:
    app.backend.add_pending_result(r)
print("waiting", flush=True)
for r in results:
    try:
        print(repr(r.get(timeout=60)))
    except Exception as exc:
        arguments = ", ".join(map(repr, exc.args)) + ","
        print(f"{r.status} {type(exc).__module__}.{type(exc).__name__}({arguments})")
