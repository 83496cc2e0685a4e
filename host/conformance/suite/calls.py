"""What Celery's own suite asks of single calls, revoking and remote control, beyond
what scenarios.py has."""

import time
import uuid

from celery import chain, chord, group

from canvases import fixed
from scenarios import final, runs, scenario


@scenario("tasks", "priority, eta, expires, headers and time limits as a task sees them", needs=("redis",))
def context(t):
    calls = {
        "nothing": {}, "limits": {"time_limit": 30, "soft_time_limit": 20}, "headers": {"headers": {"x-mine": {"a": [1, 2.5, None]}}},
        "priority": {"priority": 7}, "countdown": {"countdown": 0.2}, "expires": {"expires": 60},
    }
    out = {name: t.call("context", **options) for name, options in calls.items()}
    return [out, t.call("limited_context", time_limit=10, soft_time_limit=5)]


@scenario("tasks", "a task's own time limits as it sees them", needs=("redis",))
def own_limits(t):
    return t.call("limited_context")


@scenario("retries", "what a retry keeps: priority, headers, limits, expires, and whether its result is stored", needs=("redis",))
def retry_keeps(t):
    kept = t.call("retry_once", priority=7, headers={"x-mine": "kept"}, time_limit=30, expires=60)
    ignored = t.send("retry_once", ignore_result=True)
    stored = t.send("retry_ignored", ignore_result=False)
    t.call("retry_once")
    return [kept, final(t, ignored), t.outcome(stored), final(t, t.send("retry_ignored"))]


@scenario("retries", "a retry with arguments after keywords, and with keywords after arguments")
def retry_switches(t):
    return [t.call("retry_other_args", kwargs={"foo": 1, "bar": 2, "label": "kept"}), t.call("retry_other_kwargs", 1, 2)]


@scenario("tasks", "results that many threads of a client wait for", needs=("redis server",), slow=True)
def threads(t):
    from concurrent.futures import ThreadPoolExecutor

    sent = [t.send("add", n, n) for n in range(40)]
    with ThreadPoolExecutor(12) as pool:
        return sorted(pool.map(lambda r: r.get(timeout=30), sent))


@scenario("tasks", "a queue that the client names where it may make none")
def explicit_queue(t):
    from celery import Celery
    from kombu import Exchange, Queue

    with Celery("explicit", broker=t.broker, backend=t.backend_url, set_as_current=False) as app:
        app.conf.update(task_create_missing_queues=False, task_queues=[Queue(t.queue, Exchange(t.queue), routing_key=t.queue)])
        return app.send_task("conf.add", args=[1, 2], queue=t.queue).get(timeout=30)


@scenario("tasks", "a fanout exchange in task_queues: each worker's queue gets the task", needs=("redis server", "amqp"), slow=True)
def fanout(t):
    from kombu import Exchange, Queue

    exchange = f"{t.queue}-all"
    with t.sink() as sink:
        declare = lambda name: {name: {"exchange": exchange, "exchange_type": "fanout", "routing_key": ""}}
        names = [f"{exchange}-{n}" for n in (1, 2)]
        with t.worker("-c", "1", queue=names[0], queues=declare(names[0])), t.worker("-c", "1", queue=names[1], queues=declare(names[1])):
            sent = Queue(names[0], Exchange(exchange, type="fanout"), routing_key="")
            t.app.send_task("conf.tell", args=["heard", sink.queue.name], queue=sent)
            t.wait("both to run", lambda: len(sink.read(0.1)) == 2)
        return sink.counts()


@scenario("tasks", "deduplication: what is delivered again after its success runs no more, and what follows it runs", needs=("redis server",), slow=True)
def dedup(t):
    with t.worker("-c", "1", DEDUPLICATE="1", ACKS_LATE="1") as w:
        s = lambda name, *args: t.sig(name, *args).set(queue=w.queue)

        def done():
            """A task that rejects its first delivery, and whose result is there by then."""
            first = s("reject_once")
            t.app.backend.store_result(first.freeze().id, "first", "SUCCESS")
            return first

        called = s("echo")
        back = called.freeze()
        first = done()
        first.link(called)
        first.apply_async()
        return [t.ended(chain(s("reject_once"), s("echo")).apply_async()), t.ended(chain(done(), s("echo")).apply_async()), t.ended(back)]


@scenario("states", "how long results are kept: result_expires and result_failure_expires", needs=("redis server", "amqp"), slow=True)
def kept(t):
    with t.worker("-c", "1", RESULT_EXPIRES="60", FAILURE_EXPIRES="600") as w:
        out = []
        for r in (t.send("add", 1, 1, queue=w.queue), t.send("fail", "KeyError", "x", queue=w.queue)):
            t.outcome(r)
            ttl = t.app.backend.client.ttl(t.app.backend.get_key_for_task(r.id))
            out.append("60" if 0 < ttl <= 60 else "600" if 60 < ttl <= 600 else ttl)
        return out


@scenario("states", "a result backend that is never there: tasks run", needs=("redis server", "amqp"), slow=True)
def no_backend(t):
    with t.sink() as sink, t.worker("-c", "1", backend="redis://127.0.0.1:1/0") as w:
        for label in ("first", "second"):
            t.send("tell", label, sink.queue.name, queue=w.queue, ignore_result=True)
        t.wait("both to run", lambda: len(sink.read(0.1)) == 2)
        return sink.counts()


@scenario("canvas", "errbacks where results are stored nowhere (disabled)", needs=("redis server", "amqp"), slow=True)
def disabled(t):
    with t.sink() as sink, t.worker("-c", "1", backend="disabled://") as w:
        s = lambda name, *args: fixed(t, name, *args).set(queue=w.queue)
        work = chain(s("fail", "ValueError", "x"), s("tell", "behind it", sink.queue.name))
        work.link_error(sink.note("errback"))
        work.apply_async()
        t.wait("the errback", lambda: sink.read(0.5))
        return sink.counts()


@scenario("canvas", "a callback whose queue is full for a while", needs=("redis server", "amqp"), slow=True)
def full_queue(t):
    from kombu import Exchange, Queue

    out = []
    for kind in ("link", "chain", "chord"):
        name = f"{t.queue}-full-{kind}"
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        full = Queue(name, Exchange(name), routing_key=name, queue_arguments=arguments)
        with t.app.connection_for_write() as c:
            bound = full(c.default_channel)
            bound.declare()
            c.Producer().publish("filler", exchange=name, routing_key=name)
            time.sleep(0.2)
            with t.worker("-c", "1", queues={name: {"queue_arguments": arguments}}, CONFIRM="1") as w:
                first, behind = t.sig("add", 1, 3).set(queue=w.queue), t.sig("echo").set(queue=name)
                if kind == "chord":
                    r = chord([first], behind).apply_async()
                    parent = r.parent.results[0]
                elif kind == "chain":
                    r = chain(first, behind).apply_async()
                    parent = r.parent
                else:
                    r = behind.freeze()
                    first.link(behind)
                    parent = first.apply_async()
                time.sleep(0.6)
                bound.get(no_ack=True)
                out.append(t.ended(parent))
                out.append([t.wait("the callback", lambda: bound.get(no_ack=True)).payload[0]])
            bound.delete()
    return out


# Revoking


@scenario("revoke", "what runs, without terminate, and what another worker has begun, keep their state", needs=("redis",))
def revoke_running_on(t):
    backend, begun, waiting = t.app.backend, str(uuid.uuid4()), str(uuid.uuid4())
    backend.store_result(begun, {"hostname": "other@host"}, "STARTED")
    t.app.control.revoke([begun, waiting], destination=[t.node], reply=True, timeout=5, limit=1)
    r = t.send("tracked", 1)
    t.wait("it to run", lambda: r.state == "STARTED")
    t.app.control.revoke(r.id, destination=[t.node], reply=True, timeout=5, limit=1)
    return [backend.get_state(begun), backend.get_state(waiting), t.outcome(r)]


@scenario("revoke", "stamped tasks within groups, chains and chords", needs=("redis server",), slow=True)
def revoke_canvas(t):
    mark = f"m{time.time_ns()}"
    t.app.control.revoke_by_stamped_headers({"mark": [mark]}, destination=[t.node], reply=True, timeout=5, limit=1)

    def stamped():
        s = fixed(t, "echo", "never")
        s.stamp(mark=mark)
        return s

    other = lambda: fixed(t, "echo", "other")
    shapes = {
        "a group": group([stamped()]), "a header": chord(group([stamped()]), other()), "a body": chord(group([other()]), stamped()), "a chain": chain(stamped()),
        "among others": group([other(), stamped(), other()]), "a header among others": chord([other(), stamped()], other()),
        "last in a chain": chain(other(), stamped()), "a group behind a task": chain(other(), group([other(), stamped()])),
        "a group in the middle": chain(other(), group([other(), stamped()]), other()), "behind a group": chain(other(), group([other(), other()]), stamped()),
    }
    sent = {name: s.apply_async() for name, s in shapes.items()}
    return {name: [str(part).split(" raised ")[-1] for part in t.ended(r)] for name, r in sent.items()}


@scenario("revoke", "a chord's member that waits: the chord ends", needs=("redis server", "amqp"), slow=True)
def revoke_member(t):
    with t.worker("-c", "1") as w:
        s = lambda name, *args: t.sig(name, *args).set(queue=w.queue)
        r = chord([s("sleep", 1.5), s("add", 1, 2)], s("collect")).apply_async()
        slow, quick = r.parent.results
        runs(t, w, slow)
        t.wait("the other to be reserved", lambda: any(x["id"] == quick.id for x in (w.inspect().reserved() or {}).get(w.node, [])))
        t.app.control.revoke(quick.id, destination=[w.node])
        got = t.ended(r)
        return [got[0], got[1].split(" raised ")[-1], quick.state, t.outcome(slow)["value"]]


@scenario("revoke", "by stamps: the reply for what is not there")
def revoke_nothing(t):
    return t.reply("revoke_by_stamped_headers", headers={"mine": ["value"]}, terminate=False)


@scenario("revoke", "a worker that begins learns what its neighbours know as revoked (mingle)", needs=("redis server",), slow=True)
def mingle(t):
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    t.app.control.revoke(first, destination=[t.node], reply=True, timeout=5, limit=1)
    t.app.control.revoke(second, destination=[t.peer.node], reply=True, timeout=5, limit=1)
    with t.worker("-c", "1") as w:
        known = t.wait("what is revoked", lambda: (w.inspect().revoked() or {}).get(w.node, []))
        return [first in known, second in known]


@scenario("revoke", "ids from another worker's hello, in the forms of Celery 5.7 and of before")
def hello(t):
    listed, timed = [str(uuid.uuid4()) for _ in range(2)], [str(uuid.uuid4()) for _ in range(2)]
    ahead = time.monotonic() + 10**6
    answer = t.reply("hello", from_node="neighbour@elsewhere", revoked=listed)
    t.reply("hello", from_node="neighbour@elsewhere", revoked={i: [ahead, n, i] for n, i in enumerate(timed)})
    known = (t.inspect().revoked() or {}).get(t.node, [])
    return [sorted(answer[0]), [i in known for i in listed + timed], t.reply("hello", from_node=t.node)]


# Remote control


@scenario("control", "query_task of one that waits for its time")
def query_scheduled(t):
    r = t.send("add", 2, 2, countdown=30)
    state = t.wait("it to be scheduled", lambda: [v[0] for a in t.inspect().query_task(r.id).values() for v in a.values()])
    t.app.control.revoke(r.id, destination=[t.node])
    return [state, t.outcome(r)]


@scenario("control", "replies to destination, pattern and limit")
def selected(t):
    hear = lambda **kw: sorted(name == t.node for answer in t.app.control.broadcast("ping", reply=True, timeout=1, **kw) for name in answer)
    start = t.node.split("@")[0]
    return [
        hear(destination=[t.node], limit=1), hear(pattern=start + "@*", matcher="glob", limit=1), hear(pattern=start + ".*", matcher="pcre", limit=1),
        hear(pattern="nobody@*", matcher="glob"), len(hear(limit=1)),
    ]


@scenario("control", "the configuration, without secrets")
def conf(t):
    got = t.reply("conf", with_defaults=True)[0]
    wanted = ("accept_content", "enable_utc", "task_acks_late", "worker_prefetch_multiplier", "task_default_queue", "worker_enable_remote_control")
    return [{name: got.get(name) for name in wanted}, "guest:guest" in str(got)]


@scenario("control", "a worker that commands fail on answers the next")
def failing_commands(t):
    for _ in range(5):
        t.app.control.broadcast("rate_limit", arguments={"task_name": 5, "rate_limit": {}}, destination=[t.node])
    return [t.reply("ping"), t.call("add", 4, 4)]


# Events


@scenario("events", "times of a worker in another time zone", needs=("redis server", "amqp"), slow=True)
def time_zone(t):
    from scenarios import listen

    w = t.worker("-c", "1", TZ="Asia/Ho_Chi_Minh")

    def act(mine):
        with w:
            t.wait("a heartbeat", lambda: any(e["type"] == "worker-heartbeat" for e in mine()))

    seen = listen(t, act, w.node)[-1]
    return [seen["utcoffset"], abs(seen["timestamp"] - time.time()) < 60]


# Quorum queues


@scenario("quorum queues", "delays: none, short, several at once, in turn and as text", needs=("quorum",), slow=True)
def delays(t):
    import datetime

    now = datetime.datetime.now(datetime.timezone.utc)
    at = lambda seconds: now + datetime.timedelta(seconds=seconds)
    sent = {
        "none": {"countdown": 0}, "short": {"countdown": 1}, "as text": {"eta": at(2).isoformat()},
    }
    results = {name: t.send("add", 1, 1, **options) for name, options in sent.items()}
    many = [t.send("add", n, n, eta=at(2)) for n in range(20)]
    turns = [t.send("add", n, n, eta=at(n)) for n in (3, 5, 7)]
    far = t.send("add", 1, 1, eta=at(25 * 3600))
    got = [{name: t.outcome(r) for name, r in results.items()}, [t.outcome(r)["state"] for r in many]]
    ended = []
    for r in turns:
        t.outcome(r)
        ended.append(time.time())
    return [*got, ended == sorted(ended), far.state]


@scenario("quorum queues", "chains with countdowns, groups, and a task that is revoked while the broker has it", needs=("quorum",), slow=True)
def delayed_canvas(t):
    later = t.send("add", 1, 1, countdown=3)
    t.app.control.revoke(later.id, destination=[t.node], reply=True, timeout=5, limit=1)
    r = chain(t.sig("add", 1, 2).set(countdown=1), t.sig("add", 3).set(countdown=1), t.sig("add", 4).set(countdown=1)).apply_async()
    return [t.ended(r), t.ended(group(t.sig("add", n, n) for n in range(5)).apply_async()), t.outcome(later)]
