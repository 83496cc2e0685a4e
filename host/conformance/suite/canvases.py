"""Canvases in the shapes of Celery's own suite, beyond those of scenarios.py:
what their tasks return."""

import json
import uuid

from celery import chain, chord, group, signature

from scenarios import scenario

REDIS = ("redis server",)  # the database's chords wait a second for each step: those of scenarios.py suffice there


def ends(t, shapes):
    """What becomes of signatures that are sent side by side."""
    sent = {name: s.apply_async() for name, s in shapes.items()}
    return {name: t.ended(r) for name, r in sent.items()}


def fixed(t, name, *args):
    return t.sig(name, *args, immutable=True)


@scenario("canvas", "chains of one task, of chains, and behind and before groups", needs=REDIS)
def chain_shapes(t):
    add, echo = lambda *a: t.sig("add", *a), lambda *a: t.sig("echo", *a)
    return ends(t, {
        "one": chain(add(3, 4)),
        "chain of a chain": chain([chain(echo(42))]),
        "with args": chain(chain(echo(), echo())).clone(args=(1,)),
        "replaced within, then a group": add(2, 2) | (add(4) | t.sig("replace", 8) | add(16)) | group(add(n) for n in range(4)),
        "a group of chains at the end": add(5, 6) | group(add(1) | add(2), add(3)),
        "a group at the end": chain(echo(42), group(echo(), echo())),
        "a group in the middle": chain(echo(42), group(echo(), echo()), echo()),
        "a group whose chain ends with a group": group(fixed(t, "echo", 1), chain(fixed(t, "echo", 5), group(fixed(t, "echo", 3), fixed(t, "echo", 4)))),
        "empty groups behind a group": chain(group(add(2, 2), add(4, 4)), group(), group()),
        "an empty group in the middle": chain(add(2, 2), group(), add(2)),
    })


@scenario("canvas", "chains of chords and groups, up to nine", needs=REDIS, slow=True)
def chord_chains(t):
    add, two, total = lambda n: t.sig("add", n), lambda: group(t.sig("add", 1), t.sig("add", 1)), lambda: t.sig("sum")
    first = lambda: fixed(t, "add", 1, 0)
    ones = lambda n: group([fixed(t, "add", 1, 0)] * n)
    each = lambda n, k: chord(group([add(k)] * n), total())
    implicit = chain(ones(3), total(), *(step for _ in range(8) for step in (group([add(1)] * 3), total())))
    return ends(t, {
        "task, two groups, task": first() | two() | group(total(), total()) | total(),
        "groups and tasks in turn": first() | two() | total() | add(1) | two() | total(),
        "ending with a chord": first() | two() | total() | add(1) | chord(two(), total()),
        "ending with a group": first() | two() | total() | add(1) | two(),
        "group, three tasks, group": ones(2) | total() | add(1) | add(1) | add(1) | two(),
        "explicit chords of two chains": chain(chord(ones(2), total()), each(2, 1), each(2, 0)) | chain(each(2, 10), each(2, 0), each(2, 1)),
        "nine chords": chain(chord(ones(3), total()), *(each(3, 1) for _ in range(7)), each(3, 0)),
        "nine implicit chords": implicit,
        "a nested chain led by a group": chain(first(), chain(two(), total())),
        "the same from its JSON": signature(json.loads(json.dumps(chain(first(), chain(two(), total())))), app=t.app),
    })


@scenario("canvas", "groups in groups, and chords in groups of every kind of task", needs=REDIS)
def nested_groups(t):
    one = lambda: fixed(t, "echo", 42)
    echo = lambda: t.sig("echo")
    return ends(t, {
        "groups in groups": group(fixed(t, "add", 1, 10), group(fixed(t, "add", 1, 100), group(fixed(t, "add", 1, 1000), fixed(t, "add", 1, 2000)))),
        "a group of a group": group(group(t.sig("echo", 42), t.sig("echo", 42))),
        "groups of lists and generators": group(group(one(), one()), group([one(), one()]), group(s for s in [one(), one()])),
        "a chord of a task": group((chord((one(),), echo()),)),
        "of a chain": group((chord((chain((one(),) * 5),), echo()),)),
        "of a group": group((chord((group((one(),) * 5),), echo()),)),
        "of a chord": group((chord((chord((one(),) * 5, fixed(t, "echo", 31337)),), echo()),)),
        "of them all": group((chord((one(), chain((one(),) * 3), group((one(),) * 3), chord((one(),) * 3, fixed(t, "echo", 1337))), echo()),)),
        "a body that is a chain": group(chord(one(), chain((echo(),)))),
        "empty chains among its members": group(chain(app=t.app), t.sig("add", 1, 2), chain(app=t.app), t.sig("add", 3, 4)),
    })


@scenario("canvas", "chords in chords, chains and both", needs=REDIS, slow=True)
def nested_chords(t):
    i, add, echo = lambda n: fixed(t, "echo", n), lambda *a: t.sig("add", *a), lambda: t.sig("echo")
    inner = lambda: chain(i(1), chord(group([i(2), i(3)]), i(4)))
    return ends(t, {
        "chords side by side": group(chord(group(add(1, 2), add(3, 4)), t.sig("sum")), chord(group(add(1, 2), add(3, 4)), t.sig("sum"))),
        "chains with chords in a header": chord(group([inner(), inner()]), i(5)),
        "chain, chord, chain, chord": chain(i(1), chord([i(2), chain(i(3), chord([i(4), i(5)], i(6)))], i(7))),
        "a chord with args in a chain": chain(chord([echo(), echo()], echo()), echo()).clone(args=(1,)),
        "a group in a header": chord((group(t.sig("echo", 42), t.sig("echo", 42)),), echo()),
        "a chain that ends with a group in a header": chord(group(chain(t.sig("echo", 42), group(echo(), echo()))), echo()),
        "a group as the body": chord(group(i(1), i(2)), group(i(3), i(4))),
        "chains with groups in a chain": chain(i(1), group(i(100), chain(i(200), group(i(1000), i(2000)))), i(11)),
        "groups and chords in bodies": chord([add(0, 1)], chord([t.sig("sum"), t.sig("sum")], chain(t.sig("sum"), group(add(8), add(16)), t.sig("sum") | add(32)))),
        "the order of a header": chord((i(n) for n in range(10)), echo()),
        "empty chains in a header": chord([chain(app=t.app), add(1, 1), chain(app=t.app), add(2, 2)], t.sig("sum")),
        "nothing but an empty chain": chord([chain(app=t.app)], t.sig("sum")),
        "a soft limit that a header's task minds": chord([add(1, 2), t.sig("soft", True)], echo()),
    })


@scenario("canvas", "a body that is a chain of implicit chords, frozen and from its JSON, with a callback", needs=REDIS, slow=True)
def chained_body(t):
    out = []
    for from_json in (False, True):
        for frozen in (False, True):
            steps = [t.sig("sum")]
            for _ in range(3):
                steps += [group(t.sig("add", 1), t.sig("add", 2)), t.sig("sum")]
            called = t.sig("echo")
            back = called.freeze()
            steps[-1].link(called)
            work = chord([fixed(t, "add", 1, 1), fixed(t, "add", 2, 2)], chain(*steps))
            known = str(uuid.uuid4())
            if frozen:
                work.freeze(known)
            if from_json:
                work = signature(json.loads(json.dumps(work)), app=t.app)
            r = work.apply_async(task_id=known)
            out.append([r.id == known, t.ended(r), t.ended(back)])
    return out


@scenario("canvas", "hundreds of tasks in a group and in a header", needs=REDIS, slow=True)
def hundreds(t):
    i = lambda n: fixed(t, "echo", n)
    return {name: json.dumps(got)[:40] + "…" if isinstance(got, list) else got for name, got in ends(t, {
        "a group": group(i(n) for n in range(500)),
        "a header": group(i(n) for n in range(500)) | t.sig("sum"),
        "a header behind a task": i(1) | group([t.sig("echo") for _ in range(500)]) | t.sig("sum"),
    }).items()}


@scenario("canvas", "arguments and keywords given when a canvas is sent", needs=REDIS)
def call_arguments(t):
    four = lambda: group(t.sig("add", n) for n in range(4))
    return [
        t.ended((t.sig("add", 2, 2) | four() | t.sig("sum")).apply_async()),
        t.ended((four() | t.sig("collect")).apply_async(args=(4,))),
        t.ended(group(t.sig("kwargs", n) for n in range(2)).apply_async(kwargs={"c": "given"})),
        t.ended((t.sig("kwargs", 1) | t.sig("collect")).apply_async(kwargs={"b": "given"})),
    ]


@scenario("canvas", "a chord that is frozen and sent twice runs its body twice", needs=REDIS, slow=True)
def frozen_twice(t):
    with t.sink() as sink:
        work = chord(group(t.sig("add", 1, 2), t.sig("add", 3, 4)), fixed(t, "tell", "body", sink.queue.name))
        work.freeze()
        out = [t.ended(work.apply_async()) for _ in range(2)]
        return [out, sink.counts()]


@scenario("canvas", "a countdown of a group with a body holds its header's tasks back", needs=REDIS, slow=True)
def header_countdown(t):
    import time

    begin = time.time()
    seen = t.ended((group(t.sig("context"), t.sig("context")) | t.sig("echo")).apply_async(countdown=1))
    return [time.time() - begin >= 0.9, [s["eta"] for s in seen]]


@scenario("canvas", "each task of chained groups runs once, and after those before it", needs=REDIS, slow=True)
def in_order(t):
    out = {}
    shapes = {
        "groups": [["1", "2", "3"], ["4", "5"], ["6"], ["7"]],
        "tasks between": [["1"], ["2", "3"], ["4"], ["5", "6"], ["7"], ["8", "9"], ["10"]],
        "groups at both ends": [["1", "2"], ["3"], ["4", "5"]],
    }
    for name, stages in shapes.items():
        with t.sink() as sink:
            steps = []
            for stage in stages:
                told = [fixed(t, "tell", label, sink.queue.name) for label in stage]
                steps.append(told[0] if len(told) == 1 and name != "groups" else group(told))
            t.ended(chain(*steps, fixed(t, "echo", "end")).apply_async())
            seen = [args[0] for args in sink.read()]
            out[name] = [sorted(seen[: len(stages[0])]) == stages[0], sorted(seen, key=int), seen[-len(stages[-1]) :] and sorted(seen[-len(stages[-1]) :])]
    return out


@scenario("canvas", "a header's tasks keep their group when the task before them runs twice", needs=("redis server", "amqp"), slow=True)
def duplicated(t):
    from celery.signals import before_task_publish

    with t.sink() as sink:
        work = chain(t.sig("echo", 42), chord([t.sig("tell_group", sink.queue.name), t.sig("echo")], t.sig("echo")))
        work.freeze()

        def again(body=None, exchange=None, routing_key=None, headers=None, properties=None, **_):
            if headers["task"] == "conf.echo" and headers["id"] == first:
                with t.app.producer_pool.acquire(block=True) as p:
                    p.publish(body, exchange=exchange, routing_key=routing_key, serializer="json", headers=headers, **{k: properties[k] for k in ("correlation_id", "reply_to")})

        first = work.tasks[0].id
        before_task_publish.connect(again)
        try:
            r = work.apply_async()
        finally:
            before_task_publish.disconnect(again)
        got = t.ended(r)
        groups = [args[0] for args in sink.read()]
        return [got, len(groups), len(set(groups))]


@scenario("canvas", "parents and roots of tasks in chains, groups and chords", needs=REDIS)
def family(t):
    names = {}

    def called(s, name):
        names[s.freeze().id] = name
        return s

    see = lambda name: called(fixed(t, "request"), name)
    name = lambda task_id: names.get(task_id, "another") if task_id else None
    relation = lambda got: [name(got["root_id"]), name(got["parent_id"])]
    line = chain(*(see(f"step {n}") for n in range(4))).apply_async()
    out = [relation(line.get(timeout=30)), relation(line.parent.get(timeout=30))]
    fan = (see("first") | see("second") | group(fixed(t, "request") for _ in range(3))).apply_async()
    out.append([relation(got) for got in fan.get(timeout=30)])
    header = [see("member") for _ in range(3)]
    work = chain(see("root"), see("before"), chord(group(header), chain(called(t.sig("collect"), "body"), fixed(t, "request")))).apply_async()
    last = work.get(timeout=30)
    return [*out, relation(last), [relation(got) for got in work.parent.get(timeout=30)["values"]]]


@scenario("canvas", "results as trees hold each task once", needs=REDIS)
def trees(t):
    def ids(node):
        (task_id, parent), children = node
        found = [task_id]
        for child in children or []:
            found += ids(child)
        return found + (ids(parent) if parent else [])

    out = []
    for options in ({}, {"task_id": str(uuid.uuid4())}):
        r = chain(fixed(t, "add", 1, 0), group(t.sig("add", 1), t.sig("add", 2)), group(t.sig("sum"), t.sig("sum")), t.sig("sum"), t.sig("add", 1), **options).apply_async()
        seen = ids(r.as_tuple())
        out.append([len(seen), len(set(seen)), t.ended(r)])
    for r in (
        group(fixed(t, "echo", 1), chain(fixed(t, "echo", 2), group(fixed(t, "echo", 3), fixed(t, "echo", 4)))).apply_async(),
        chord(group(fixed(t, "echo", 1), fixed(t, "echo", 2)), group(fixed(t, "echo", 3), fixed(t, "echo", 4))).apply_async(),
    ):
        seen = ids(r.as_tuple())
        out.append([len(seen), len(set(seen)), t.ended(r)])
    return out


@scenario("canvas", "signatures of all kinds pass through a task as values", needs=REDIS, slow=True)
def signatures(t):
    one = t.sig("add")
    out = {}
    for name, s in {
        "chain of a chain": chain(chain([one])), "chain of a group": chain(group([one])), "chain of a chord": chain(chord([one], one)),
        "group of a chain": group(chain([one])), "group of a group": group(group([one])), "group of a chord": group(chord([one], one)),
        "chord of a chain": chord(chain([one]), one), "chord of a group": chord(group([one]), one), "chord of a chord": chord(chord([one], one), one),
    }.items():
        back = chain(t.sig("echo", s), t.sig("echo")).apply_async().get(timeout=30)
        out[name] = [back == json.loads(json.dumps(s)), type(signature(back, app=t.app)).__name__]
    return out


@scenario("canvas", "starmap keeps its frozen id and its callback, in groups and chains", needs=REDIS, slow=True)
def starmaps(t):
    from celery.canvas import xstarmap

    with t.sink() as sink:
        pairs = lambda: xstarmap(t.sig("add"), [[1, 1], [2, 2]], app=t.app).set(queue=t.queue)
        one = pairs()
        one.link(sink.note("starmap done"))
        known = one.freeze().id
        r = one.apply_async()
        return [r.id == known, t.ended(r), t.ended(group(pairs(), t.sig("add", 3, 3)).apply_async()), t.ended(chain(fixed(t, "add", 1, 1), pairs()).apply_async()), sink.counts()]


@scenario("canvas", "sets of results that belong to no group", slow=True)
def result_sets(t):
    from celery.result import ResultSet

    good = ResultSet([t.send("add", 1, 1)])
    good.add(t.send("add", 2, 2))
    out = [good.get(timeout=30)]
    good.add(t.send("add", 3, 3))
    out.append(good.get(timeout=30))
    bad = ResultSet([t.send("fail", "ValueError", "x"), t.send("add", 1, 1)])
    bad.get(timeout=30, propagate=False)
    return [*out, [r.state for r in bad.results]]
