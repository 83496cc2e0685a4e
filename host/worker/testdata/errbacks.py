"""How Python's worker calls the errbacks of a failed task.

Reads a JSON list of [params, args, kwargs, immutable] from stdin: the parameters of
a task and a signature of it that is an errback. Prints a JSON list of what Celery
does with each: [args, kwargs] if it calls the task, with "<request>", "<exc>" and
"<traceback>" for what it gives it, null if it sends a message.
"""

import json
import sys
from unittest import mock

from celery import Celery, Task
from celery.app.task import Context

app = Celery("judge", broker="memory://", backend="cache+memory://")
calls = []


class Recording(Task):
    def __call__(self, *args, **kwargs):
        calls.append([args, kwargs])


def attempt(n, params, args, kwargs, immutable):
    space = {}
    exec(f"def f({', '.join(p + '=None' for p in params)}): pass", space)
    task = app.task(base=Recording, name=f"t{n}")(space["f"])
    request = Context({"id": "<id>", "errbacks": [task.signature(args, kwargs, immutable=immutable)], "delivery_info": {}})
    calls.clear()
    with mock.patch("celery.backends.base.group") as sent:
        app.backend._call_task_errbacks(request, "<exc>", "<traceback>")
    assert bool(calls) != sent.called
    return json.loads(json.dumps(calls[0], default=lambda v: "<request>")) if calls else None


print(json.dumps([attempt(n, *case) for n, case in enumerate(json.load(sys.stdin))]))
