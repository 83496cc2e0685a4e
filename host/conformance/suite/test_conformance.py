"""Runs each scenario on Python's worker and on ours and compares what was seen."""

import json
import os

import callbacks  # noqa: F401
import calls  # noqa: F401
import canvases  # noqa: F401
import celerytests
import conftest
import differences
import lives  # noqa: F401
import malformed
import pytest
import replaced  # noqa: F401
import scenarios  # those of all files are in scenarios.ALL


def pytest_generate_tests(metafunc):
    cases = []
    # Grouped by pair of workers; those that change a worker come last.
    for combination in metafunc.config.getoption("--combinations").split(","):
        for s in sorted(scenarios.ALL, key=lambda s: s["alone"]):
            conftest.rows.setdefault((s["area"], s["behaviour"]), {})
            if s["slow"] and metafunc.config.getoption("--quick"):
                continue
            if ("quorum" in s["needs"]) > combination.startswith("quorum"):
                continue
            if combination.startswith("quorum") and not {"quorum", "quorum too"} & set(s["needs"]):
                continue
            if "redis server" in s["needs"] and (not combination.endswith("+Redis") or combination.startswith("quorum")):
                continue
            if "lists" in s["needs"] and not combination.startswith("Redis"):
                continue
            if "redis" in s["needs"] and combination.endswith("rpc") or "amqp" in s["needs"] and combination.startswith("Redis"):
                continue
            cases.append(pytest.param(combination, s, id=f"{combination}-{s['run'].__name__}"))
    if "message" in metafunc.fixturenames:  # where a broker says what was rejected
        there = "RabbitMQ+Redis" in metafunc.config.getoption("--combinations") and not metafunc.config.getoption("--quick")
        return metafunc.parametrize(["observed", "message"], [("RabbitMQ+Redis", name) for name in malformed.MESSAGES if there], indirect=["observed"], scope="session")
    if "scenario" not in metafunc.fixturenames:
        return None
    return metafunc.parametrize(["pair", "scenario"], cases, indirect=["pair"], scope="session")


def seen(scenario, target):
    try:
        return scenario["run"](target)
    except Exception as exc:  # an observation too: both may fail alike, and the table says so
        return {"the scenario failed": f"{type(exc).__name__}: {target.plain(str(exc)).replace(target.kind, '<kind>')}"}


TRIES = 3  # a loaded machine makes either worker miss a moment now and then


def compare(pair, scenario):
    for kind in pair.targets:
        pair.alive(kind)
    running = [t.thread.submit(seen, scenario, t) for t in pair.targets.values()]
    return (json.dumps(r.result(), sort_keys=True, default=repr) for r in running)


def test_same(pair, scenario):
    verdicts = conftest.rows[scenario["area"], scenario["behaviour"]]
    reason = differences.KNOWN.get((pair.combination, scenario["run"].__name__)) or differences.KNOWN.get(scenario["run"].__name__)
    for _ in range(TRIES):
        python, ours = compare(pair, scenario)
        if "the scenario failed" not in python and (python != ours) == bool(reason):
            break
    assert "the scenario failed" not in python, f"the scenario does not work on Python's worker: {python}"
    if show := os.environ.get("SPARKSTALK_CONFORMANCE_SHOW"):
        with open(show, "a") as out:
            print(scenario["run"].__name__, f" P {python}", f" S {ours}", sep="\n", file=out)
    verdicts[pair.combination] = "same" if python == ours else f"different: {reason or 'not explained'}"
    if reason:
        assert python != ours, "no longer different: take it from differences.py"
    else:
        assert ours == python


def test_malformed(observed, message):
    """No message that is out of order ends our worker, or keeps it from the next."""
    trying = {kind: o.t.thread.submit(o.try_out, malformed.MESSAGES[message]) for kind, o in observed.items()}
    seen = {kind: r.result() for kind, r in trying.items()}
    conftest.malformed[message] = seen
    if show := os.environ.get("SPARKSTALK_CONFORMANCE_SHOW"):
        with open(show, "a") as out:
            print(message, f" P {seen['python']}", f" S {seen['sparkstalk']}", sep="\n", file=out)
    assert "**" not in seen["sparkstalk"]


def test_celerys_own_tests():
    """Each test of Celery's suites has a scenario or a reason, and each that is named is there."""
    there = {s["run"].__name__ for s in scenarios.ALL}
    covered = celerytests.covered()
    assert not [name for name, by in covered.items() if by is None]
    assert not {s for by in covered.values() if isinstance(by, list) for s in by} - there
    first = {next(p for p in celerytests.COVERED if celerytests.fnmatch.fnmatchcase(name, p)) for name in covered}
    assert not set(celerytests.COVERED) - first, "patterns that fit nothing"
