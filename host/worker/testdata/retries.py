"""With what arguments Python's worker sends a call again.

Reads a JSON list of [params, args, kwargs, retry_args, retry_kwargs] from stdin: the
parameters of a task, the arguments of a call, and those of Task.retry, which may be
null. Prints a JSON list of the [args, kwargs] of the message that is sent.
"""

import json
import sys
from unittest import mock

from celery import Celery

app = Celery("judge", broker="memory://", backend="cache+memory://")


def attempt(n, params, args, kwargs, retry_args, retry_kwargs):
    space = {}
    exec(f"def f({', '.join(['self'] + [p + '=None' for p in params])}): pass", space)
    task = app.task(bind=True, name=f"t{n}", typing=False)(space["f"])
    request = {"id": "x", "args": args, "kwargs": kwargs, "called_directly": False, "retries": 0, "delivery_info": {}}
    with mock.patch("celery.canvas.Signature.apply_async", autospec=True) as sent:
        task.push_request(**request)
        task.retry(args=retry_args, kwargs=retry_kwargs, countdown=0, throw=False)
    s = sent.call_args.args[0]
    return [list(s.args), dict(s.kwargs)]


print(json.dumps([attempt(n, *case) for n, case in enumerate(json.load(sys.stdin))]))
