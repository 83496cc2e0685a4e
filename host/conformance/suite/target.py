"""A worker under test, and what its client sees in a form that can be compared."""

import collections
import contextlib
import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from celery.exceptions import TimeoutError as ResultTimeout
from kombu import Exchange, Queue

import workers

PATIENCE = 30
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def quorum(queue):
    """task_queues of a quorum queue."""
    return [Queue(queue, Exchange(queue, type="topic"), routing_key=queue, queue_arguments={"x-queue-type": "quorum"})]


class Sink:
    """A queue that no worker consumes: messages for conf.note lie there to be counted."""

    number = itertools.count()

    def __init__(self, of, queue):
        self.of, self.queue, self.notes = of, queue, []

    def note(self, label):
        """A callback or errback that leaves a note, whatever it is called with."""
        return self.mutable(label).clone(immutable=True)

    def mutable(self, label):
        """One that leaves a note with what it is called with before its label."""
        return self.of.app.signature("conf.note", args=[label], queue=self.queue.name)

    def read(self, quiet=1.0):
        """The arguments of all notes, in their order, once none has come for a while."""
        end = time.time() + quiet
        while time.time() < end:
            if message := self.queue.get(no_ack=True):
                self.notes.append(message.payload[0])
                end = time.time() + quiet
            else:
                time.sleep(0.02)
        return self.notes

    def counts(self):
        """How often each label was noted."""
        return dict(sorted(collections.Counter(str(args[-1]) for args in self.read()).items()))


class Target:
    """One of the two workers, reached by a client of its own."""

    def __init__(self, kind, broker, backend, queue, node, on_quorum=False):
        self.kind, self.broker, self.backend_url, self.queue, self.node = kind, broker, backend, queue, node
        self.app = Celery("client-of-" + kind, broker=broker, backend=backend, set_as_current=False)
        self.app.conf.update(task_default_queue=queue, accept_content=["json"], broker_connection_retry_on_startup=True)
        if on_quorum:
            self.app.conf.task_queues = quorum(queue)
        self.persistent = not backend.startswith("rpc")
        # Celery's rpc backend has a reply queue for each thread, and listens to
        # that of the first alone.
        self.thread = ThreadPoolExecutor(1)

    def sig(self, name, *args, **kwargs):
        options = {k: kwargs.pop(k) for k in list(kwargs) if k in ("immutable",)}
        return self.app.signature("conf." + name, args=args, kwargs=kwargs, queue=self.queue, **options)

    def send(self, name, *args, **options):
        kwargs = options.pop("kwargs", {})
        return self.app.send_task("conf." + name, args=args, kwargs=kwargs, queue=options.pop("queue", self.queue), **options)

    def outcome(self, result, timeout=PATIENCE):
        """The end of a task as its client sees it."""
        try:
            value = result.get(timeout=timeout, disable_sync_subtasks=False)
            return {"state": result.state, "value": self.plain(value)}
        except ResultTimeout:
            return {"state": "no end within the time"}
        except Exception as exc:
            # What it depends on has failed; its own state may be on its way.
            end = time.time() + 5
            while self.persistent and not result.ready() and time.time() < end:
                time.sleep(0.01)
            return {
                "state": result.state, "type": type(exc).__name__, "module": type(exc).__module__, "args": self.plain(list(exc.args)),
                "traceback": bool(getattr(result, "traceback", None)),
            }

    def ended(self, result):
        """The end of a task or group: its value, or what its client is told."""
        try:
            return self.plain(result.get(timeout=PATIENCE, disable_sync_subtasks=False))
        except ResultTimeout:
            return "no end within the time"
        except Exception as exc:
            return [type(exc).__name__, self.plain(str(exc))]

    @contextlib.contextmanager
    def sink(self):
        with self.app.connection_for_write() as c:
            name = f"{self.queue}-sink-{next(Sink.number)}"
            queue = Queue(name, Exchange(name), routing_key=name)(c.default_channel)
            queue.declare()
            try:
                yield Sink(self, queue)
            finally:
                queue.delete()

    def call(self, name, *args, **options):
        return self.outcome(self.send(name, *args, **options))

    def plain(self, value):
        """value with what differs from run to run replaced by words."""
        names = {}

        def text(s):
            s = s.replace(self.node, "<node>").replace(self.queue, "<queue>")
            return UUID.sub(lambda m: names.setdefault(m.group(), f"<id {len(names) + 1}>"), s)

        def walk(v):
            if isinstance(v, dict):
                return {text(str(k)): walk(x) for k, x in v.items()}
            if isinstance(v, (list, tuple)):
                return [walk(x) for x in v]
            if isinstance(v, str):
                return text(v)
            if v is None or isinstance(v, (bool, int, float)):
                return v
            return text(repr(v))

        return walk(value)

    def worker(self, *options, queue=None, broker=None, backend=None, queues=None, **settings):
        """One more worker of this kind, for a with statement. queues are task_queues by name: queue_arguments, exchange and so on."""
        return workers.Extra(self, options, queue, broker, backend, queues, settings)

    def inspect(self, timeout=2):
        return self.app.control.inspect(destination=[self.node], timeout=timeout)

    def reply(self, command, **arguments):
        """The worker's answer to a remote control command."""
        answers = self.app.control.broadcast(command, arguments=arguments, reply=True, destination=[self.node], timeout=3, limit=1)
        return self.plain([list(a.values())[0] for a in answers or []])

    def wait(self, what, ok, timeout=PATIENCE):
        end = time.time() + timeout
        while time.time() < end:
            value = ok()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"{self.kind}: not within {timeout} s: {what}")
