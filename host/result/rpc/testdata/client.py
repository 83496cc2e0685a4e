"""Sends tasks to a queue and prints what AsyncResult makes of the answers."""
import sys

from celery import Celery

url, queue = sys.argv[1:]
app = Celery(broker=url, backend="rpc://")
app.conf.task_default_queue = queue


def send(name, *args):
    return app.send_task(name, args, queue=queue)


def ask(name, *args):
    try:
        return repr(send(name, *args).get(timeout=60))
    except Exception as exc:
        arguments = ", ".join(map(repr, exc.args)) + ","
        return f"{type(exc).__module__}.{type(exc).__name__}({arguments})"


print("echo", ask("echo", [1, 2.0, "é😀", 2**70, {"k": None}]))
for name in ("fail", "spark", "unknown"):
    print(name, ask(name))

states, meta = [], {}
result = send("states")


def on_message(message):
    states.append(message["status"])
    meta[message["status"]] = message["result"]


result.get(timeout=60, on_message=on_message)
print("states", states, meta.get("PROGRESS"))
