"""Callbacks and errbacks of canvases: who is called, how often, and with which id."""

from celery import chain, chord, group

from canvases import REDIS, fixed
from scenarios import scenario


def called(t, shapes):
    """What becomes of the signatures that shapes makes of a note, and which notes they leave."""
    with t.sink() as sink:
        sent = {}
        for name, make in shapes.items():
            sent[name] = make(sink.note(name))
        got = {name: t.ended(s.apply_async()) if not hasattr(s, "get_leaf") else t.ended(s) for name, s in sent.items()}
        return {"ends": got, "notes": sink.counts()}


def linked(s, *notes):
    for n in notes:
        s.link(n)
    return s


def guarded(s, *notes):
    for n in notes:
        s.link_error(n)
    return s


@scenario("canvas", "callbacks and errbacks of chains and of what replaces their tasks", needs=REDIS, slow=True)
def chain_callbacks(t):
    i, e, fail, swap = lambda n: fixed(t, "echo", n), lambda: t.sig("echo"), lambda: fixed(t, "fail", "ValueError", "x"), lambda: fixed(t, "replace", 42, 1337)
    by = lambda s: t.sig("replace_with", s, immutable=True)
    return called(t, {
        "of each task": lambda n: chain(linked(i(1337), n) for _ in range(5)),
        "of each task that fails": lambda n: chain(guarded(fail(), n) for _ in range(5)),
        "of a chain": lambda n: linked(chain(swap(), e()), n),
        "of a chain that fails": lambda n: guarded(chain(swap(), fail()), n),
        "of a task that is replaced": lambda n: chain(linked(swap(), n), e()),
        "of a task that is replaced by a failing one": lambda n: chain(guarded(by(fail()), n), i(42)),
        "of a task replaced by a chain": lambda n: linked(by(chain(t.sig("add", 1, 2), e())), n),
        "of what replaces": lambda n: chain(i("x"), by(linked(chain(e().clone(args=(1,)), e()), n)), e()),
        "of what replaces and fails": lambda n: chain(i("x"), by(guarded(chain(i(1), fail()), n)), e()),
        "of both": lambda n: linked(chain(i("x"), by(linked(chain(i(1), e()), n)), e()), n),
        "of both that fail": lambda n: guarded(chain(i("x"), by(guarded(chain(i(1), fail()), n)), e()), n),
        "of a chain within a chain": lambda n: chain(guarded(linked(chain(t.sig("echo", 1), t.sig("add", 2)), n), n), t.sig("add", 3)),
        "of a chain with an eta": lambda n: guarded(chain(group(t.sig("add", 1, 2), t.sig("add", 3, 4)), t.sig("sum")), n).set(countdown=1),
    })


@scenario("canvas", "callbacks and errbacks of groups and of what replaces their tasks", needs=REDIS, slow=True)
def group_callbacks(t):
    i, fail, swap = lambda n: fixed(t, "echo", n), lambda: fixed(t, "fail", "ValueError", "x"), lambda: fixed(t, "replace", 42, 1337)
    by = lambda s: t.sig("replace_with", s, immutable=True)
    return called(t, {
        "of a group": lambda n: linked(group(i(42), i(1337)), n),
        "the first fails": lambda n: guarded(group(fail(), i(42)), n),
        "the last fails": lambda n: guarded(group(i(42), fail()), n),
        "many fail": lambda n: guarded(group(*(i(42) for _ in range(4)), *(fail() for _ in range(6))), n),
        "of each task": lambda n: group(linked(i(1337), n) for _ in range(5)),
        "of each task that fails": lambda n: group(guarded(fail(), n) for _ in range(5)),
        "one is replaced": lambda n: linked(group(swap(), i(31337)), n),
        "one is replaced, another fails": lambda n: guarded(group(swap(), fail()), n),
        "of a task that is replaced": lambda n: group(linked(swap(), n), i(31337)),
        "of a task that is replaced by a failing one": lambda n: group(guarded(by(fail()), n), i(42)),
        "of a task replaced by a chain": lambda n: group(linked(by(chain(t.sig("add", 1, 2), t.sig("echo"))), n), i(31337)),
    })


FAILING = {
    "a task": lambda t: fixed(t, "fail", "ValueError", "x"),
    "a chain": lambda t: chain(fixed(t, "echo", 42), fixed(t, "fail", "ValueError", "x"), fixed(t, "echo", 42)),
    "the end of a chain": lambda t: chain(fixed(t, "echo", 42), fixed(t, "fail", "ValueError", "x")),
    "a group": lambda t: group(fixed(t, "echo", 42), fixed(t, "fail", "ValueError", "x")),
    "many of a group": lambda t: group(*(fixed(t, "echo", 42) for _ in range(4)), *(fixed(t, "fail", "ValueError", "x") for _ in range(6))),
}


@scenario("canvas", "errbacks of chords whose header or body fails: tasks, chains, groups", needs=REDIS, slow=True)
def chord_errbacks(t):
    shapes = {}
    for name, make in FAILING.items():
        shapes[f"header: {name}"] = lambda n, make=make: guarded(chord((make(t),), t.sig("echo")), n)
        shapes[f"body: {name}"] = lambda n, make=make: guarded(chord((fixed(t, "echo", 42),), make(t)), n)
    return called(t, shapes)


@scenario("canvas", "the ids that errbacks of chords and groups are called with", needs=REDIS, slow=True)
def errback_ids(t):
    out = {}
    for name, make in [*FAILING.items(), ("a group alone", None)]:
        for part in ("header", "body") if make else ("group",):
            with t.sink() as sink:
                if make is None:
                    failing = FAILING["a task"](t)
                    ids = {failing.freeze().id: "the task that failed"}
                    work = guarded(group(failing, fixed(t, "echo", 42)), sink.mutable("n"))
                elif part == "header":
                    work = guarded(chord((make(t),), t.sig("echo")), sink.mutable("n"))
                    ids = {work.body.freeze().id: "the body"}
                else:
                    failing, ids = make(t), {}
                    parts = failing.tasks if hasattr(failing, "tasks") else [failing]
                    for s in parts:
                        if s.task == "conf.fail":
                            ids[s.freeze().id] = "a task that failed"
                    work = guarded(chord((fixed(t, "echo", 42),), failing), sink.mutable("n"))
                t.ended(work.apply_async())
                out[f"{part}: {name}"] = sorted(str(ids.get(args[0], "another")) for args in sink.read(0.7))
    return out


@scenario("canvas", "link and link_error as options of chords, with those of their tasks", needs=REDIS, slow=True)
def chord_options(t):
    add, total, fail = lambda n: fixed(t, "add", n, n), lambda: t.sig("sum"), lambda: t.sig("fail", "ValueError", "x", immutable=True)
    bad = lambda: [add(1), fail()]
    good = lambda: [add(1), add(2)]
    with t.sink() as sink:
        own, of = (lambda name: sink.note(name + ", own")), (lambda name: sink.note(name + ", the chord's"))
        one = sink.note
        cases = {
            "body": lambda n: chord(good(), linked(total(), own(n))).apply_async(link=of(n)),
            "a chain that ends in a chord": lambda n: chain(add(1), chord([t.sig("add", 10), t.sig("add", 20)], total())).apply_async(link=of(n)),
            "body fails": lambda n: chord([add(1)], guarded(fail(), own(n))).apply_async(link_error=of(n)),
            "group body": lambda n: chord(good(), group(linked(total(), own(n)), total())).apply_async(link=of(n)),
            "header fails, group body": lambda n: chord(bad(), group(total(), total())).apply_async(link_error=of(n)),
            "header fails, chord body": lambda n: chord(bad(), chord([total(), total()], total())).apply_async(link_error=of(n)),
            "group body fails": lambda n: chord([add(1)], group(guarded(fail(), own(n)), total())).apply_async(link_error=of(n)),
            "header fails, group body with its own": lambda n: chord(bad(), group(guarded(total(), own(n)), total())).apply_async(link_error=of(n)),
            "the same by link_error()": lambda n: guarded(chord(bad(), group(guarded(total(), own(n)), total())), of(n)).apply_async(),
            "header fails, chord in a group body": lambda n: chord(bad(), group(chord([add(2)], total()), total())).apply_async(link_error=of(n)),
            "set as one signature": lambda n: chord(bad(), group(total().set(link_error=own(n)), total())).apply_async(),
            "group body with an errback as option": lambda n: chord([add(1)], group(fail(), total()).set(link_error=own(n))).apply_async(link_error=of(n)),
            "chord in a group body with one": lambda n: chord([add(1)], group(chord([add(1)], group(fail(), total()))).set(link_error=own(n))).apply_async(link_error=of(n)),
            "a nested chord's header": lambda n: guarded(chord(group([one("t3").clone(task="conf.echo", queue=t.queue), chord([add(1), fail()], add(2))]), fixed(t, "tell", n + ", body", sink.queue.name)), of(n)).apply_async(),
        }
        got = {name: t.ended(send(name)) for name, send in cases.items()}
        return {"ends": {name: v if not isinstance(v, list) or not v or v[0] != "ChordError" else "ChordError" for name, v in got.items()}, "notes": sink.counts()}


@scenario("canvas", "task_allow_error_cb_on_chord_header, off and on", needs=REDIS, slow=True)
def header_errbacks(t):
    fail, i = lambda: fixed(t, "fail", "ValueError", "x"), lambda: fixed(t, "echo", 42)
    headers = {"f": "f", "fff": "fff", "fi": "fi", "fif": "fif", "fifi": "fifi"}
    out = {}
    for allowed in (False, True):
        t.app.conf.task_allow_error_cb_on_chord_header = allowed
        try:
            with t.sink() as sink:
                sent = {}
                for name, members in headers.items():
                    header = lambda: [fail() if m == "f" else i() for m in members]
                    body = lambda: fixed(t, "tell", name + ": body", sink.queue.name)
                    work = chord(header(), body())
                    for task in work.tasks:
                        task.link_error(sink.note(name + ": a header's task"))
                    work.body.link_error(sink.note(name + ": body's errback"))
                    sent[name] = work.apply_async()
                    sent[name + " by link_error()"] = guarded(chord(header(), body()), sink.note(name + ": chord's errback")).apply_async()
                    if len(members) > 1:
                        sent[name + " in a chain"] = guarded(chain(group(header()), body()), sink.note(name + ": chain's errback")).apply_async()
                sent["behind a task"] = chain(i(), group(fail(), fail()), fixed(t, "tell", "body", sink.queue.name)).on_error(sink.note("chain behind a task")).apply_async()
                out[str(allowed)] = [sorted(name for name, r in sent.items() if not isinstance(t.ended(r), list)), sink.counts()]
        finally:
            t.app.conf.task_allow_error_cb_on_chord_header = False
    return out


@scenario("canvas", "failures on their way through chains, chords and bodies of all kinds", needs=REDIS, slow=True)
def failures(t):
    fail, i, add = lambda: fixed(t, "fail", "ValueError", "x"), lambda n: fixed(t, "echo", n), lambda *a: fixed(t, "add", *a)
    header = lambda: group([add(15, 7), fail()])
    bad = {
        "in front of a group": lambda: add(1, 1) | fail() | group(t.sig("add", 1), t.sig("add", 1)),
        "in a group at the end": lambda: add(1, 1) | t.sig("add", 1) | group(t.sig("add", 1), fail()),
        "header, body is a task": lambda: chain(header(), add(9, 7)),
        "header, body is a chain": lambda: chain(header(), chain(add(9, 7), add(5, 7))),
        "header, body is a group": lambda: chain(header(), group([add(9, 7), add(5, 7)])),
        "header, body is a chord": lambda: chain(header(), chord(group([add(1, 1), add(2, 2)]), add(10, 10))),
        "chord, body is a chain": lambda: chord(header(), chain(add(9, 7), add(5, 7))),
        "chord, body is a group": lambda: chord(header(), group([add(9, 7), add(5, 7)])),
        "in a nested chain": lambda: chain(chain(header(), t.sig("echo")), t.sig("echo")),
        "in a chain in a header": lambda: chain(group(i(1), chain(fail(), group(i(2), i(3)), i(4))), t.sig("echo")),
        "chords behind it": lambda: chain(header(), t.sig("sum"), group(t.sig("add", 1), t.sig("add", 1)), t.sig("sum")),
        "chords behind a group body": lambda: chain(header(), group(t.sig("sum"), t.sig("sum")), t.sig("sum"), group(t.sig("add", 1), t.sig("add", 1)), t.sig("sum")),
        "tasks behind a group with a failure": lambda: chain(i("start"), group(i("a"), fail()), i("break"), i("end")),
        "a body in a body": lambda: chord([add(1, 1)], chain(t.sig("sum"), chord(group(fail(), add(1, 2)), chain(t.sig("sum"), group(t.sig("add", 1), t.sig("add", 2)), t.sig("sum"))))),
    }
    sent = {name: make().apply_async() for name, make in bad.items()}
    # Nobody tells the group of it: Celery issue 6437.
    sent["in front of a group"] = sent["in front of a group"].parent
    return {name: [str(part).split(" raised ")[-1] for part in got] if isinstance(got := t.ended(r), list) else got for name, r in sent.items()}


@scenario("canvas", "an errback of a group in a pending chain, and nothing behind it runs", needs=REDIS, slow=True)
def pending_errback(t):
    out = []
    for failing in (0, 2):
        with t.sink() as sink:
            steps = []
            for level in range(4):
                tasks = [fixed(t, "tell", f"level {level}", sink.queue.name) for _ in range(3)]
                if level == failing:
                    tasks[-1] = fixed(t, "fail", "ValueError", "x").on_error(sink.note("errback"))
                steps.append(group(tasks))
            t.ended(chain(*steps, t.sig("collect")).apply_async())
            out.append(sink.counts())
    return out


@scenario("canvas", "errbacks that retry, and errbacks of a task that was sent by its name", needs=REDIS, slow=True)
def errback_kinds(t):
    with t.sink() as sink:
        again = fixed(t, "retry_once")
        known = again.freeze().id
        first = t.app.send_task("conf.fail", args=["ValueError", "x"], queue=t.queue, link_error=again)
        out = [t.ended(first), t.ended(t.app.AsyncResult(known))["retries"]]
        second = t.app.send_task("conf.fail", args=["ValueError", "x"], queue=t.queue, link_error=[sink.mutable("stored"), sink.note("fixed")])
        out.append(t.ended(second))
        return [*out, [[args[0] == second.id, *args[1:]] if len(args) > 1 else args for args in sorted(sink.read(), key=len)]]
