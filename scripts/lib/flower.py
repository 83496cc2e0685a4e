"""The part of scripts/flower that needs the servers.

    flower.py MODULES SHOTS

starts a sparkstalk worker on the modules, Python's worker beside it, and Flower, and
drives Flower in Chromium. It prints what it has checked, and exits with 1 if anything
is otherwise than with Python's worker.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

from celery import Celery
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

MODULES, SHOTS = sys.argv[1], pathlib.Path(sys.argv[2])
REDIS = os.environ["SPARKSTALK_TEST_REDIS"]
BROKER = {"rabbitmq": os.environ["SPARKSTALK_TEST_AMQP"], "redis": REDIS}[os.environ.get("BROKER", "rabbitmq")]
GO, PY, AUTO = "go@sparkstalk", "py@celery", "auto@sparkstalk"
ENV = dict(
    os.environ, CELERY_BROKER_URL=BROKER, CELERY_RESULT_BACKEND=REDIS, PY_QUEUE="py", GO_QUEUE="go", FLOWER_UNAUTHENTICATED_API="true"
)
app = Celery(broker=BROKER, backend=REDIS)
wrong = []


def check(right, text, *more):
    print("ok   " if right else "WRONG", text, *(more if not right else ()), flush=True)
    if not right:
        wrong.append(text)


def until(what, limit=30):
    """Waits until what() is true, and returns that."""
    end = time.monotonic() + limit
    while not (value := what()) and time.monotonic() < end:
        time.sleep(0.2)
    return value


class Browser:
    def __init__(self, base, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,900"
        ).split():
            options.add_argument(flag)
        options.add_argument("--user-data-dir=" + profile)
        self.base, self.driver = base, webdriver.Chrome(options, Service(shutil.which("chromedriver")))

    def open(self, path):
        self.driver.get(self.base + path)

    def shot(self, name):
        self.driver.save_screenshot(str(SHOTS / (name + ".png")))

    def text(self, css):
        found = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found[0].get_attribute("textContent").strip() if found else ""

    def press(self, element_id, value=None):
        """Presses a button, after writing a value before it; returns the toast's words."""
        button = self.driver.find_element(By.ID, element_id)
        if value is not None:
            box = button.find_element(By.XPATH, "preceding::input[1]")
            self.driver.execute_script("arguments[0].value = arguments[1]", box, str(value))
        self.driver.execute_script("document.querySelectorAll('.toast').forEach(t => t.remove()); arguments[0].click()", button)
        return until(lambda: self.text(".toast-body"), 10) or "no answer"

    def rows(self, css):
        """The texts of a table's cells."""
        script = "return [...document.querySelectorAll(arguments[0])].map(r => [...r.querySelectorAll('td')].map(c => c.textContent.trim()))"
        return self.driver.execute_script(script, css)

    def worker(self, name, tab="pool"):
        """Opens a worker's page on one of its tabs, as it is now."""
        self.open("/api/workers?refresh=1&workername=" + urllib.parse.quote(name))
        self.open("/worker/" + urllib.parse.quote(name))
        self.driver.execute_script("document.getElementById(arguments[0]).click()", "worker-tab-" + tab)
        time.sleep(0.4)

    def overview(self):
        self.open("/workers")
        until(lambda: self.text("#workers-online") not in ("", "—"), 10)
        time.sleep(0.5)
        return {r[0]: r[1:] for r in self.rows("#workers-table tbody tr") if len(r) > 1}

    def task(self, task_id):
        """The rows of a task's page."""
        self.open("/task/" + task_id)
        script = "return [...document.querySelectorAll('.detail-row')].map(r => [r.querySelector('dt').textContent.trim(), (r.querySelector('dd code') || r.querySelector('dd')).textContent.trim()])"
        return dict(self.driver.execute_script(script))

    def task_in(self, task_id, state):
        return until(lambda: (page := self.task(task_id)).get("Status") == state and page) or self.task(task_id)


def send(queue, prefix, name, *args, **options):
    return app.send_task(prefix + name, args, queue=queue, task_id=str(uuid.uuid4()), **options).id


TABS = {
    "pool": "#tab-pool table tbody tr", "broker": "#tab-broker tbody tr", "queues": "#worker-queues tr", "tasks": "#tab-tasks tbody tr",
    "limits": "#limits-table tr", "config": "#tab-config tbody tr", "system": "#tab-system tbody tr",
    "other": "#tab-other tbody tr",
}
ROWS = "pool", "broker", "system", "other"  # tabs that have the same rows for every worker


def compare_tasks(web):
    """The pages of the same calls on both workers."""
    for name, args, options, state in (
        ("add", (2, 3), {}, "SUCCESS"), ("fail", ("ValueError", "boom"), {}, "FAILURE"), ("flaky", (1,), {}, "SUCCESS"),
        ("add", (2, 3), {"countdown": 300}, "RECEIVED"), ("echo", ("é😀",), {"expires": 600}, "SUCCESS"), ("nosuch", (), {}, "FAILURE"),
    ):
        pages = {}
        for node, queue, prefix in ((GO, "go", "test."), (PY, "py", "py.")):
            task_id = send(queue, prefix, name, *args, **options)
            page = web.task_in(task_id, state)
            if (node, name) == (GO, "fail"):
                web.shot("task-failed")
            if (node, state) == (GO, "SUCCESS"):
                web.shot("task")
            # Flower keeps what these were when the page was first opened.
            page.pop("Parent", None), page.pop("Root", None)
            for key, value in page.items():
                # The text of a link to a task ends with the beginning of its id, once more.
                value = value.replace(task_id + task_id[:8], "ID").replace(task_id, "ID").replace(prefix, "").replace(node, "NODE")
                value = re.sub(r"\d{4}-\d\d-\d\d.*", "a time", value)
                value = re.sub(r"clock:\d+|gen\d+@", "", value)
                if key in ("Traceback", "Clock", "Runtime"):
                    value = "something" if value else ""
                if key == "Routing key":
                    value = value.replace(queue, "QUEUE")
                page[key] = value
            pages[node] = page
        check(pages[GO] == pages[PY] and pages[GO].get("Status") == state, f"page of {name} {args}, {state}", "\n  ours", pages[GO], "\n  Python's", pages[PY])


def compare_workers(web):
    """The tabs of both workers' pages: which rows they have."""
    for tab, css in TABS.items():
        names = {}
        for node in (GO, PY):
            web.worker(node, tab)
            rows = web.rows(css)
            if node == GO:
                web.shot("worker-" + tab)
            if tab == "broker":  # one broker, so that its values are the same too
                rows = [[r[0] + ("" if r[0] == "Heartbeat" else " " + r[1]), r[1]] for r in rows]
            if tab in ROWS:
                rows = [r[0] + (" (empty)" if r[1] in ("", "None", "—") else "") for r in rows]
            names[node] = rows
        if tab in ROWS:
            check(names[GO] == names[PY], f"tab {tab} has the rows of Python's", "\n  ours", names[GO], "\n  Python's", names[PY])
        else:
            check(bool(names[GO]), f"tab {tab} is filled", names)
            print("      ours    ", names[GO][:4], "\n      Python's", names[PY][:4])


def press_buttons(web, worker):
    concurrency = lambda: dict(r for r in web.rows(TABS["pool"]) if len(r) == 2).get("Max concurrency")
    web.worker(GO)
    check(concurrency() == "2", "two slots at first", concurrency())
    said = web.press("worker-pool-grow", 3)
    web.worker(GO)
    check(concurrency() == "5", "grown by three: " + said, concurrency())
    web.shot("worker-grown")
    said = web.press("worker-pool-shrink", 1)
    web.worker(GO)
    check(concurrency() == "4", "shrunk by one: " + said, concurrency())

    inspect = lambda: app.control.inspect([GO], timeout=3)
    web.worker(GO, "limits")
    said = web.press("task-rate-limit-test.add", 7)
    check("test.add [rate_limit=7]" in inspect().registered("rate_limit")[GO], "rate limit: " + said, inspect().registered("rate_limit"))
    said = web.press("task-timeout-hard-test.spin", 1)
    page = web.task_in(send("go", "test.", "spin", 60), "FAILURE")
    check("TimeLimitExceeded" in page.get("Exception", ""), "hard time limit: " + said, page)
    web.worker(GO, "limits")
    said = web.press("task-timeout-hard-test.spin", 100)
    check("set successfully" in said, "and a longer one: " + said)
    said = web.press("task-timeout-soft-test.slow_query", 1)
    page = web.task_in(send("go", "test.", "slow_query"), "FAILURE")
    check("SoftTimeLimitExceeded" in page.get("Exception", ""), "soft time limit: " + said, page)
    web.worker(GO, "limits")
    said = web.press("task-timeout-soft-test.slow_query", 90)
    check("set successfully" in said, "and a longer one: " + said)

    web.worker(GO, "queues")
    said = web.press("worker-add-consumer", "another")
    check(until(lambda: "another" in [q["name"] for q in inspect().active_queues()[GO]]), "new consumer: " + said)
    web.worker(GO, "queues")
    said = web.press("worker-cancel-consumer-another")
    check(until(lambda: "another" not in [q["name"] for q in inspect().active_queues()[GO]]), "consumer cancelled: " + said)

    task_id = send("go", "test.", "spin", 60)
    web.task_in(task_id, "STARTED")
    web.worker(GO, "tasks")
    check(any(task_id in cell for r in web.rows(TABS["tasks"]) for cell in r), "the running task is on the worker's page", web.rows(TABS["tasks"]))
    web.shot("worker-active")
    web.task(task_id)
    said = web.press("task-terminate")
    page = web.task_in(task_id, "REVOKED")
    check(page.get("Status") == "REVOKED", "terminated: " + said, page)
    task_id = send("go", "test.", "add", 1, 1, countdown=2)
    web.task_in(task_id, "RECEIVED")
    said = web.press("task-revoke")
    page = web.task_in(task_id, "REVOKED")
    check(page.get("Status") == "REVOKED", "revoked: " + said, page)
    web.shot("task-revoked")
    web.worker(GO, "tasks")
    check(any(r[0].startswith(task_id) for r in web.rows(TABS["tasks"])), "the worker's page has it among the revoked", web.rows(TABS["tasks"]))

    web.open("/tasks")
    until(lambda: len(web.rows("#tasks-table tbody tr")) > 5, 10)
    web.shot("tasks")
    said = {}
    for node in (GO, PY):
        web.worker(node)
        said[node] = [web.press("worker-pool-restart").replace(node, "NODE")]
        web.driver.execute_script("for (const m of ['min', 'max']) document.getElementById(m + '-autoscale').value = 3")
        said[node].append(web.press("worker-pool-autoscale").replace(node, "NODE"))
    check(said[GO] == said[PY], "what needs an option says so as Python's", said)

    # One that scales by itself: the panel sets its bounds, and grows within them.
    scaler = lambda: (inspect_auto().stats() or {}).get(AUTO, {}).get("autoscaler", {})
    inspect_auto = lambda: app.control.inspect([AUTO], timeout=3)
    until(lambda: web.overview().get(AUTO, [""])[0] == "Online")
    check((scaler().get("max"), scaler().get("min")) == (4, 1), "its bounds at first", scaler())
    web.worker(AUTO)
    web.driver.execute_script("for (const [m, n] of [['min', 2], ['max', 6]]) document.getElementById(m + '-autoscale').value = n")
    said = web.press("worker-pool-autoscale")
    check(until(lambda: (scaler().get("max"), scaler().get("min")) == (6, 2)), "autoscale: " + said, scaler())
    for n in range(8):
        send("auto", "test.", "spin", 4)
    check(until(lambda: scaler().get("current") == 6), "it grows to the new bound", scaler())
    web.worker(AUTO)
    web.shot("worker-autoscaled")

    web.worker(GO)
    said = web.press("worker-shutdown")
    try:
        code = worker.wait(30)
    except subprocess.TimeoutExpired:
        code = "none: it still runs"
    check(code == 0, "shut down: " + said, "exit status", code)
    row = until(lambda: (row := web.overview().get(GO)) and row[0] == "Offline" and row)
    check(bool(row), "the overview has it offline", web.overview())
    web.shot("workers-offline")


def main():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    logs = pathlib.Path(tempfile.mkdtemp())
    processes = []

    def start(name, *command, **more):
        with open(logs / name, "w") as log:
            processes.append(subprocess.Popen(command, env=ENV, stdout=log, stderr=log, **more))
        return processes[-1]

    celery = (sys.executable, "-m", "celery")
    web = None
    # Flower sets limits only of tasks that its own application has.
    (logs / "known.py").write_text(
        """
from celery import Celery

app = Celery()
for name in "test.add", "test.spin", "test.slow_query":

    @app.task(name=name)
    def elsewhere(*args, **kwargs):
        raise NotImplementedError
"""
    )
    ENV.update(PYTHONPATH=str(logs), SPARKSTALK_TASK_SEND_SENT_EVENT="true")
    try:
        start("flower", *celery, "-A", "known", "flower", "--address=127.0.0.1", f"--port={port}", "--db=" + str(logs / "db"))
        worker = start("sparkstalk", "bin/sparkstalk", "worker", "--allow-all", "--plugins", MODULES, "-n", GO, "-Q", "go", "-c", "2", "-E", "--result-backend", REDIS)
        start("auto", "bin/sparkstalk", "worker", "--allow-all", "--plugins", MODULES, "-n", AUTO, "-Q", "auto", "--autoscale", "4,1", "-E", "--result-backend", REDIS)
        start("python", *celery, "-A", "events", "worker", "-n", PY, "-Q", "py", "-c", "2", "-E", "-l", "info", cwd="host/testdata")
        web = Browser(f"http://127.0.0.1:{port}", str(logs / "profile"))

        def both():
            if any(p.poll() is not None for p in processes):
                sys.exit("a process has ended; its log is above")
            try:
                rows = web.overview()
            except Exception:  # Flower does not listen yet
                return False
            return all(rows.get(node, [""])[0] == "Online" for node in (GO, PY))

        until(both, 90)
        rows = web.overview()
        check(all(rows.get(node, [""])[0] == "Online" for node in (GO, PY)), "both workers are online", rows)
        compare_tasks(web)
        rows = web.overview()
        check(rows[GO][1:5] == rows[PY][1:5] and rows[GO][5], "the overview counts alike", rows)
        web.shot("workers")
        compare_workers(web)
        press_buttons(web, worker)
    finally:
        if web:
            web.driver.quit()
        for p in processes:
            if p.poll() is None:
                p.terminate()
        for p in processes:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
        if wrong or not web or sys.exc_info()[0]:
            for name in ("sparkstalk", "auto", "python", "flower"):
                print(f"--- {name}'s log", (logs / name).read_text()[-3000:] if (logs / name).exists() else "", sep="\n")
        shutil.rmtree(logs, ignore_errors=True)
    log = f"{len(wrong)} wrong" if wrong else "all as with Python's worker"
    print(f"{log}; screenshots are in {SHOTS}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
