"""The events of Python's worker and sparkstalk's beside each other.

    events.py

runs every scenario on the worker PY_NODE, which serves the tasks below from the queue
PY_QUEUE, and on GO_NODE, which serves theirs with the prefix "test." from GO_QUEUE, and
prints {"py": events, "go": events}: by scenario and task, the events that Celery's own
receiver got, in their order, without what differs from run to run.
"""

import builtins
import collections
import json
import os
import re
import sys
import threading
import time
import uuid

from celery import Celery
from celery.events.receiver import EventReceiver
from celery.exceptions import Ignore, Reject

app = Celery("events", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.task_default_queue = os.environ["PY_QUEUE"]
app.conf.task_send_sent_event = __name__ != "__main__"  # the worker, not this client
app.conf.broker_connection_retry_on_startup = True
app.conf.worker_proc_alive_timeout = 60


@app.task(name="py.add")
def add(x, y):
    return x + y


@app.task(name="py.echo")
def echo(value):
    return value


@app.task(name="py.fail")
def fail(cls, message):
    raise getattr(builtins, cls)(message)


@app.task(name="py.flaky", bind=True, max_retries=2)
def flaky(self, times, cause=True):
    if self.request.retries >= times:
        return self.request.retries
    raise self.retry(countdown=0.1, exc=ValueError("flaky") if cause else None)


@app.task(name="py.reject", bind=True, acks_late=True)
def reject(self, requeue):
    if requeue and self.request.delivery_info["redelivered"]:
        return None
    raise Reject("no thanks", requeue=requeue)


@app.task(name="py.ignore", bind=True)
def ignore(self):
    raise Ignore("nothing to say")


@app.task(name="py.send", bind=True)
def send(self, x, y):
    return add.apply_async((x, y), task_id=self.request.id + "-child").id


@app.task(name="py.replace_me", bind=True)
def replace_me(self, x):
    return self.replace(add.s(x, 1))


@app.task(name="py.quiet", send_events=False)
def quiet():
    return None


@app.task(name="py.spin")
def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
    return "spun"


# Which event ends each scenario's task, if any.
SCENARIOS = {
    "success": ("add", (2, 3), {}, {}, "task-succeeded"),
    "values": ("echo", (), {"value": {"a": [1, 2.0, None], "é": "😀"}}, {}, "task-succeeded"),
    "long": ("echo", ("x" * 3000,), {}, {}, "task-succeeded"),
    "failure": ("fail", ("ValueError", "it's"), {}, {}, "task-failed"),
    "retry": ("flaky", (1,), {}, {}, "task-succeeded"),
    "retry without cause": ("flaky", (1, False), {}, {}, "task-succeeded"),
    "retries used up": ("flaky", (5,), {}, {}, "task-failed"),
    "reject": ("reject", (False,), {}, {}, "task-rejected"),
    "requeue": ("reject", (True,), {}, {}, "task-succeeded"),
    "ignore": ("ignore", (), {}, {}, "task-started"),
    "countdown": ("add", (1, 1), {}, {"countdown": 0.5}, "task-succeeded"),
    "expires later": ("add", (1, 1), {}, {"expires": 300}, "task-succeeded"),
    "expired": ("add", (1, 1), {}, {"countdown": 1, "expires": 0.5}, "task-revoked"),
    "revoked": ("add", (1, 1), {}, {}, "task-revoked"),
    "terminated": ("spin", (60,), {}, {}, "task-revoked"),
    "time limit": ("spin", (60,), {}, {"time_limit": 1}, "task-failed"),
    "unknown": ("nosuch", (), {}, {}, "task-failed"),
    "shadow": ("add", (1, 1), {}, {"shadow": "a shadow"}, "task-succeeded"),
    "sends": ("send", (1, 2), {}, {}, "task-succeeded"),
    "quiet": ("quiet", (), {}, {}, None),
    "replace": ("replace_me", (1,), {}, {}, "task-succeeded"),
}


def main():
    events, told = collections.defaultdict(list), threading.Condition()
    ready, workers = threading.Event(), collections.defaultdict(set)
    wrong = []

    class Receiver(EventReceiver):
        def on_consume_ready(self, *args, **kwargs):
            ready.set()

    def on_event(event):
        with told:
            if event["type"].startswith("worker-"):
                if event["type"] != "worker-heartbeat":
                    return
                event.pop("local_received", None)
                workers[event["hostname"]].add((event["type"],) + tuple((k, type(v).__name__) for k, v in event.items()))
                return
            events[event["uuid"].removesuffix("-child")].append(event)
            told.notify_all()

    def receive():
        with app.connection_for_read() as connection:
            Receiver(connection, app=app, handlers={"*": on_event}).capture(limit=None, timeout=None, wakeup=True)

    threading.Thread(target=receive, daemon=True).start()
    if not ready.wait(30):
        sys.exit("no events are received")

    nodes = {"py": (os.environ["PY_NODE"], os.environ["PY_QUEUE"], "py."), "go": (os.environ["GO_NODE"], os.environ["GO_QUEUE"], "test.")}
    ids = {(side, name): str(uuid.uuid4()) for side in nodes for name in SCENARIOS}
    app.control.revoke([ids[side, "revoked"] for side in nodes], reply=True, destination=[n[0] for n in nodes.values()], timeout=5)
    for side, (node, queue, prefix) in nodes.items():
        for name, (task, args, kwargs, options, _) in SCENARIOS.items():
            app.send_task(prefix + task, args, kwargs, task_id=ids[side, name], queue=queue, **options)

    def over(side, name):
        mine = [e["type"] for e in events[ids[side, name]]]
        if name == "sends" and mine.count("task-succeeded") < 2:
            return False
        return SCENARIOS[name][4] in [None, *mine]

    deadline, ended = time.monotonic() + 60, set()
    while time.monotonic() < deadline:
        with told:
            told.wait(0.5)
            for side in nodes:
                if "terminated" not in ended and all("task-started" in [e["type"] for e in events[ids[s, "terminated"]]] for s in nodes):
                    ended.add("terminated")
                    app.control.revoke([ids[s, "terminated"] for s in nodes], terminate=True)
            if all(over(*key) for key in ids):
                break
    else:
        wrong.extend(f"not ended: {side} {name}: {[e['type'] for e in events[ids[side, name]]]}" for side, name in ids if not over(side, name))
    time.sleep(1)  # what comes late counts too

    out = {}
    for side, (node, queue, prefix) in nodes.items():
        out[side] = {}
        for name in SCENARIOS:
            tasks = collections.defaultdict(list)
            clocks = []
            for e in events[ids[side, name]]:
                if e["type"] != "task-sent":
                    clocks.append(e["clock"])
                # Three lists: who sends and who receives a retry is not the one who tries.
                kind = e["type"] if e["type"] in ("task-sent", "task-received") else "task"
                tasks[("child " if e["uuid"].endswith("-child") else "") + kind].append(normal(e, ids[side, name], node, queue, prefix))
            out[side][name] = {kind: tasks[kind] for kind in sorted(tasks)}
            if clocks != sorted(clocks):
                wrong.append(f"clocks of {side} {name}: {clocks}")
        out[side]["worker"] = {kind: [" ".join(map(str, fields))] for kind, *fields in sorted(workers[node])}
    out["wrong"] = wrong
    print(json.dumps(out))


def normal(event, task_id, node, queue, prefix):
    """An event as text that is the same for each run and worker."""
    event.pop("local_received", None)
    kind, sender = event.pop("type"), event.pop("hostname")
    if kind == "task-sent" and re.fullmatch(r"gen\d+@.+", sender):
        sender = "a process"
    common = [f"{key} {type(event.pop(key)).__name__}" for key in ("utcoffset", "pid", "clock", "timestamp")]
    fields = []
    for key, value in event.items():
        if key in ("eta", "expires") and value:
            value = "a time " + re.sub(r"\d", "9", re.sub(r"\.\d+", ".9", value))
        elif key == "runtime":
            value = type(value).__name__
        elif key == "traceback" and value:
            cls = event["exception"].split("(")[0]
            value = "a traceback" + (" of " + cls if cls != "None" and cls in value else "")
        elif isinstance(value, str):
            value = value.replace(task_id, "ID").replace(queue, "QUEUE")
            value = re.sub(r"\b" + re.escape(prefix), "PREFIX.", value)
        fields.append(f"{key}={value!r}")
    who = "the node" if sender == node else sender
    return f"{kind} of {who} ({', '.join(common)}): " + ", ".join(fields)


if __name__ == "__main__":
    main()
