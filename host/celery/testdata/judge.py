"""Answers questions about Celery's formats with Celery's own code.

Reads a JSON list of questions from standard input, writes the list of answers.
An answer is what the named function returned, or {"error": "..."}.
"""
import base64
import json
import random
import sys
from datetime import date, datetime, timedelta, timezone
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


def bodies(serializer, seed, count):
    """Random values as kombu writes and reads them: [body in base64, the value as JSON]."""
    rng = random.Random(seed)
    texts = ["", "yes", "0x1f", "010", "1:30", "1e3", "1.", "~", "null", "=", "<<", "- a", "a: b", "#", "2026-01-02", "\x85", "\u2028", "\x00", "\x1b", "é", "😀",
             "'", '"', "\\", "\n", "\t", " ", "%", "@x", "&x", "*x", "!x", "{", "}", "[", "]", ",", "|", ">", "?", "a", "word "]

    def text():
        return "".join(rng.choice(texts) for _ in range(rng.choice([0, 1, 1, 2, 5, 40])))

    def value(depth):
        kinds = ["text", "text", "int", "float", "bool", "null", "bytes"] + ["list", "dict"] * (depth < 4)
        if serializer == "yaml":
            kinds += ["time", "day", "again"]
        kind = rng.choice(kinds)
        if kind == "text":
            return text()
        if kind == "int":
            return rng.choice([0, -1, 127, 128, -33, 2**31, -2**63, 2**64 - 1, rng.randrange(-10**6, 10**6)])
        if kind == "float":
            return rng.choice([0.0, -0.0, 1.5, 1e300, 1e-7, 1e16, float("inf"), float("-inf"), rng.random()])
        if kind == "bytes":
            return rng.choice([b"", b"abc", b"\xff\xfe", bytes(100)])
        if kind == "time":
            return rng.choice([datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc), datetime(1999, 12, 31, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))])
        if kind == "day":
            return date(2026, 1, 2)
        if kind == "again":
            shared = [text(), {"k": 1}]
            return [shared, shared]
        if kind == "list":
            return [value(depth + 1) for _ in range(rng.randrange(4))]
        if kind == "dict":
            return {rng.choice([text(), text(), rng.randrange(9) if serializer == "yaml" else text()]): value(depth + 1) for _ in range(rng.randrange(4))}
        return {"bool": rng.random() < 0.5, "null": None}[kind]

    out = []
    for _ in range(count):
        content_type, encoding, body = serialize(value(0), serializer)
        body = body if isinstance(body, bytes) else body.encode("utf-8")
        out.append([base64.b64encode(body).decode(), dumps(deserialize(body, content_type, encoding, accept={content_type}))])
    return out


def read(serializer, body):
    """A body as kombu reads it, as JSON."""
    content_type, encoding = {"yaml": ("application/x-yaml", "utf-8"), "msgpack": ("application/x-msgpack", "binary")}[serializer]
    return dumps(deserialize(base64.b64decode(body), content_type, encoding, accept={content_type}))


def kept(serializer, document):
    """What a client with this result_serializer gets of a stored result."""
    backend = Celery("kept", backend="cache+memory://", set_as_current=False, result_serializer=serializer, accept_content=["json", serializer]).backend
    value = backend.decode_result(base64.b64decode(document))
    return {"status": value["status"], "value": dumps(value["result"])}


def exception(name, args):
    """repr of a builtin exception with arguments."""
    import builtins
    return repr(getattr(builtins, name)(*loads(args)))


questions = {
    "bodies": bodies,
    "read": read,
    "again": lambda s: dumps(loads(s)),
    "kept": kept,
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
