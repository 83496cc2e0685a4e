"""Messages that no Celery client sends, each with a good one behind it, to Python's
worker and to ours: what becomes of them, of the good one and of the worker."""

import time
import uuid

from kombu import Exchange, Queue

ADD = {"task": "conf.add", "lang": "py"}
V2 = "[[1, 2], {}, {}]"
JSON = "application/json"


def message(body=V2, headers=ADD, kind=JSON, encoding="utf-8", **more):
    """A message: the headers get an id unless they name one."""
    return {"body": body, "headers": {**({"id": ...} if headers.get("task") and "id" not in headers else {}), **headers, **more}, "kind": kind, "encoding": encoding}


# What is said of each, and the message.
MESSAGES = {
    "no headers, and no JSON": message("gibberish", {}),
    "no headers, and a JSON list": message("[1, 2, 3]", {}),
    "protocol 1 without a task": message("{}", {}),
    "protocol 1, kwargs null": message('{"task": "conf.add", "id": "ID", "args": [1, 2], "kwargs": null}', {}),
    "protocol 1 without a content type": message('{"task": "conf.add", "id": "ID", "args": [1, 2]}', {}, kind=None),
    "no JSON": message("[[1, 2"),
    "empty": message(""),
    "two elements instead of three": message("[[1, 2], {}]"),
    "null": message("null"),
    "a number": message("5"),
    "no id": message(id=None) | {"headers": ADD},
    "an id that is a number": message(id=5),
    "an id that is a list": message(id=["x"]),
    "no content type": message(kind=None),
    "content type text/plain": message(kind="text/plain"),
    "content type application/json; charset=utf-8": message(kind="application/json; charset=utf-8"),
    "a pickle, which is not accepted": message(b"\x80\x04.", kind="application/x-python-serialize", encoding="binary"),
    "an encoding that nobody knows": message(encoding="nosuch"),
    "bytes that are no UTF-8": message(b'[["\xff\xfe"], {}, {}]'),
    "said to be compressed, and is not": message(compression="application/x-gzip"),
    "an unknown compression": message(compression="application/x-nosuch"),
    "an unknown __type__": message('[[{"__type__": "nosuch", "__value__": 1}, 2], {}, {}]'),
    "an eta that is no time": message(eta="tomorrow"),
    "an eta that is a number": message(eta=5),
    "expires that is no time": message(expires="tomorrow"),
    "retries that are a text": message(retries="many"),
    "a time limit that is a text": message(timelimit="long"),
    "time limits of texts": message(timelimit=["x", "y"]),
    "stamps that are a list": message(stamped_headers=["a"], stamps=["x"]),
    "a task that is not there": message(headers={"task": "conf.nosuch", "lang": "py"}),
    "a task named by a number": message(headers={"task": 5}),
    "args that are an object": message('[{"x": 1}, {}, {}]'),
    "kwargs null": message("[[1, 2], null, {}]"),
    "kwargs that are a list": message("[[1, 2], [3], {}]"),
    "callbacks that are numbers": message('[[1, 2], {}, {"callbacks": [5]}]'),
    "a chain that is a text": message('[[1, 2], {}, {"chain": "next"}]'),
    "a chord that is a list": message('[[1, 2], {}, {"chord": [1]}]'),
    "a list 100,000 deep": message("[" * 100_000),
    "a number of 100,000 digits": message("[[" + "9" * 100_000 + ", 1], {}, {}]"),
}


class Observed:
    """One kind of worker on a queue whose rejected messages go to another queue."""

    def __init__(self, t):
        self.t, self.name = t, f"{t.queue}-malformed"
        self.arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.name + "-dead"}
        self.process = None

    def __enter__(self):
        self.connection = self.t.app.connection_for_write()
        channel = self.connection.default_channel
        self.dead = Queue(self.name + "-dead", Exchange(self.name + "-dead"), routing_key=self.name + "-dead")(channel)
        self.queue = Queue(self.name, Exchange(self.name), routing_key=self.name, queue_arguments=self.arguments)(channel)
        self.dead.declare(), self.queue.declare()
        self.start()
        return self

    def __exit__(self, *_):
        self.process.__exit__()
        self.queue.delete(), self.dead.delete()
        self.connection.release()

    def start(self):
        self.process = self.t.worker("-c", "1", queue=self.name, queues={self.name: {"queue_arguments": self.arguments}}).__enter__()

    def send(self, m, task_id):
        headers = {k: task_id if v is ... else v for k, v in m["headers"].items()}
        body = m["body"].replace("ID", task_id) if isinstance(m["body"], str) else m["body"]
        properties = {"content_type": m["kind"], "content_encoding": m["encoding"]} if m["kind"] else {}
        # Under kombu's producer, which would give a type and an encoding to it.
        channel = self.connection.default_channel
        import amqp

        channel.basic_publish(amqp.Message(body.encode() if isinstance(body, str) else body, application_headers=headers, correlation_id=task_id, **properties), "", self.name)

    def try_out(self, m):
        """What becomes of a message, in words."""
        task_id = str(uuid.uuid4())
        self.send(m, task_id)
        good = self.t.send("add", 20, 22, queue=Queue(self.name, Exchange(self.name), routing_key=self.name, queue_arguments=self.arguments))
        end = time.time() + 10
        while not good.ready() and self.process.process.poll() is None and time.time() < end:
            time.sleep(0.05)
        words = []
        if good.ready():
            time.sleep(0.1)
            rejected = self.dead.get(no_ack=True)
            meta = self.t.app.backend.get_task_meta(task_id)
            if meta["status"] == "FAILURE":
                words.append("fails with " + type(meta["result"]).__name__)
            elif meta["status"] != "PENDING":
                words.append("runs")
            words.append("rejected" if rejected else "acknowledged")
        elif self.process.process.poll() is not None:
            words.append("**the worker exits**, and the next one that gets it" if self.again() else "**the worker exits**")
            self.queue.purge()
            self.start()
        else:
            words.append("**what is behind it does not run**")
            self.process.__exit__()
            self.queue.purge()
            self.start()
        while self.dead.get(no_ack=True):
            pass
        return ", ".join(words)

    def again(self):
        """Whether another worker ends by the same message."""
        try:
            self.start()
        except AssertionError:
            return True  # before it answered
        end = time.time() + 5
        while time.time() < end:
            if self.process.process.poll() is not None:
                return True
            time.sleep(0.05)
        self.process.__exit__()
        return False


def table(rows):
    """COMPATIBILITY.md's part."""
    lines = [
        "", "## Malformed messages", "",
        "Each was sent to both workers in one run, on RabbitMQ with results in Redis, with a good message behind it. Where nothing else is said",
        "the worker goes on and the good message is answered. Rejected messages go to the queue's dead letters.", "",
        "| message | Python's worker | sparkstalk |", "| --- | --- | --- |",
        *(f"| {name} | {seen['python']} | {seen['sparkstalk']} |" for name, seen in rows.items()),
    ]
    return "\n".join(lines) + "\n"
