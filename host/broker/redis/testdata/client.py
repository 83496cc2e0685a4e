"""Does one thing with kombu's Redis transport, for the tests of the Go one.

Usage: client.py WHAT URL ARGUMENT...
"""
import base64
import json
import os
import sys
import time

import redis
from kombu import Connection, Consumer, Exchange, Producer, Queue

what, url, *args = sys.argv[1:]


def plain(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value))


def publish(connection, name, messages):
    producer = Producer(connection.channel())
    for n, (name, key, priority) in enumerate(json.loads(messages)):
        exchange = Exchange(name, type="topic" if name.endswith("-topic") else "direct")
        producer.publish(
            {"n": n}, exchange=exchange, routing_key=key, priority=priority, declare=[exchange] if name else [],
            correlation_id=f"c{n}", headers={"n": n}, serializer="json",
        )


def consume(connection, name, count):
    out = []

    def on_message(message):
        body = message.body if isinstance(message.body, str) else message.body.decode("utf-8", "backslashreplace")
        p = message.properties
        out.append([body, message.content_type, dict(sorted(message.headers.items())), p.get("correlation_id"), p.get("reply_to"), p["priority"], p["delivery_mode"]])
        message.ack()

    with Consumer(connection.channel(), [Queue(name)], on_message=on_message, accept=["json", "msgpack"]):
        while len(out) < int(count):
            connection.drain_events(timeout=10)
    print(json.dumps(out, ensure_ascii=False, default=plain))


def broadcast(connection, exchange, key):
    fanout = Exchange(exchange, type="fanout")
    Producer(connection.channel()).publish({"n": 0}, exchange=fanout, routing_key=key, declare=[fanout], serializer="json")


def listen(connection, exchange, key):
    out = []

    def on_message(body, message):
        out.append(body)

    queue = Queue(exchange + "-listener", Exchange(exchange, type="fanout"), key, auto_delete=True)
    with Consumer(connection.channel(), [queue], callbacks=[on_message], accept=["json"], no_ack=True):
        while not out:
            connection.drain_events(timeout=20)
    print(json.dumps(out[0]))


def restore(connection, name, count):
    """Puts back all that is unacknowledged, as kombu does after the timeout, and takes it."""
    channel = connection.channel()
    channel.qos.visibility_timeout = -10
    type(channel.qos).visibility_timeout = -10
    channel.qos.restore_visible(num=100, interval=1)
    client = channel.client
    out = []
    for priority in (0, 3):
        key = name if priority == 0 else f"{name}\x06\x16{priority}"
        while (raw := client.rpop(key)) is not None:
            m = json.loads(raw)
            out.append([base64.b64decode(m["body"]).decode(), m["properties"]["delivery_info"]["redelivered"] and m["headers"]["redelivered"], m["properties"]["priority"]])
    assert client.hlen("unacked") == 0 and client.zcard("unacked_index") == 0
    print(json.dumps(out))


def steal(connection, name, body):
    """Takes a message and ends without a word, as a worker that is killed."""
    producer = Producer(connection.channel())
    victim = name + "-victim"
    producer.publish(json.loads(body), routing_key=victim, serializer="json")
    channel = connection.channel()
    message = channel.basic_get(victim)
    assert message is not None
    # It was sent to the queue that the others consume.
    client = channel.client
    raw, _, _ = json.loads(client.hget("unacked", message.delivery_tag))
    raw["properties"]["delivery_info"]["routing_key"] = name
    client.hset("unacked", message.delivery_tag, json.dumps([raw, "", name]))
    channel.qos._delivered.clear()
    channel.qos.restore_at_shutdown = False


def push(connection, name, raws):
    client = connection.channel().client
    for raw in json.loads(raws):
        client.lpush(name, raw)


def keys():
    time.sleep(0.1)
    # What a consumer took last is kept for a while.
    print(json.dumps(sorted(k.decode() for k in redis.Redis.from_url(url).keys("*") if not k.startswith(b"sparkstalk.taken."))))


if what == "keys":
    keys()
else:
    with Connection(url, transport_options=json.loads(os.environ.get("TRANSPORT_OPTIONS", "{}"))) as connection:
        globals()[what](connection, *args)
