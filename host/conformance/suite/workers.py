"""Starts the two workers of a combination of broker and result backend."""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import target

HERE = pathlib.Path(__file__).parent
LOGS = pathlib.Path(os.environ.get("LOGS") or tempfile.mkdtemp(prefix="conformance-"))
# What the two name differently, of settings that scenarios change.
OURS = {
    "SOFT_SHUTDOWN": "SPARKSTALK_WORKER_SOFT_SHUTDOWN_TIMEOUT", "RESULT_EXTENDED": "SPARKSTALK_RESULT_EXTENDED", "MAX_PRIORITY": "SPARKSTALK_TASK_QUEUE_MAX_PRIORITY",
    "DEDUPLICATE": "SPARKSTALK_WORKER_DEDUPLICATE_SUCCESSFUL_TASKS", "ACKS_LATE": "SPARKSTALK_TASK_ACKS_LATE", "RESULT_EXPIRES": "SPARKSTALK_RESULT_EXPIRES",
    "FAILURE_EXPIRES": "SPARKSTALK_RESULT_FAILURE_EXPIRES", "HEARTBEAT": "SPARKSTALK_BROKER_HEARTBEAT", "TIME_LIMIT": "SPARKSTALK_TASK_TIME_LIMIT",
    "SOFT_TIME_LIMIT": "SPARKSTALK_TASK_SOFT_TIME_LIMIT", "TZ": "TZ", "REMAP_SIGTERM": "REMAP_SIGTERM",
    "CONFIRM": "CONFIRM", "ON_IDLE": "ON_IDLE",  # ours has no such settings: it always confirms, and restores
}


def start(kind, queue, node, broker, backend, options, env, log):
    """A worker's process, in a group of its own."""
    env = {**os.environ, "CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": backend, "QUEUE": queue, **env}
    if kind == "python":
        command = [sys.executable, "-m", "celery", "-A", "pytasks", "worker", "-P", "prefork", "-l", "INFO"]
    else:
        command = [
            os.environ["SPARKSTALK"], "worker", "--allow-all", "-l", "debug", "--broker", broker, "--result-backend", backend,
            "--plugins", os.environ["MODULES"], "--spark", os.environ["SPARK_REMOTE"],
        ]
        env.update(SPARKSTALK_ACCEPT_CONTENT="json,msgpack,yaml", SPARKSTALK_TASK_DEFAULT_QUEUE=queue)
        if "--prefetch-multiplier" not in options:
            options = [*options, "--prefetch-multiplier", "4"]
    with open(log, "wb") as out:
        return subprocess.Popen([*command, "-Q", queue, "-n", node, *options], cwd=HERE, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)


class Pair:
    """Python's worker and ours, on queues of their own."""

    def __init__(self, combination, broker, backend):
        self.combination, self.targets, self.processes = combination, {}, {}
        mark = f"{os.getpid()}-{time.time_ns() % 10**9}"
        for kind in ("python", "sparkstalk"):
            queue, node = f"conf-{kind}-{mark}", f"{kind}-{mark}@conf"
            env = {}
            on_quorum = combination.startswith("quorum")
            if on_quorum:
                declared = {"exchange": queue, "exchange_type": "topic", "routing_key": queue, "queue_arguments": {"x-queue-type": "quorum"}}
                env.update(QUORUM="1", SPARKSTALK_TASK_QUEUES=json.dumps({queue: declared}))
            self.processes[kind] = start(kind, queue, node, broker, backend, ["-c", "2"], env, LOGS / f"{combination}-{kind}.log")
            self.targets[kind] = target.Target(kind, broker, backend, queue, node, on_quorum)
        self.targets["python"].peer, self.targets["sparkstalk"].peer = self.targets["sparkstalk"], self.targets["python"]
        for kind, t in self.targets.items():
            answers = lambda t=t: self.alive(t.kind) and t.call("add", 1, 1) == {"state": "SUCCESS", "value": 2}
            t.thread.submit(t.wait, f"worker, see {LOGS}/{combination}-{kind}.log", answers, 60).result()

    def alive(self, kind):
        code = self.processes[kind].poll()
        if code is not None:
            raise AssertionError(f"{kind} ended with {code}: see {LOGS}/{self.combination}-{kind}.log")
        return True

    def stop(self):
        for p in self.processes.values():
            p.send_signal(signal.SIGTERM)
        for kind, p in self.processes.items():
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                raise AssertionError(f"{kind} did not end within 20 s of SIGTERM") from None
        for t in self.targets.values():
            t.thread.submit(t.app.close).result()
            t.thread.shutdown()


class Extra:
    """A worker that one scenario starts and ends."""

    number = itertools.count()

    def __init__(self, of, options, queue, broker, backend, queues, settings):
        mark = f"{of.queue}-{next(self.number)}"
        self.of, self.options, self.settings, self.broker, self.backend = of, list(options), settings, broker or of.broker, backend or of.backend_url
        self.queues = queues or {}
        self.queue, self.node, self.log = queue or mark, mark + "@conf", LOGS / f"{mark}.log"

    def __enter__(self):
        of = self.of
        env = self.settings if of.kind == "python" else {OURS[k]: v for k, v in self.settings.items()}
        queues = {name: {"exchange": name, "routing_key": name, **declared} for name, declared in self.queues.items()}
        env = {**env, "QUEUES": json.dumps(queues), "SPARKSTALK_TASK_QUEUES": json.dumps(queues)}
        self.process = start(of.kind, self.queue, self.node, self.broker, self.backend, self.options, env, self.log)
        try:
            of.wait(f"worker, see {self.log}", self.answers, 60)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}: {self.log.read_text()[-1000:]}")
        return (self.inspect(1).active_queues() or {}).get(self.node)

    def inspect(self, timeout=2):
        # It may answer within a moment, and then nobody waits any longer.
        return self.of.app.control.inspect(destination=[self.node], timeout=timeout, limit=1)

    def stats(self):
        return self.of.wait("stats", lambda: (self.inspect().stats() or {}).get(self.node))

    def plain(self, value):
        names = {self.node: "<node>", self.queue: "<queue>"}
        return names.get(value, self.of.plain(value)) if isinstance(value, str) else self.of.plain(value)

    def end(self, how):
        """Its exit code after a signal, or after whatever was done to it before."""
        if how is not None:
            self.process.send_signal(how)
        return self.process.wait(60)

    def kill(self):
        """Ends it and its children at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


class Beat:
    """A beat of a target's kind, without entries, that answers remote control."""

    def __init__(self, of):
        self.of, self.node = of, f"celerybeat-{of.queue}@conf"
        self.log, self.folder = LOGS / f"{of.queue}-beat.log", tempfile.mkdtemp()

    def __enter__(self):
        of, schedule = self.of, os.path.join(self.folder, "schedule")
        env = {**os.environ, "CELERY_BROKER_URL": of.broker, "CELERY_RESULT_BACKEND": of.backend_url, "QUEUE": of.queue, "BEAT": "1"}
        for name, value in {"ENABLE_REMOTE_CONTROL": "true", "REMOTE_CONTROL_MAX_TICK_AGE": "2", "MAX_LOOP_INTERVAL": "1", "SCHEDULE_FILENAME": schedule}.items():
            env["SPARKSTALK_BEAT_" + name] = value
        if of.kind == "python":
            command = [sys.executable, "-m", "celery", "-A", "pytasks", "beat", "-s", schedule, "-l", "info", "-n", self.node]
        else:
            command = [os.environ["SPARKSTALK"], "beat", "--broker", of.broker, "--result-backend", of.backend_url, "--plugins", os.environ["MODULES"], "-n", self.node]
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(command, cwd=HERE, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            shutil.rmtree(self.folder)
