"""Celery's beat with the schedule of CONF, and what reads the first message of queues.

    celery -A beatapp beat …      sends
    beatapp.py QUEUE…             prints a JSON list of what the first message of each is
"""

import json
import os
import sys
import time

from celery import Celery
from kombu import Exchange, Queue

app = Celery("beatapp", broker=os.environ["CELERY_BROKER_URL"], set_as_current=True)
app.conf.update(json.loads(os.environ["CONF"]))


def first(conn, name):
    queue = Queue(name)(conn.default_channel)
    end = time.time() + 60
    while time.time() < end:
        message = queue.get(no_ack=True, accept=["json", "yaml", "msgpack"])
        if message:
            break
        time.sleep(0.05)
    else:
        raise SystemExit(f"no message in {name}")
    headers, p = message.headers, message.properties
    for h in ("id", "root_id", "origin", "eta", "expires"):  # of each message and process
        headers[h] = headers[h] is not None
    return {
        # amqp091-go leaves out a priority of 0, which no priority means as well.
        "headers": headers, "content_type": message.content_type, "content_encoding": message.content_encoding, "body": message.payload,
        "priority": p.get("priority") or 0, "delivery_mode": p.get("delivery_mode"), "expires": bool(p.get("expiration")),
    }


if __name__ == "__main__":
    with app.connection_for_read() as conn:
        print(json.dumps([first(conn, q) for q in sys.argv[1:]], sort_keys=True))
