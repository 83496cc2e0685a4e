"""pytest's part: one pair of workers for each combination, and the table."""

import datetime
import os
import pathlib
import re

import pytest
import workers

COMBINATIONS = {
    "RabbitMQ+rpc": ("AMQP", "rpc"),
    "RabbitMQ+Redis": ("AMQP", "REDIS_RESULTS"),
    "Redis+Redis": ("REDIS_BROKER", "REDIS_RESULTS"),
    "RabbitMQ+SQLite": ("AMQP", "SQLITE_RESULTS"),
    "quorum+Redis": ("AMQP", "REDIS_RESULTS"),  # RabbitMQ with a quorum queue, bound to a topic exchange
}
HEAD = f"""# Compatibility with Celery's own worker

Written by `make conformance`, last on {datetime.date.today()}: what a client of Celery 5.7 sees of a Python worker and of sparkstalk, by message broker and
result backend; "quorum" is RabbitMQ with a quorum queue bound to a topic exchange, for what differs there. "–": Celery has no
such thing there, or it was not compared. How it is compared: [conformance](conformance).

Clients in Go (gocelery, gopher-celery) are not among those that are run: the Go module proxy has none of them. A test sends
messages in their forms, over RabbitMQ and Redis, and reads the results as they do ([wiretest](wiretest)).
"""
rows = {}  # (area, behaviour) -> {combination: verdict}
malformed = {}  # message -> {kind: what became of it}


def pytest_addoption(parser):
    parser.addoption("--combinations", default=",".join(COMBINATIONS), help="which to run, by commas")
    parser.addoption("--quick", action="store_true", help="leave out scenarios that take seconds")
    parser.addoption("--table", help="file to write the table of behaviours to")


@pytest.fixture(scope="session")
def pair(request):
    broker, backend = COMBINATIONS[request.param]
    started = workers.Pair(request.param, os.environ[broker], "rpc://" if backend == "rpc" else os.environ[backend])
    yield started
    started.stop()


@pytest.fixture(scope="session")
def observed(request):
    from malformed import Observed

    broker, backend = COMBINATIONS[request.param]
    pair = workers.Pair(request.param, os.environ[broker], os.environ[backend])
    both = {kind: Observed(t) for kind, t in pair.targets.items()}
    for o in both.values():
        o.t.thread.submit(o.__enter__).result()
    yield both
    for o in both.values():
        o.t.thread.submit(o.__exit__).result()
    pair.stop()


def known(table):
    """The verdicts of the table as it is, for what was not run this time."""
    verdicts, area, columns = {}, "", []
    for line in table.read_text().split("\n## ")[0].splitlines() if table.exists() else []:
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) < 3 or set(cells[0]) == {"-"}:
            continue
        if not columns:
            columns = cells[2:]
            continue
        area = cells[0] or area
        verdicts[area, cells[1]] = {c: v for c, v in zip(columns, cells[2:]) if v != "–"}
    return verdicts


def pytest_sessionfinish(session):
    table = session.config.getoption("--table") and pathlib.Path(session.config.getoption("--table"))
    if not rows or not table:
        return
    # All columns, also where some were run alone.
    chosen, ran = list(COMBINATIONS), session.config.getoption("--combinations").split(",")
    for key, before in known(table).items():
        for combination, verdict in before.items():
            if key in rows and combination not in ran:
                rows[key].setdefault(combination, verdict)
    lines = [HEAD, f"| | | {' | '.join(chosen)} |", f"| --- | --- | {' | '.join('---' for _ in chosen)} |"]
    last, areas = "", list(dict.fromkeys(area for area, _ in rows))
    for (area, behaviour), verdicts in sorted(rows.items(), key=lambda row: areas.index(row[0][0])):
        lines.append(f"| {area if area != last else ''} | {behaviour} | {' | '.join(verdicts.get(c, '–') for c in chosen)} |")
        last = area
    import celerytests
    import differences
    from malformed import table as malformed_table

    before = table.read_text() if table.exists() else ""
    kept = [section for section in before.split("\n## ") if section.startswith("Malformed")]
    bad = malformed_table(malformed) if malformed else "".join("\n## " + section for section in kept)
    table.write_text("\n".join(lines) + "\n" + bad.rstrip("\n") + ("\n" if bad else "") + differences.table() + celerytests.table())
