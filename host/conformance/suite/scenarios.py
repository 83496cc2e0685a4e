"""What is compared: each scenario does one thing with a worker and returns what a
client saw of it. Nothing is expected here: Python's worker says what is right."""

import time
import uuid

from celery import chord, group
from celery.exceptions import TimeoutError as ResultTimeout
from kombu import Exchange, Queue

ALL = []


def scenario(area, behaviour, needs=(), alone=False, slow=False):
    """needs: "redis" (a result backend that keeps results), "amqp", "redis server" (results
    in Redis), "lists" (Redis as the broker); "quorum" has it run on quorum queues alone, "quorum too" also there. alone: it
    changes the worker for the others. slow: it takes seconds by its nature."""

    def add(function):
        ALL.append({"area": area, "behaviour": behaviour, "run": function, "needs": needs, "alone": alone, "slow": slow})
        return function

    return add


# Tasks and their results


@scenario("tasks", "the value of a task", needs=("quorum too",))
def value(t):
    return t.call("add", 2, kwargs={"y": 3})


@scenario("tasks", "JSON values of all kinds, kombu's special ones too")
def values(t):
    import datetime
    import decimal

    value = {
        "n": None, "b": True, "i": 2**70, "f": 2.0, "e": 1e300, "s": "grüße \U0001f600\u0000", "l": [[], {}, [1.5]],
        "d": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc), "day": datetime.date(2026, 1, 2),
        "dec": decimal.Decimal("1.10"), "u": uuid.UUID(int=5), "bytes": b"abc", "raw": b"\xff\x00",
    }
    return t.call("echo", value)


@scenario("tasks", "a task that returns nothing")
def nothing(t):
    return t.call("none")


@scenario("tasks", "positional, keyword and default arguments")
def arguments(t):
    return [t.call("kwargs", 1), t.call("kwargs", 1, kwargs={"c": "x"}), t.call("kwargs", kwargs={"a": 1, "b": 5})]


@scenario("tasks", "wrong arguments")
def wrong_arguments(t):
    return [t.call("kwargs"), t.call("kwargs", 1, 2, 3, 4), t.call("kwargs", 1, kwargs={"d": 1}), t.call("kwargs", 1, kwargs={"a": 2})]


@scenario("tasks", "an unknown task")
def unknown(t):
    return t.outcome(t.app.send_task("conf.nosuch", queue=t.queue))


@scenario("tasks", "exceptions of Python's own and of the task's")
def exceptions(t):
    return [t.call("fail", "ValueError", "boom"), t.call("fail", "KeyError", "k"), t.call("fail", "ZeroDivisionError"), t.call("custom", "mine")]


@scenario("tasks", "propagate=False gives the exception as the result")
def propagate(t):
    r = t.send("fail", "ValueError", "boom")
    got = r.get(timeout=30, propagate=False)
    return [type(got).__name__, str(got), r.failed(), r.successful(), r.ready()]


@scenario("tasks", "a task that runs by countdown and eta, and one that expired", slow=True)
def eta(t):
    import datetime

    now = datetime.datetime.now(datetime.timezone.utc)
    begin = time.time()
    first = t.call("add", 1, 1, countdown=0.5)
    took = time.time() - begin
    return [
        first, took >= 0.5, t.call("add", 1, 2, eta=now + datetime.timedelta(seconds=0.3)),
        t.call("add", 1, 3, expires=now - datetime.timedelta(seconds=1)), t.call("add", 1, 4, expires=60),
        t.call("add", 1, 5, countdown=1, expires=0.2),
    ]


@scenario("tasks", "the request that a task sees")
def request(t):
    return t.call("request")


@scenario("tasks", "many calls at once")
def many(t):
    results = [t.send("add", n, n) for n in range(200)]
    return [r.get(timeout=60) for r in results]


@scenario("tasks", "a large argument and result")
def large(t):
    value = "x" * 2_000_000
    return t.send("echo", value).get(timeout=30) == value


@scenario("tasks", "a task sent by a task", needs=("quorum too",))
def sent_by_task(t):
    inner = t.send("send", "conf.add", [3, 4])
    return t.outcome(inner)["state"]


# States


def meets(t, r, state):
    """What is told with a state of a task under way. rpc:// has no store to look into:
    its client hears of states while it waits for the end."""
    if t.persistent:
        t.wait(state, lambda: r.state == state)
        return r.info
    seen = []
    try:
        r.get(timeout=5, on_message=seen.append, propagate=False)
    except ResultTimeout:
        pass
    return next(m["result"] for m in seen if m["status"] == state)


def final(t, r):
    """The state that a task ends with which may have none."""
    time.sleep(0.3)
    return r.state if t.persistent else t.outcome(r, timeout=0.5)["state"]


@scenario("states", "STARTED of a tracked task")
def started(t):
    r = t.send("tracked", 1)
    info = dict(meets(t, r, "STARTED"))
    return [sorted(info), isinstance(info["pid"], int), t.plain(info["hostname"]), t.outcome(r)]


@scenario("states", "PROGRESS and its meta")
def progress(t):
    r = t.send("progress", 1)
    return [meets(t, r, "PROGRESS"), t.outcome(r)]


@scenario("states", "a state of the task's own that stays")
def own_state(t):
    r = t.send("state", "LOADED", {"rows": 5})
    return [meets(t, r, "LOADED"), r.ready()]


@scenario("states", "an ignored result is not stored")
def ignored(t):
    r = t.send("ignored")
    other = t.send("add", 1, 1, ignore_result=True)
    t.call("add", 1, 1)
    return [final(t, r), final(t, other)]


@scenario("states", "what is stored of a success and of a failure", needs=("redis",))
def stored(t):
    import json

    out = []
    for r in (t.send("add", 1, 2), t.send("fail", "ValueError", "boom")):
        t.outcome(r)
        if t.backend_url.startswith("redis"):
            meta = json.loads(t.app.backend.client.get(t.app.backend.get_key_for_task(r.id)))
        else:
            meta = {**t.app.backend.get_task_meta(r.id), "result": repr(r.result)}
        meta["traceback"] = bool(meta["traceback"])
        meta["date_done"] = bool(meta["date_done"])
        out.append(t.plain(meta))
    return out


# Retries


@scenario("retries", "a task that retries and succeeds, and one that runs out of tries")
def retries(t):
    return [t.call("retry", 2), t.call("retry", 9)]


@scenario("retries", "a retry without a cause")
def retry_plain(t):
    return t.call("retry_plain")


@scenario("retries", "a retry with other arguments")
def retry_args(t):
    return t.call("retry_args", 1)


@scenario("retries", "automatic retries")
def autoretry(t):
    return [t.call("autoretry", 1), t.call("autoretry", 9)]


@scenario("retries", "RETRY and its cause")
def retry_state(t):
    r = t.app.send_task("conf.retry", args=[9], queue=t.queue)
    return [repr(meets(t, r, "RETRY")), t.outcome(r)["state"]]


# Limits


@scenario("limits", "a soft time limit, caught and not")
def soft(t):
    return [t.call("soft", True), t.call("soft", False)]


@scenario("limits", "a hard time limit, the task's and the message's", slow=True)
def hard(t):
    return [t.call("hard"), t.call("sleep", 20, time_limit=0.6), t.call("sleep", 20, soft_time_limit=0.4)]


@scenario("limits", "a rate limit", slow=True)
def rate(t):
    begin = time.time()
    for r in [t.send("limited", n) for n in range(6)]:
        r.get(timeout=30)
    took = time.time() - begin
    return 1 <= took < 3


# Reject and ignore


@scenario("tasks", "Ignore leaves no state")
def ignore(t):
    r = t.send("ignore")
    t.call("add", 1, 1)
    return final(t, r)


@scenario("tasks", "Reject without requeue")
def reject(t):
    r = t.send("reject")
    t.call("add", 1, 1)
    return final(t, r)


@scenario("tasks", "Reject with requeue")
def reject_requeue(t):
    return t.call("reject_once")


# Canvas


@scenario("canvas", "a chain")
def chains(t):
    r = (t.sig("add", 1, 2) | t.sig("add", 3) | t.sig("add", 4)).apply_async()
    return [t.outcome(r), t.outcome(r.parent) if t.persistent else None]


@scenario("canvas", "a chain that fails in the middle")
def chain_fails(t):
    r = (t.sig("add", 1, 2) | t.sig("fail", "ValueError", immutable=True) | t.sig("add", 4)).apply_async()
    if not t.persistent:
        return t.outcome(r.parent)  # nobody tells the client of the tasks behind it
    steps = [r, r.parent, r.parent.parent]
    t.wait("all of it to end", lambda: all(step.ready() for step in steps))
    return [t.outcome(r), [step.state for step in steps]]


@scenario("canvas", "immutable signatures")
def immutable(t):
    return t.outcome((t.sig("add", 1, 2) | t.sig("add", 3, 4, immutable=True)).apply_async())


@scenario("canvas", "a group")
def groups(t):
    r = group(t.sig("add", n, n) for n in range(8)).apply_async()
    return r.get(timeout=30)


@scenario("canvas", "a group with a task that fails")
def group_fails(t):
    r = group(t.sig("add", 1, 1), t.sig("fail", "ValueError", "boom")).apply_async()
    try:
        return r.get(timeout=30)
    except Exception as exc:
        return [type(exc).__name__, str(exc), r.completed_count() if t.persistent else None]


@scenario("canvas", "a group in a chain becomes a chord", needs=("redis",))
def group_in_chain(t):
    r = (group(t.sig("add", n, n) for n in range(4)) | t.sig("sum") | t.sig("add", 100)).apply_async()
    return t.outcome(r)


@scenario("canvas", "a task whose result goes to a group")
def chain_to_group(t):
    r = (t.sig("add", 1, 2) | group(t.sig("add", 10), t.sig("add", 20))).apply_async()
    return r.get(timeout=30)


@scenario("canvas", "a chord", needs=("redis", "quorum too"))
def chords(t):
    r = chord([t.sig("add", n, n) for n in range(10)])(t.sig("sum"))
    return t.outcome(r)


@scenario("canvas", "a chord of one task, and of none", needs=("redis",))
def small_chords(t):
    one = chord([t.sig("add", 1, 1)])(t.sig("sum"))
    none = chord([], t.sig("sum", [7], immutable=True)).apply_async()
    return [t.outcome(one), t.outcome(none)]


@scenario("canvas", "a chord whose header fails", needs=("redis",))
def chord_fails(t):
    r = chord([t.sig("sleep", 0.5), t.sig("fail", "ValueError", "boom")])(t.sig("sum"))
    got = t.outcome(r)
    got["args"] = [str(a).split(" raised ")[-1] for a in got.get("args", [])]
    return got


@scenario("canvas", "a chord whose body fails", needs=("redis",))
def chord_body_fails(t):
    return t.outcome(chord([t.sig("add", 1, 1), t.sig("add", 2, 2)])(t.sig("fail", "ValueError", "body", immutable=True)))


@scenario("canvas", "nested chords and groups", needs=("redis",))
def nested(t):
    inner = chord([t.sig("add", 1, 1), t.sig("add", 2, 2)], t.sig("sum"))
    r = chord([inner, t.sig("add", 3, 3), group(t.sig("add", 4, 4), t.sig("add", 5, 5))], t.sig("collect")).apply_async()
    got = t.outcome(r)
    return got


@scenario("canvas", "a chord followed by a chain", needs=("redis",))
def chord_then_chain(t):
    r = (chord([t.sig("add", n, n) for n in range(3)], t.sig("sum")) | t.sig("add", 1) | t.sig("add", 2)).apply_async()
    return t.outcome(r)


@scenario("canvas", "chains in a group and in a chord", needs=("redis",))
def chains_in_chord(t):
    r = chord([t.sig("add", n, n) | t.sig("add", 1) for n in range(3)], t.sig("sum")).apply_async()
    return t.outcome(r)


@scenario("canvas", "link and link_error", needs=("redis",))
def links(t):
    r = t.app.send_task("conf.add", args=[1, 2], queue=t.queue, link=t.sig("add", 10))
    t.outcome(r)
    child = t.wait("the callback", lambda: (r.children or [None])[0])
    errback = t.sig("errback").set(task_id=str(uuid.uuid4()))
    failed = t.app.send_task("conf.fail", args=["ValueError", "x"], queue=t.queue, link_error=errback)
    got = t.outcome(failed)
    return [t.outcome(child), got, t.app.AsyncResult(errback.options["task_id"]).get(timeout=30) == failed.id]


@scenario("canvas", "map, starmap and chunks")
def maps(t):
    from celery.canvas import xmap, xstarmap

    task = t.sig("echo")
    mapped = xmap(task, [[1], [2], [3]], app=t.app).set(queue=t.queue).apply_async()
    starred = xstarmap(t.sig("add"), [[1, 2], [3, 4]], app=t.app).set(queue=t.queue).apply_async()
    return [t.outcome(mapped), t.outcome(starred)]


@scenario("canvas", "replace by a task", needs=("redis",))
def replace(t):
    return [t.outcome(t.send("replace", 4, 5)), t.outcome((t.sig("replace", 1, 2) | t.sig("add", 10)).apply_async())]


@scenario("canvas", "replace by a group, in a chain", needs=("redis",))
def replace_group(t):
    return t.outcome((t.sig("replace_group", 3) | t.sig("sum")).apply_async())


@scenario("canvas", "the relations of a chain's tasks: parent, root, group")
def relations(t):
    r = (t.sig("request") | t.sig("collect")).apply_async()
    first = r.parent.get(timeout=30)
    r.get(timeout=30)
    members = group(t.sig("request"), t.sig("request")).apply_async()
    got = members.get(timeout=30)
    return [first["id"] == first["root_id"], first["parent_id"], [g["group"] == members.id for g in got]]


@scenario("canvas", "stamps travel along a chain")
def stamps(t):
    s = t.sig("add", 1, 2) | t.sig("add", 3)
    s.stamp(batch="b1")
    return t.outcome(s.apply_async())


@scenario("canvas", "a chain through both workers, Python's and ours")
def mixed_chain(t):
    other = lambda *args: t.sig("add", *args).set(queue=t.peer.queue)
    return t.outcome((t.sig("add", 1, 2) | other(3) | t.sig("add", 4) | other(5)).apply_async())


@scenario("canvas", "a chord whose tasks and body are on both workers", needs=("redis",))
def mixed_chord(t):
    header = [t.sig("add", n, n).set(queue=q) for n in range(3) for q in (t.queue, t.peer.queue)]
    other = chord(header)(t.sig("sum").set(queue=t.peer.queue))
    return [t.outcome(chord(header)(t.sig("sum"))), t.outcome(other)]


# Revoking


@scenario("revoke", "before a task runs")
def revoke_before(t):
    r = t.send("add", 1, 1, countdown=1)
    time.sleep(0.3)
    t.app.control.revoke(r.id, destination=[t.node])
    return t.outcome(r)


@scenario("revoke", "terminate while it runs")
def revoke_running(t):
    r = t.send("sleep", 20)
    t.wait("the task to run", lambda: any(x["id"] == r.id for x in (t.inspect().active() or {}).get(t.node, [])))
    t.app.control.revoke(r.id, terminate=True, destination=[t.node])
    return t.outcome(r)


@scenario("revoke", "by stamped headers")
def revoke_stamped(t):
    mark = f"m{time.time_ns()}"
    s = t.sig("add", 1, 1).set(countdown=1)
    s.stamp(mark=mark)
    r = s.apply_async()
    time.sleep(0.3)
    t.app.control.revoke_by_stamped_headers({"mark": [mark]}, destination=[t.node])
    return t.outcome(r)


# Messages


@scenario("messages", "msgpack and yaml, and pickle refused", slow=True)
def serializers(t):
    out = [t.call("add", 1, 2, serializer="msgpack"), t.call("add", 1, 2, serializer="yaml")]
    refused = t.send("add", 1, 2, serializer="pickle")
    out.append(t.outcome(refused, timeout=1.5))
    out.append(t.call("add", 5, 5))
    return out


@scenario("messages", "every compression")
def compressions(t):
    return [t.call("add", 1, n, compression=c) for n, c in enumerate(["gzip", "zlib", "bzip2", "lzma", "brotli", "zstd"])]


@scenario("messages", "protocol 1")
def protocol1(t):
    app = type(t.app)("v1", broker=t.broker, backend=t.backend_url, set_as_current=False)
    app.conf.update(task_protocol=1, task_default_queue=t.queue)
    return app.send_task("conf.add", args=[1, 2], queue=t.queue).get(timeout=30)


@scenario("messages", "messages that are no tasks, with tasks behind them: those that a Python worker outlives")
def garbage(t):
    with t.app.connection_for_write() as c:
        p = c.Producer()
        for body, headers, kind in (
            (b"gibberish", {}, "application/json"), (b"[1,2", {"task": "conf.add", "id": "bad-1"}, "application/json"),
            (b"{}", {}, "application/json"),
            (b"[[],{},{}]", {"task": "conf.add", "id": "bad-2"}, "application/x-unknown"), (b"", {}, ""),
        ):
            p.publish(body, routing_key=t.queue, headers=headers, content_type=kind, content_encoding="utf-8")
    return t.call("add", 20, 22)


@scenario("messages", "celery-node, a JavaScript client: values, keywords, failures, both protocols", needs=("redis server",))
def javascript(t):
    import json
    import pathlib
    import subprocess

    script = pathlib.Path(__file__).with_name("client.js")
    run = subprocess.run(["node", script, t.broker, t.backend_url, t.queue], capture_output=True, text=True, timeout=120, check=True)
    return t.plain(json.loads(run.stdout))


# Remote control


@scenario("control", "ping")
def ping(t):
    return t.reply("ping")


@scenario("control", "the lists of tasks: active, reserved, scheduled, registered, revoked", slow=True)
def task_lists(t):
    running = [t.send("sleep", 2) for _ in range(2)]
    later = t.send("add", 1, 1, countdown=60)
    t.wait("them to run", lambda: len((t.inspect().active() or {}).get(t.node, [])) == 2)
    t.wait("one to be scheduled", lambda: (t.inspect().scheduled() or {}).get(t.node))
    active = sorted(t.reply("active")[0], key=lambda a: a["id"])
    scheduled = [s for s in t.reply("scheduled")[0]]
    registered = [n for n in t.reply("registered")[0] if n.startswith("conf.")]
    t.app.control.revoke(later.id, destination=[t.node])
    for r in running:
        r.get(timeout=30)

    def form(info):
        fixed = {k: info[k] for k in ("name", "type", "args", "kwargs", "hostname", "acknowledged")}
        return {**fixed, "keys": sorted(info)}

    return [[form(a) for a in active], [[sorted(s), s["priority"], form(s["request"])] for s in scheduled], sorted(registered)]


@scenario("control", "query_task")
def query_task(t):
    r = t.send("sleep", 1)
    t.wait("it to run", lambda: any(x["id"] == r.id for x in (t.inspect().active() or {}).get(t.node, [])))
    got = t.reply("query_task", ids=[r.id, "unknown"])
    r.get(timeout=30)
    return [[v[0] for v in answer.values()] for answer in got]


@scenario("control", "stats and their keys")
def stats(t):
    got = t.reply("stats")[0]
    return [sorted(got), got["broker"], got["prefetch_count"], sorted(got["pool"])[:3]]


@scenario("control", "active_queues")
def active_queues(t):
    got = t.reply("active_queues")[0]
    return [{k: q[k] for k in ("name", "routing_key", "durable", "exclusive", "auto_delete", "no_ack")} | {"exchange": q["exchange"]["name"]} for q in got]


@scenario("control", "time_limit and rate_limit at run time", alone=True)
def limits_at_run_time(t):
    out = [t.reply("time_limit", task_name="conf.sleep", soft=None, hard=0.6), t.call("sleep", 20), t.reply("time_limit", task_name="conf.sleep", soft=None, hard=None)]
    out += [t.reply("time_limit", task_name="conf.nosuch", hard=1), t.reply("rate_limit", task_name="conf.none", rate_limit="10/m")]
    out += [t.reply("rate_limit", task_name="conf.none", rate_limit="nonsense"), t.reply("rate_limit", task_name="conf.nosuch", rate_limit="1/s")]
    out += [t.reply("rate_limit", task_name="conf.none", rate_limit=0), t.call("none")]
    return out


@scenario("control", "pool_grow, pool_shrink and autoscale", alone=True)
def pool(t):
    return [t.reply("pool_grow", n=1), t.reply("pool_shrink", n=1), t.reply("autoscale", max=3, min=2)]


@scenario("control", "add_consumer and cancel_consumer", alone=True)
def consumers(t):
    extra = t.queue + ".extra"
    out = [t.reply("add_consumer", queue=extra)]
    r = t.send("add", 1, 1, queue=extra)
    out.append(t.outcome(r))
    out.append(t.reply("cancel_consumer", queue=extra))
    # Python's worker answers before it has done so.
    t.wait("one queue less", lambda: [len(queues) for queues in t.reply("active_queues")] == [1])
    return out


@scenario("control", "an unknown command, and wrong arguments")
def unknown_command(t):
    return [t.reply("nosuch"), [list(a) if isinstance(a, dict) else a for a in t.reply("rate_limit")]]


@scenario("control", "clock, conf and report answer")
def others(t):
    return [sorted(t.reply("clock")[0]), bool(t.reply("conf")), list(t.reply("report")[0])]


# Quorum queues, for which RabbitMQ holds tasks back by itself


@scenario("quorum queues", "a task with a countdown waits in the broker, not in the worker", needs=("quorum",), slow=True)
def delayed(t):
    r = t.send("where", countdown=3)
    time.sleep(1)
    return [t.reply("scheduled"), t.reply("reserved"), t.outcome(r)]


@scenario("quorum queues", "a task with an eta between two seconds", needs=("quorum",), slow=True)
def delayed_eta(t):
    import datetime

    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2.5)
    early = lambda: datetime.datetime.now(datetime.timezone.utc) < at
    return [t.call("add", 1, 2, eta=at), early()]


@scenario("quorum queues", "a retry waits in the broker too, and again", needs=("quorum",), slow=True)
def delayed_retry(t):
    r = t.send("retry_later", 2)
    time.sleep(1)
    return [t.reply("scheduled"), t.outcome(r)]


@scenario("quorum queues", "the queue as active_queues names it", needs=("quorum",))
def quorum_queue(t):
    return t.reply("active_queues")


# Events


def listen(t, act, node=None):
    """The events that t's worker, or the named one, sends while act runs."""
    import threading

    seen, ready, over = [], threading.Event(), threading.Event()

    def receive():
        with t.app.connection_for_read() as c:
            receiver = t.app.events.Receiver(c, handlers={"*": seen.append})
            with receiver.consumer_context(wakeup=False) as (connection, _, _):
                ready.set()
                while not over.is_set():
                    try:
                        connection.drain_events(timeout=0.2)
                    except OSError:
                        pass

    def mine():
        return [e for e in seen if e.get("hostname") == (node or t.node)]

    thread = threading.Thread(target=receive)
    thread.start()
    try:
        ready.wait(10)
        time.sleep(0.5)  # Redis says nothing of when a subscription holds
        act(mine)
    finally:
        over.set()
        thread.join()
    return mine()


def fields(e):
    return sorted(set(e) - {"local_received"})


@scenario("events", "the events of a task, with their fields", alone=True, slow=True)
def events(t):
    results = []

    def act(mine):
        results.extend(t.send(*call) for call in (("add", 1, 2), ("fail", "ValueError", "boom"), ("retry", 1)))
        for r in results:
            t.outcome(r)
        t.wait("the events", lambda: sum(e["type"] in ("task-succeeded", "task-failed") for e in mine()) >= 3)

    t.reply("enable_events")
    seen = listen(t, act)
    t.reply("disable_events")
    # A retry's new message may be received before the old one is said to be retried.
    return [sorted([e["type"], fields(e)] for e in seen if e.get("uuid") == r.id) for r in results]


@scenario("events", "heartbeats", slow=True)
def heartbeats(t):
    seen = listen(t, lambda mine: t.wait("a heartbeat", lambda: any("active" in e for e in mine() if e["type"] == "worker-heartbeat")))
    return sorted({tuple(fields(e)) for e in seen if e["type"] == "worker-heartbeat" and "active" in e})


@scenario("events", "a heartbeat that is asked for")
def asked(t):
    def act(mine):
        t.app.control.broadcast("heartbeat", destination=[t.node])
        t.wait("a heartbeat", lambda: any(e["freq"] == 5 or t.kind == "sparkstalk" for e in mine() if e["type"] == "worker-heartbeat"))

    seen = listen(t, act)
    return [fields(e) for e in seen if e["type"] == "worker-heartbeat" and ("active" not in e or t.kind == "sparkstalk")][:1]


# A worker's life: each scenario has workers of its own, on a queue of theirs


def left(t, queue):
    """How many messages wait in a queue."""
    with t.app.connection_for_read() as c:
        try:
            return c.default_channel.queue_declare(queue, passive=True).message_count
        except c.channel_errors:
            return 0  # Redis has no empty lists


def runs(t, worker, result):
    t.wait("the task to run", lambda: any(x["id"] == result.id for x in (worker.inspect().active() or {}).get(worker.node, [])))


@scenario("life", "SIGTERM: what runs ends, what waits stays in its queue", needs=("redis server",), slow=True)
def warm_shutdown(t):
    import signal

    with t.worker("-c", "1") as w:
        first = t.send("sleep", 1.5, queue=w.queue)
        runs(t, w, first)
        second = t.send("add", 1, 1, queue=w.queue)
        t.wait("the second to be reserved", lambda: (w.inspect().reserved() or {}).get(w.node))
        code = w.end(signal.SIGTERM)
        return [t.outcome(first), code, left(t, w.queue), second.state]


@scenario("life", "a shutdown by remote control, with worker-online and worker-offline", needs=("redis server",), slow=True)
def remote_shutdown(t):
    w = t.worker("-c", "1")

    def act(mine):
        with w:
            t.wait("worker-online", lambda: any(e["type"] == "worker-online" for e in mine()))
            t.app.control.shutdown(destination=[w.node])
            codes.append(w.end(None))
            t.wait("worker-offline", lambda: any(e["type"] == "worker-offline" for e in mine()))

    codes = []
    seen = listen(t, act, w.node)
    return [codes, [[e["type"], fields(e)] for e in seen if e["type"] in ("worker-online", "worker-offline")]]


@scenario("life", "SIGQUIT with worker_soft_shutdown_timeout: a task may end within it", needs=("redis server",), slow=True)
def soft_shutdown(t):
    import signal

    with t.worker("-c", "1", SOFT_SHUTDOWN="5") as w:
        r = t.send("sleep_late", 1.5, queue=w.queue)
        runs(t, w, r)
        code = w.end(signal.SIGQUIT)
        return [t.outcome(r), code, left(t, w.queue)]


@scenario("life", "a late-acked task whose worker is killed runs again elsewhere", needs=("redis server", "amqp"), slow=True)
def killed(t):
    with t.worker("-c", "1") as w:
        r = t.send("sleep_late", 2, queue=w.queue)
        runs(t, w, r)
        w.kill()
    with t.worker("-c", "1", queue=w.queue):
        return [t.outcome(r), left(t, w.queue)]


@scenario("life", "revocations outlive a restart (--statedb)", needs=("redis server",), slow=True)
def statedb(t):
    import os
    import signal
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        state, task_id = os.path.join(folder, "state"), str(uuid.uuid4())
        with t.worker("-c", "1", "-S", state) as w:
            t.app.control.revoke(task_id, destination=[w.node], reply=True, timeout=5, limit=1)
            code = w.end(signal.SIGTERM)
        with t.worker("-c", "1", "-S", state, queue=w.queue) as again:
            known = task_id in (again.inspect().revoked() or {}).get(again.node, [])
            return [code, known, t.outcome(t.send("add", 1, 1, task_id=task_id, queue=w.queue))]


@scenario("life", "result_extended: what is stored then", needs=("redis server",), slow=True)
def extended(t):
    import json

    with t.worker("-c", "1", RESULT_EXTENDED="true") as w:
        out = []
        for r in (t.send("add", 1, kwargs={"y": 2}, queue=w.queue), t.send("fail", "ValueError", "boom", queue=w.queue)):
            t.outcome(r)
            meta = json.loads(t.app.backend.client.get(t.app.backend.get_key_for_task(r.id)))
            meta["traceback"], meta["date_done"] = bool(meta["traceback"]), bool(meta["date_done"])
            out.append({k: w.plain(v) for k, v in sorted(meta.items())})
        return out


@scenario("life", "priorities of tasks that wait", needs=("redis server",), slow=True)
def priorities(t):
    with t.worker("-c", "1", "--prefetch-multiplier", "1", MAX_PRIORITY="9") as w:
        declared = Queue(w.queue, Exchange(w.queue), routing_key=w.queue, queue_arguments={"x-max-priority": 9})
        first = t.send("sleep", 1.5, queue=declared)
        runs(t, w, first)
        sent = {p: t.send("add", p, 0, queue=declared, priority=p) for p in (0, 3, 9, 6)}
        for r in [first, *sent.values()]:
            r.get(timeout=30)
        order = sorted(sent, key=lambda p: sent[p].date_done)
        # The one that was fetched while the first ran was the first to come.
        return [p for p in order if p]


@scenario("life", "--autoscale: stats and its bounds", needs=("redis server",), slow=True)
def autoscale(t):
    with t.worker("--autoscale", "1,3") as w:
        out = []
        tasks = [t.send("sleep", 1.5, queue=w.queue) for _ in range(4)]
        scaled = lambda: (w.stats().get("autoscaler") or {}).get("current") == 3
        t.wait("the pool to grow", scaled)
        s = w.stats()
        out += [s["autoscaler"]["max"], s["autoscaler"]["min"], s["prefetch_count"]]
        out.append(t.app.control.autoscale(5, 0, destination=[w.node], reply=True, timeout=5, limit=1)[0][w.node])
        s = w.stats()
        out += [{k: s["autoscaler"][k] for k in ("max", "min")}, s["prefetch_count"], [t.outcome(r) for r in tasks]]
        return out


@scenario("life", "several broker URLs of which the first is dead", needs=("redis server", "amqp"), slow=True)
def failover(t):
    dead = "amqp://guest:guest@127.0.0.1:1//"
    with t.worker("-c", "1", broker=f"{dead};{t.broker}") as w:
        return [t.outcome(t.send("add", 1, 2, queue=w.queue)), len(w.stats()["broker"]["alternates"])]
