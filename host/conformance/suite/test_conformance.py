"""Runs each scenario on Python's worker and on ours and compares what was seen."""

import json
import os

import callbacks  # noqa: F401
import canvases  # noqa: F401
import conftest
import differences
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
            if "redis" in s["needs"] and combination.endswith("rpc") or "amqp" in s["needs"] and combination.startswith("Redis"):
                continue
            cases.append(pytest.param(combination, s, id=f"{combination}-{s['run'].__name__}"))
    metafunc.parametrize(["pair", "scenario"], cases, indirect=["pair"], scope="session")


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
