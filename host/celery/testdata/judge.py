"""Answers questions about Celery's formats with Celery's own code.

Reads a JSON list of questions from standard input, writes the list of answers.
An answer is what the named function returned, or {"error": "..."}.
"""
import base64
import json
import sys
from types import SimpleNamespace

from celery import Celery
from celery.utils.saferepr import saferepr
from celery.worker.request import Request
from dateutil.parser import isoparse
from dateutil.tz import UTC
from kombu.matcher import match
from kombu.serialization import dumps as serialize, loads as deserialize
from kombu.utils.json import dumps, loads

app = Celery("judge", broker="memory://", backend="cache+memory://", set_as_current=True)


@app.task(name="judge.add")
def add(x, y=0):
    return x + y


def task(headers, body, content_type, content_encoding, correlation_id, reply_to):
    """What a Python worker makes of a task message, with the result of running it."""
    raw = base64.b64decode(body)
    message = SimpleNamespace(
        headers=headers, body=raw, content_type=content_type, content_encoding=content_encoding,
        delivery_info={"exchange": "", "routing_key": "celery", "redelivered": False},
        properties={"correlation_id": correlation_id, "reply_to": reply_to, "priority": 0},
        payload=deserialize(raw, content_type, content_encoding, accept={"application/json"}),
    )
    request = Request(message, app=app, hostname="judge@host", task=add)
    args, kwargs, embed = message.payload
    return {
        "id": request.id, "name": request.task_name, "args": dumps(args), "kwargs": dumps(kwargs), "embed": dumps(embed),
        "eta": request.eta and request.eta.isoformat(), "expires": request.expires and request.expires.isoformat(),
        "limits": list(request.time_limits), "root_id": request.root_id, "parent_id": request.parent_id,
        "argsrepr": saferepr(tuple(args)), "kwargsrepr": saferepr(kwargs), "ignore_result": request.ignore_result,
    }


def make_task(protocol, name, args, kwargs, options):
    """A message as a Python client sends it: headers and body."""
    made = app.amqp.task_protocols[protocol]("the-id", name, loads(args), loads(kwargs), **options)
    content_type, encoding, body = serialize(made.body, "json")
    return {"headers": made.headers, "body": body, "content_type": content_type, "encoding": encoding}


def result(document):
    """What a client gets of a stored result."""
    backend = app.backend
    meta = backend.meta_from_decoded(backend.decode(document))
    value = meta["result"]
    out = {"status": meta["status"], "task_id": meta["task_id"], "traceback": meta["traceback"], "children": dumps(meta["children"])}
    if isinstance(value, BaseException):
        out.update(type=type(value).__name__, module=type(value).__module__, args=[repr(a) for a in value.args], repr=repr(value))
    else:
        out["value"] = dumps(value)
    return out


def exception(name, args):
    """repr of a builtin exception with arguments."""
    import builtins
    return repr(getattr(builtins, name)(*loads(args)))


questions = {
    "repr": lambda s: repr(loads(s)),
    "saferepr": lambda s, limit: saferepr(loads(s), limit or None),
    "argsrepr": lambda s, limit: saferepr(tuple(loads(s)), limit or None),
    "valid": lambda s: loads(s) is None or True,
    "valid_bytes": lambda s: loads(base64.b64decode(s)) is None or True,
    "time": lambda s: isoparse(s).replace(tzinfo=isoparse(s).tzinfo or UTC).astimezone(UTC).isoformat(),
    "string": lambda s: json.dumps(s),
    "match": lambda value, pattern, matcher: bool(match(value, pattern, matcher)),
    "exception": exception, "task": task, "make_task": make_task, "result": result,
}


def answer(question):
    try:
        return questions[question["op"]](*question["args"])
    except Exception as exc:  # the answer is that Celery refuses
        return {"error": f"{type(exc).__name__}: {exc}"[:300]}


if __name__ == "__main__":
    json.dump([answer(q) for q in json.load(sys.stdin)], sys.stdout)
