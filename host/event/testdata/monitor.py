"""Follows one worker's events with Celery's own receiver until it goes offline.

Prints "ready" when it listens, the type of the first event of each worker type,
and in the end what Celery's state knows of the worker and its tasks.
"""
import sys

from celery import Celery
from celery.events.receiver import EventReceiver

url, hostname = sys.argv[1:]
app = Celery(broker=url)
state = app.events.State()
seen, clocks, facts = set(), [], {}


class Receiver(EventReceiver):
    def on_consume_ready(self, *args, **kwargs):
        print("ready", flush=True)


def on_event(event):
    if event.get("hostname") != hostname:
        return
    if event["type"] == "worker-offline":
        facts["alive"] = state.workers[hostname].alive
        facts["freq"] = state.workers[hostname].freq
    state.event(event)
    clocks.append(event["clock"])
    kind = event["type"]
    if kind.startswith("worker-") and kind not in seen:
        seen.add(kind)
        # The first heartbeat is told once the tasks' last event is in.
        if kind != "worker-heartbeat":
            print(kind, flush=True)
    if kind == "task-rejected":
        print("worker-heartbeat", flush=True)
    if kind == "worker-offline":
        receiver.should_stop = True


with app.connection_for_read() as connection:
    receiver = Receiver(connection, app=app, handlers={"*": on_event})
    receiver.capture(limit=None, timeout=60, wakeup=False)

worker = state.workers[hostname]
print("worker", hostname, worker.sw_ident, "freq", facts["freq"], "alive before its offline:", facts["alive"])
for uuid, task in sorted(state.tasks.items(), key=lambda item: item[1].clock):
    words = [uuid, str(task.name), task.state]
    for field in ("args", "result", "exception", "traceback", "runtime"):
        if getattr(task, field) is not None:
            words += [field, str(getattr(task, field))]
    if task.root_id:
        words += ["root", task.root_id]
    print(*words)
print("clock rises:", clocks == sorted(set(clocks)))
