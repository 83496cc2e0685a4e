"""What Python's worker tells the errbacks of a chord's body.

Reads a JSON list of serialized bodies from stdin. Prints for each a JSON list of
[id, task, args, kwargs, root_id, retries] of the request that each errback gets
which is called in the process, when the chord's header has failed.
"""

import json
import sys

from celery import Celery, Task
from celery.exceptions import ChordError

app = Celery("judge", broker="memory://", backend="cache+memory://")
calls = []


class Recording(Task):
    def __call__(self, request, exc, traceback, *args, **kwargs):
        calls.append([request.id, request.task, request.args or [], request.kwargs or {}, request.root_id or request.id, request.retries])


@app.task(base=Recording, name="tasks.a")
def errback(request, exc, traceback):
    pass


def attempt(body):
    calls.clear()
    error = ChordError("Dependency x raised ValueError('boom')")
    error.__cause__ = ValueError("boom")
    try:
        raise error
    except ChordError as exc:
        app.backend.chord_error_from_stack(app.signature(body), exc=exc)
    return json.loads(json.dumps(calls))


app.control.revoke = lambda *args, **kwargs: None  # there is nobody to tell
print(json.dumps([attempt(body) for body in json.load(sys.stdin)]))
