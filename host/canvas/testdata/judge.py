"""What Python's worker sends after a task.

Reads a JSON list of [request, value, exception, header_errbacks, inherit] from stdin,
where request holds headers, embedded signatures and a priority, header_errbacks is the
setting task_allow_error_cb_on_chord_header, inherit task_inherit_parent_priority. It has Celery's own tracer run a task that
returns value, or raises if exception is not null. Prints a JSON list of
{"sent": [{"headers", "body", "reply_to", "priority", "queue", "options"}], "stored": [...],
"sizes": [...], "parts": [...]} or {"error": text}.
"""

import contextlib
import json
import sys
from unittest import mock

from celery import Celery
from celery.app.trace import build_tracer
from celery.backends.base import BaseBackend
from kombu.serialization import dumps

app = Celery("judge", broker="memory://")
app.conf.update(task_ignore_result=False, worker_hijack_root_logger=False)
log = {}
TELLING = ("exchange", "routing_key", "serializer", "compression", "delivery_mode")
NOW = {}


class Backend(BaseBackend):
    """A backend that counts chords elsewhere, and remembers what it is told."""

    def _store_result(self, task_id, result, state, traceback, request=None, **kwargs):
        log["stored"].append([task_id, state, getattr(request, "group", None), getattr(request, "parent_id", None)])

    def get_state(self, task_id):
        return "PENDING"

    def apply_chord(self, header_result_args, body, **kwargs):
        pass

    def set_chord_size(self, group_id, chord_size):
        log["sizes"].append([group_id, chord_size])

    def on_chord_part_return(self, request, state, result, **kwargs):
        log["parts"].append([request.id, request.group, request.group_index, state])


backend = Backend(app)
app._get_backend = lambda: backend


@app.task(name="judge.task", bind=True)
def run(self, *args, **kwargs):
    if NOW["exception"] is not None:
        raise ValueError(NOW["exception"])
    return NOW["value"]


def send(producer, name, message, queue=None, **options):
    body = json.loads(dumps(message.body, "json")[2])
    log["sent"].append({
        "headers": json.loads(json.dumps({**message.headers, **(options.get("headers") or {})})), "body": body, "reply_to": message.properties["reply_to"],
        "queue": queue if isinstance(queue, str) or queue is None else queue.name,
        "priority": options.get("priority") or 0,
        "options": {k: options[k] for k in TELLING if options.get(k) not in (None, "json")},
    })


@contextlib.contextmanager
def producer(*args, **kwargs):
    yield mock.MagicMock()


def anything(*args, **kwargs):
    """Takes what it gets, so that as an errback it is called in this process."""


app.task(name="tasks.a")(anything)
app.task(name="tasks.b", queue="heavy", priority=3, time_limit=7, soft_time_limit=5, ignore_result=True)(anything)
app.finalize()
app.amqp.send_task_message = send
app.producer_or_acquire = producer
type(app).thread_oid = property(lambda self: "oid")
tracers = {}
for inherit in (False, True):  # each keeps the setting that it was made with
    app.conf.task_inherit_parent_priority = inherit
    tracers[inherit] = build_tracer("judge.task", app.tasks["judge.task"], app=app)


def judge(request, value, exception, header_errbacks, inherit):
    app.conf.task_inherit_parent_priority = inherit
    app.conf.task_allow_error_cb_on_chord_header = header_errbacks
    log.update(sent=[], stored=[], sizes=[], parts=[], internal=None)
    NOW.update(value=value, exception=exception)
    request = dict(request, delivery_info={"exchange": "", "routing_key": "celery", "priority": request.pop("priority")}, properties={}, hostname="h")
    with mock.patch("celery.app.trace.report_internal_error", lambda task, exc: log.update(internal=repr(exc))):
        tracers[inherit](request["id"], [], {}, request)
    if log["internal"]:
        return {"error": log["internal"]}
    return {k: log[k] for k in ("sent", "stored", "sizes", "parts")}


def attempt(case):
    try:
        return judge(*case)
    except Exception as exc:
        return {"error": repr(exc)}


print(json.dumps([attempt(case) for case in json.load(sys.stdin)]))
