"""What Python's celery.chord_unlock comes to.

Reads a JSON list of [results, retries, max_retries, broken] from stdin: the results of
a chord's header as {"id", "status", "message"} in its order, how often the task was
retried, its max_retries, and "backend" or "broker" for what is broken. Prints a
JSON list of {"body": [class, text] of the failure that is stored for the body or
null, "sent": whether the body was sent, "again": whether the task was}.
"""

import json
import sys
import tempfile
from unittest import mock

from celery import Celery
from kombu.exceptions import OperationalError

file = tempfile.NamedTemporaryFile(suffix=".db")
app = Celery("judge", broker="memory://", backend=f"db+sqlite:///{file.name}")
unlock = app.tasks["celery.chord_unlock"]
app.finalize()


@app.task(name="body")
def body(values):
    pass


def attempt(n, results, retries, max_retries, broken):
    tuples = []
    for r in results:
        id = f"{n}-{r['id']}"
        tuples.append([[id, None], None])
        if r["status"] == "FAILURE":
            app.backend.store_result(id, ValueError(r["message"]), "FAILURE")
        elif r["status"] != "PENDING":
            app.backend.store_result(id, 1, r["status"])
    sent, again = [], []

    def send(self, name, *args, **kwargs):
        if broken == "broker":
            raise OperationalError("down")
        (again if name == "celery.chord_unlock" else sent).append(name)

    def state(self):
        raise RuntimeError("away")

    callback = app.tasks["body"].signature(options={"task_id": f"body-{n}"})
    with mock.patch.object(Celery, "send_task", send), mock.patch("celery.app.amqp.AMQP._retry_publish", lambda self, f, *args: f(*args)):
        patched = mock.patch("celery.result.AsyncResult.state", property(state)) if broken == "backend" else mock.MagicMock()
        with patched:
            args, kwargs = ("group", callback), {"interval": 0, "max_retries": max_retries, "result": tuples}
            unlock.push_request(id="x", called_directly=False, retries=retries, delivery_info={}, args=args, kwargs=kwargs)
            try:
                unlock.run(*args, **kwargs)
            except Exception:
                pass
            finally:
                unlock.pop_request()
    meta = app.backend.get_task_meta(f"body-{n}")
    failure = [type(meta["result"]).__name__, str(meta["result"])] if meta["status"] == "FAILURE" else None
    return {"body": failure, "sent": bool(sent), "again": bool(again)}


print(json.dumps([attempt(n, *case) for n, case in enumerate(json.load(sys.stdin))]))
