"""Canvases through Python's worker and sparkstalk's, judged by result.get().

    canvas.py

starts a Python worker on the queue PY_QUEUE, runs every scenario with the tasks of Python
alone, of sparkstalk alone (on GO_QUEUE) and of both by turns, and prints a JSON object:
{scenario: {"py": outcome, "go": outcome, "mixed": outcome}}. An outcome is what
get() returned, or the exception's class and text.
"""

import builtins
import json
import os
import re
import subprocess
import sys
import time

from celery import Celery, chain, chord, group, signature

app = Celery("canvas", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
GO, PY = os.environ["GO_QUEUE"], os.environ["PY_QUEUE"]
app.conf.task_routes = {"test.*": {"queue": GO}, "py.*": {"queue": PY}}
app.conf.task_default_queue = PY
app.conf.broker_connection_retry_on_startup = True


@app.task(name="py.add")
def add(x, y):
    return x + y


@app.task(name="py.tsum")
def tsum(numbers):
    return sum(numbers)


@app.task(name="py.echo")
def echo(value):
    return value


@app.task(name="py.fail")
def fail(cls, message):
    raise getattr(builtins, cls)(message)


@app.task(name="py.replace_me", bind=True)
def replace_me(self, x):
    return self.replace(add.s(x, 1))


@app.task(name="py.replace_group", bind=True)
def replace_group(self, x):
    return self.replace(group(add.s(x, 1), add.s(x, 2)))


@app.task(name="py.replace_chain", bind=True)
def replace_chain(self, x):
    return self.replace(chain(add.s(x, 1), add.s(10)))


@app.task(name="py.add_to_chord", bind=True)
def add_to_chord(self, x):
    self.add_to_chord(add.s(x, 100))
    return x


@app.task(name="py.spin")
def spin(seconds):
    time.sleep(seconds)


@app.task(name="py.limited", rate_limit="2/s")
def limited():
    return int(time.time() * 1000)


class Names:
    """Signatures of tasks of one worker, or of both by turns."""

    def __init__(self, *prefixes):
        self.prefixes, self.n = prefixes, 0

    def __getattr__(self, name):
        def sig(*args, **options):
            prefix = self.prefixes[self.n % len(self.prefixes)]
            self.n += 1
            return signature(prefix + name, args=args, app=app, **options)

        return sig


scenarios = {
    "chain": lambda t: t.add(1, 2) | t.add(3) | t.add(4),
    "long chain": lambda t: chain(*[t.add(1, 1)] + [t.add(1) for _ in range(30)]),
    "group": lambda t: group(t.add(i, i) for i in range(5)),
    "chain group": lambda t: t.add(1, 1) | group(t.add(10), t.add(20)),
    "chord": lambda t: chord([t.add(i, i) for i in range(5)], t.tsum()),
    "chord of one": lambda t: chord([t.add(1, 1)], t.tsum()),
    "empty chord": lambda t: chord([], t.tsum()),
    "group chain": lambda t: group(t.add(1, 1), t.add(2, 2)) | t.tsum() | t.add(1),
    "chain chord chain": lambda t: t.add(1, 1) | group(t.add(1), t.add(2)) | t.tsum() | t.add(5),
    "two chords": lambda t: group(t.add(1, 1), t.add(2, 2)) | t.tsum() | group(t.add(1), t.add(2)) | t.tsum(),
    "chord of chains": lambda t: chord([t.add(1, 1) | t.add(2), t.add(5, 5) | t.add(1) | t.add(1)], t.tsum()),
    "chain of chords": lambda t: chain(t.add(1, 0), group(t.add(i) for i in range(3)), t.tsum(), group(t.add(i) for i in range(3)), t.tsum()),
    "nested chord": lambda t: chord([chord([t.add(1, 1), t.add(2, 2)], t.tsum()), t.add(5, 5)], t.tsum()),
    "chord in group": lambda t: group(chord([t.add(1, 1), t.add(2, 2)], t.tsum()), t.add(5, 5)),
    "chord with group body": lambda t: chord([t.add(1, 1), t.add(2, 2)], group(t.echo(), t.tsum())),
    "chord with chain body": lambda t: chord([t.add(1, 1), t.add(2, 2)], t.tsum() | t.add(1) | t.add(2)),
    "chord of a chain ending in a group": lambda t: chord([t.add(1, 1) | group(t.add(2), t.add(3)), t.add(5, 5)], t.echo()),
    "group of groups": lambda t: group(group(t.add(1, 1), t.add(2, 2)), t.add(3, 3)),
    "immutable": lambda t: t.add(1, 1) | t.add(2, 2, immutable=True) | t.add(3),
    "links": lambda t: t.add(1, 1).set(link=[t.add(10), t.add(20)]),
    "map": lambda t: signature("celery.map", kwargs={"task": t.tsum(), "it": [[1, 2], [3, 4]]}, app=app),
    "starmap": lambda t: signature("celery.starmap", kwargs={"task": t.add(), "it": [[1, 2], [3, 4]]}, app=app),
    "failing chain": lambda t: t.add(1, 1) | t.fail("LookupError", "chain", immutable=True) | t.add(1),
    "failing chord": lambda t: chord([t.add(1, 1), t.fail("ValueError", "hdr")], t.tsum()),
    "failing chord in a chain": lambda t: group(t.add(1, 1), t.fail("ValueError", "hdr")) | t.tsum() | t.add(1),
    "failing chain in a chord": lambda t: chord([t.add(1, 1) | t.fail("ValueError", "boom", immutable=True) | t.add(1), t.add(2, 2)], t.tsum()),
    "failing body": lambda t: chord([t.add(1, 1)], t.fail("ValueError", "boom", immutable=True)),
    "failing nested chord": lambda t: chord([chord([t.fail("ValueError", "in"), t.add(2, 2)], t.tsum()), t.add(5, 5)], t.tsum()),
    "failing chord with group body": lambda t: chord([t.add(1, 1), t.fail("ValueError", "hdr")], group(t.echo(), t.tsum())),
    "replace": lambda t: t.replace_me(5),
    "replace by a group": lambda t: t.replace_group(5),
    "replace by a chain": lambda t: t.replace_chain(5) | t.add(100),
    "replace in a chord": lambda t: chord([t.replace_me(1), t.add(2, 2)], t.tsum()),
    "replace by a group in a chord": lambda t: chord([t.replace_group(1), t.add(2, 2)], t.echo()),
    "replace by a group in a chain": lambda t: t.replace_group(1) | t.tsum() | t.add(1),
    "add to chord": lambda t: chord([t.add_to_chord(1), t.add(2, 2)], t.tsum()),
}
NEVER_MIXED = {"map", "starmap"}  # they call the function in their own process


def outcome(result):
    def clean(text):
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)

    try:
        value = result.get(timeout=20)
        children = sorted(v for c in result.children for v in c.get(timeout=20)) if LINKED else None
        return {"ok": value, "children": children} if LINKED else {"ok": value}
    except Exception as exc:
        # What failed first in a chord is a matter of luck, and so is the class
        # that an argument error has in two languages.
        return {"error": clean(f"{type(exc).__name__}: {exc}")[:60]}


LINKED = False


def main():
    global LINKED
    env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(__file__)))
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "canvas", "worker", "-c", "2", "-Q", PY, "-n", "py@" + PY, "-l", "warning"],
        env=env, stdout=sys.stderr, stderr=sys.stderr,
    )
    try:
        while not app.control.ping(destination=["py@" + PY], timeout=0.3):
            if worker.poll() is not None:
                raise SystemExit("the Python worker ended")
        only = os.environ.get("ONLY")
        sent = {}
        for name, make in scenarios.items():
            if only and name != only:
                continue
            sent[name] = {}
            for kind, prefixes in {"py": ["py."], "go": ["test."], "mixed": ["test.", "py."], "mixed again": ["py.", "test."]}.items():
                if kind.startswith("mixed") and name in NEVER_MIXED:
                    continue
                sig = make(Names(*prefixes))
                if name in NEVER_MIXED:
                    sig = sig.set(queue=GO if kind == "go" else PY)
                sent[name][kind] = sig.apply_async()
        out = {}
        for name, results in sent.items():
            LINKED = name == "links"
            out[name] = {kind: outcome(r) for kind, r in results.items()}
        print(json.dumps(out))
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()


if __name__ == "__main__":
    main()
