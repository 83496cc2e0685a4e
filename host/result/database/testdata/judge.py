"""Celery's own database backend, for the tests: judge.py URL TABLE READ WRITE, the
last two being ids with spaces between them."""

import json
import sys

from celery import Celery
from celery.result import AsyncResult

url, table, read, write = sys.argv[1:]
app = Celery("judge", broker="memory://", backend=url)
app.conf.update(result_extended=True, database_table_names={"task": table, "group": table + " of groups"})

out = {}
for id in read.split():
    r = AsyncResult(id, app=app)
    meta = app.backend.get_task_meta(id, cache=False)
    value = r.result
    out[id] = {
        "status": r.status, "result": repr(value) if isinstance(value, Exception) else value, "traceback": r.traceback,
        "children": [c.id for c in r.children or []], "done": r.date_done is not None, "stamps": meta.get("on"),
        "name": r.name, "args": r.args, "kwargs": r.kwargs, "worker": r.worker, "retries": r.retries, "queue": r.queue,
    }
json.dump(out, sys.stdout)
for id in write.split():
    app.backend.store_result(id, {"a": [1, "é"]}, "SUCCESS")
    app.backend.mark_as_failure(id + " failed", KeyError("no"), traceback="tb")
