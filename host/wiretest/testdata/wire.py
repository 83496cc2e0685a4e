"""Python's worker and client with the settings of CONF, which ours has as well.

    celery -A wire worker …    has the tasks py.echo and py.total
    wire.py OURS PYTHONS RAW   the node names of both workers, and a queue that nobody consumes;
                               prints what a client sees, as JSON
"""

import json
import os
import sys
import threading
import time

from celery import Celery, chord
from kombu import Connection, Queue

app = Celery("wire", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.update(json.loads(os.environ["CONF"]))
OURS, PYTHONS = os.environ["OUR_QUEUE"], os.environ["PY_QUEUE"]
VALUE = {"k": [1, 2.5, "é😀", None, True, 2**63], "yes": "no"}


@app.task(name="py.echo")
def echo(value):
    return value


@app.task(name="py.total")
def total(numbers):
    return sum(numbers)


def ours(name, *args, **options):
    return app.signature("conf." + name, args=args, queue=OURS, **options)


def theirs(name, *args):
    return app.signature("py." + name, args=args, queue=PYTHONS)


def heard(nodes):
    """The types of events that came from each node."""
    seen = {n: set() for n in nodes}
    enough = threading.Event()

    def on(event):
        if event["hostname"] in seen:
            seen[event["hostname"]].add(event["type"])
        if all("worker-heartbeat" in s for s in seen.values()) and "task-succeeded" in seen[nodes[0]]:
            enough.set()

    with app.connection_for_read() as conn:
        receiver = app.events.Receiver(conn, handlers={"*": on})
        end = time.time() + 60
        with conn.channel() as channel, conn.Consumer([receiver.queue], channel=channel, callbacks=[receiver._receive], no_ack=True, accept=receiver.accept):
            ours("echo", 1).apply_async()
            while not enough.is_set() and time.time() < end:
                try:
                    conn.drain_events(timeout=0.5)
                except TimeoutError:
                    pass
    return {n: sorted(s & {"worker-heartbeat", "task-succeeded"}) for n, s in seen.items()}


def raw(queue):
    """How our worker writes a task that a task of its own sends."""
    with app.connection_for_read() as conn:
        bound = Queue(queue)(conn.default_channel)
        bound.declare()
        ours("echo", VALUE, link=[json.loads(json.dumps(app.signature("py.echo", queue=queue)))]).apply_async()
        end = time.time() + 60
        while time.time() < end:
            message = bound.get(accept=["json", "msgpack", "yaml"])
            if message:
                message.ack()
                args, _, _ = message.payload
                bound.delete()
                return {
                    "content_type": message.content_type, "compression": message.headers.get("compression"), "args": args == [VALUE],
                    "delivery_mode": message.properties.get("delivery_mode"), "priority": message.properties.get("priority"),
                }
            time.sleep(0.05)


def main(our_node, python_node, raw_queue):
    nodes = [our_node, python_node]
    out = {"ping": sorted(app.control.inspect(destination=nodes, timeout=20, limit=2).ping() or {})}
    out["value"] = ours("echo", VALUE).apply_async().get(timeout=60) == VALUE
    out["failure"] = repr(ours("fail", "ValueError", "boom").apply_async().get(timeout=60, propagate=False))
    if not os.environ["CELERY_RESULT_BACKEND"].startswith("rpc"):
        out["chords"] = [
            chord([ours("add", 1, 2), theirs("echo", 4)], theirs("total"))().get(timeout=60),
            chord([theirs("echo", 1), ours("add", 2, 0)], ours("sum"))().get(timeout=60),
        ]
    out["raw"] = raw(raw_queue)
    out["events"] = heard(nodes)
    if app.connection_for_read().transport.driver_type == "amqp":
        with Connection(os.environ["CELERY_BROKER_URL"]) as conn:
            app.control.mailbox.get_queue(our_node)(conn.default_channel).queue_declare()  # refused if it is declared otherwise
            out["declared"] = True
    print(json.dumps(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
