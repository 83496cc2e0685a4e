"""How workers end, and what becomes of their tasks: the shutdowns of Celery's own
suite. Each scenario starts workers of its own."""

import signal
import time

from celery import group

import workers
from scenarios import left, runs, scenario

REDIS, AMQP, LISTS = ("redis server",), ("redis server", "amqp"), ("redis server", "lists")


def again(t, w, *options):
    """Another worker on the same queue."""
    return t.worker("-c", "2", *options, queue=w.queue)


@scenario("life", "SIGTERM three times is as once", needs=AMQP, slow=True)
def terms(t):
    with t.worker("-c", "1", ACKS_LATE="1") as w:
        r = t.send("sleep", 1.5, queue=w.queue)
        runs(t, w, r)
        for _ in range(2):
            w.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        code = w.end(signal.SIGTERM)
        return [code, t.outcome(r), left(t, w.queue)]


@scenario("life", "SIGQUIT ends a worker with its tasks, and one of its late-acked tasks runs elsewhere", needs=REDIS, slow=True)
def quit_cold(t):
    with t.worker("-c", "1", ACKS_LATE="1") as w:
        r = t.send("sleep", 3, queue=w.queue)
        runs(t, w, r)
        w.end(signal.SIGQUIT)
        state = r.state
        with again(t, w):
            return [state, t.outcome(r)]


@scenario("life", "SIGQUIT twice, and SIGTERM and then SIGQUIT twice, end a worker at once", needs=AMQP, slow=True)
def quit_hard(t):
    out = []
    for signals in ((signal.SIGQUIT,), (signal.SIGTERM, signal.SIGQUIT)):
        with t.worker("-c", "1", ACKS_LATE="1") as w:
            r = t.send("sleep", 300, queue=w.queue)
            runs(t, w, r)
            for s in signals:
                w.process.send_signal(s)
                time.sleep(0.3)
            begin = time.time()
            w.end(signal.SIGQUIT if w.process.poll() is None else None)
            out.append([time.time() - begin < 20, r.state])
    return out


@scenario("life", "REMAP_SIGTERM=SIGQUIT: SIGTERM is cold, and soft with worker_soft_shutdown_timeout", needs=AMQP, slow=True)
def remapped(t):
    out = []
    for soft, seconds in (("", 3), ("6", 1.5)):
        with t.worker("-c", "1", ACKS_LATE="1", REMAP_SIGTERM="SIGQUIT", **({"SOFT_SHUTDOWN": soft} if soft else {})) as w:
            r = t.send("sleep", seconds, queue=w.queue)
            runs(t, w, r)
            w.end(signal.SIGTERM)
            out.append(r.state)
    return out


@scenario("life", "a soft shutdown is cut short by another SIGQUIT, and minds time limits", needs=AMQP, slow=True)
def soft_and_more(t):
    out = []
    with t.worker("-c", "1", ACKS_LATE="1", SOFT_SHUTDOWN="60") as w:
        r = t.send("sleep", 300, queue=w.queue)
        runs(t, w, r)
        begin = time.time()
        for _ in range(2):
            w.process.send_signal(signal.SIGQUIT)
            time.sleep(0.5)
        w.end(signal.SIGQUIT if w.process.poll() is None else None)
        out.append([time.time() - begin < 30, r.state])
    with t.worker("-c", "1", SOFT_SHUTDOWN="16", TIME_LIMIT="15", SOFT_TIME_LIMIT="10") as w:
        r = t.send("sleep", 1.5, queue=w.queue)
        runs(t, w, r)
        w.end(signal.SIGQUIT)
        out.append(r.state)
    return out


@scenario("life", "what a soft shutdown cuts off is restored at once, and runs elsewhere", needs=LISTS, slow=True)
def soft_restores(t):
    with t.worker("-c", "2", ACKS_LATE="1", SOFT_SHUTDOWN="2") as w:
        short, long = t.sig("sleep", 1).set(queue=w.queue), t.sig("sleep", 5).set(queue=w.queue)
        known, lasting = short.freeze(), long.freeze()
        r = group(short, long).apply_async()
        t.wait("both to run", lambda: len((w.inspect().active() or {}).get(w.node, [])) == 2)
        w.end(signal.SIGQUIT)
        state, waits = known.state, left(t, w.queue)
        with again(t, w):
            return [state, waits, t.ended(r), t.outcome(lasting)]


@scenario("life", "what waits for its eta at a soft shutdown is restored, and runs elsewhere", needs=LISTS, slow=True)
def eta_restores(t):
    with t.worker("-c", "1", SOFT_SHUTDOWN="1", ON_IDLE="1") as w:
        r = t.send("add", 1, 2, countdown=6, queue=w.queue)
        t.wait("it to be scheduled", lambda: (w.inspect().scheduled() or {}).get(w.node))
        w.end(signal.SIGQUIT)
        waits = left(t, w.queue)
        with again(t, w):
            return [waits, t.outcome(r)]


@scenario("life", "a warm shutdown that outlasts the heartbeat keeps its connection and acknowledges", needs=AMQP, slow=True)
def heartbeats_in_drain(t):
    with t.worker("-c", "1", ACKS_LATE="1", HEARTBEAT="2") as w:
        r = t.send("sleep", 7, queue=w.queue)
        runs(t, w, r)
        code = w.end(signal.SIGTERM)
        return [code, t.outcome(r), left(t, w.queue)]


@scenario("life", "what ends during a warm shutdown is acknowledged then: a kill after it does not repeat it", needs=AMQP, slow=True)
def acked_in_drain(t):
    with t.worker("-c", "2", "--prefetch-multiplier", "1", ACKS_LATE="1") as w:
        long, short = t.send("sleep", 300, queue=w.queue), t.send("sleep", 2, queue=w.queue)
        runs(t, w, short)
        runs(t, w, long)
        w.process.send_signal(signal.SIGTERM)
        outcome = t.outcome(short)
        time.sleep(8)
        w.kill()
        t.wait("the broker to have the other back", lambda: left(t, w.queue))
        time.sleep(0.5)
        return [outcome, left(t, w.queue)]


@scenario("life", "of two workers one is killed: the other goes on, and so does one that is started again", needs=REDIS, slow=True)
def failover_workers(t):
    with t.worker("-c", "1") as first, again(t, first) as second:
        first.kill()
        out = [t.outcome(t.send("sleep", 0.5, queue=first.queue)) for _ in range(2)]
        second.kill()
        with again(t, first):
            return [*out, t.outcome(t.send("sleep", 0.5, queue=first.queue))]


@scenario("life", "a restart while a task runs, and between two of a chain", needs=AMQP, slow=True)
def restarted(t):
    with t.worker("-c", "1", ACKS_LATE="1") as w:
        r = t.send("sleep", 1.5, queue=w.queue)
        runs(t, w, r)
        w.end(signal.SIGTERM)
        first, second = t.sig("sleep", 0.3).set(queue=w.queue), t.sig("sleep", 0.3, immutable=True).set(queue=w.queue)
        begun = first.freeze()
        with again(t, w) as other:
            work = (first | second).apply_async()
            t.outcome(begun)
            other.end(signal.SIGTERM)
        with again(t, w):
            return [t.outcome(r), t.outcome(work)]


@scenario("life", "--concurrency auto and a number", needs=AMQP, slow=True)
def concurrency(t):
    out = []
    for n in ("auto", "3"):
        with t.worker("-c", n) as w:
            out.append(w.stats()["pool"]["max-concurrency"])
    return out


@scenario("life", "a task that ran out of time leaves a worker that works", needs=AMQP, slow=True)
def after_timeout(t):
    with t.worker("-c", "1") as w:
        return [t.outcome(t.send("hard", queue=w.queue)), t.outcome(t.send("none", queue=w.queue))]


@scenario("beat", "beat_enable_remote_control: ping is answered, while it ticks, and nothing else", needs=REDIS, slow=True)
def beat_ping(t):
    with workers.Beat(t) as b:
        ask = lambda: t.app.control.ping(destination=[b.node], timeout=2, limit=1)
        t.wait("the beat", ask)
        out = []
        for _ in range(4):  # longer than it may go without a look at its entries
            out.append(t.plain([list(answer.values()) for answer in ask()]))
            time.sleep(1)
        everybody = {name for answer in t.app.control.ping(timeout=2) for name in answer}
        return [out, t.app.control.inspect(destination=[b.node], timeout=1).active(), b.node in everybody, t.node in everybody]
