"""Tasks that are replaced by others or add to their chord, and stamps."""

from celery import chain, chord, group

from callbacks import linked
from canvases import REDIS, ends, fixed
from scenarios import scenario


@scenario("canvas", "tasks replaced by chains, at each place of chains, groups and chords", needs=REDIS, slow=True)
def replaced_by_chain(t):
    by = lambda *a: t.sig("replace_with", chain(t.sig("echo", 42), t.sig("echo")), immutable=True)
    i, e = lambda n: fixed(t, "echo", n), lambda: t.sig("echo")
    return ends(t, {
        "a task": by(), "first in a chain": chain(by(), e()), "in the middle": chain(i(1), by(), e()), "last": chain(i(1), by()),
        "first in a group": group(by(), i(1337)), "in the middle of a group": group(i(1), by(), i(2)), "last in a group": group(i(1), by()),
        "a whole header": chord(by(), e()), "first in a header": chord((by(), i(1337)), e()), "in the middle of a header": chord((i(1), by(), i(2)), e()),
        "last in a header": chord((i(1), by()), e()), "a body": chord(i(1), by()), "first of a body": chord(i(1), chain(by(), e())),
        "in the middle of a body": chord(i(1), chain(e(), by(), e())), "last of a body": chord(i(1), chain(e(), by())),
    })


@scenario("canvas", "tasks replaced by groups, by chains with groups, and replaced again", needs=REDIS)
def replaced_by_groups(t):
    many = lambda a, b: t.sig("replace_with", group(t.sig("add", a, 1), t.sig("add", b, 1)), immutable=True)
    swap = lambda *a: t.sig("replace", *a)
    again = t.sig("replace_with", t.sig("replace_with", t.sig("context"), immutable=True), immutable=True)
    return ends(t, {
        "the order of groups in a group": group([many(2, 1), many(4, 3)] * 3),
        "a chain that ends with a group": fixed(t, "replace_with", chain(t.sig("add", 1, 2), group(t.sig("add", 1), t.sig("add", 1)))),
        "in nested chords": chord([chord([t.sig("add", 1, 2), swap(3, 4)], t.sig("sum")), chord([swap(6, 7), t.sig("add", 0, 0)], t.sig("sum"))], t.sig("collect")),
        "twice": again, "by an empty chain": t.sig("replace_with", chain(app=t.app), immutable=True),
        "in a chain on another queue": chain(t.sig("replace_with", t.sig("add", 40, 0).set(queue=t.peer.queue), immutable=True), t.sig("add", 2).set(queue=t.peer.queue)),
    })


@scenario("canvas", "replacement in steps runs in the order of the steps", needs=REDIS, slow=True)
def replaced_in_order(t):
    with t.sink() as sink:
        tell = lambda label: fixed(t, "tell", label, sink.queue.name)
        by = lambda s: t.sig("replace_with", s, immutable=True)
        inner = chain(tell("in B"), by(chain(tell("in C"), tell("out C"))), tell("out B"))
        work = chain(tell("in A"), by(inner), tell("out A"))
        return [t.ended(by(work).apply_async()), t.ended(chain(by(work), t.sig("echo")).apply_async()), [args[0] for args in sink.read()]]


@scenario("canvas", "tasks added to a chord that runs", needs=REDIS, slow=True)
def added_to_chord(t):
    more = [t.sig("add", n, 4) for n in (1, 2, 3)]
    return [
        sorted(t.ended((group([t.sig("add_to_chord", more)]) | t.sig("echo")).apply_async())),
        sorted(t.ended((group([t.sig("add_to_chord", [group(more) | t.sig("sum")])]) | t.sig("echo")).apply_async())),
    ]


@scenario("canvas", "stamps reach every task of canvases, their callbacks, retries and replacements", needs=REDIS)
def stamped_canvases(t):
    from celery.canvas import StampingVisitor

    class Mark(StampingVisitor):
        def __init__(self, value):
            self.value = value

        def on_signature(self, sig, **headers):
            return {"mark": self.value}

    see, many = lambda: fixed(t, "context"), lambda: t.sig("collect")
    back = fixed(t, "context")
    back_result = back.freeze()
    canvases = {
        "a task": (see(), 42), "a list": (see(), [4, 2]), "a group": (group(see(), see()), 42), "a chain": (chain(see(), see()), 42),
        "a chord": (chord([see(), see()], many()), 42), "chains in a header": (chord([see() | see(), see()], many()), 42),
        "a chord in a header": (chord(group(chain(see(), see()), chord([see(), see()], many())), many()), 42),
        "a chain of groups": (chain(group(see(), see()), group(many(), see())), 42), "a retry": (fixed(t, "retry_once"), 42),
        "a callback": (linked(see(), back), 42), "a replacement": (fixed(t, "replace_with", see().stamp(own=1) or see()), 42),
    }
    own = see()
    own.stamp(own="mine")
    canvases["a replacement with stamps of its own"] = (fixed(t, "replace_with", own), 42)
    out = {}
    for name, (s, value) in canvases.items():
        s.stamp(visitor=Mark(value))
        out[name] = t.ended(s.apply_async())

    def stamps(v):
        if isinstance(v, dict):
            return v["stamps"] if "stamps" in v else stamps(v["values"])
        return [stamps(x) for x in v] if isinstance(v, list) else v

    return [{name: stamps(v) for name, v in out.items()}, stamps(t.ended(back_result))]


@scenario("canvas", "stamps of chains on two workers, each task's own and all's", needs=REDIS, slow=True)
def stamped_hops(t):
    first, second = fixed(t, "context"), fixed(t, "context").set(queue=t.peer.queue)
    first.stamp(one=4)
    second.stamp(two=2)
    work = chain(first, second)
    work.stamp(all=420)
    r = work.apply_async()
    return [t.ended(r)["stamps"], t.ended(r.parent)["stamps"]]
