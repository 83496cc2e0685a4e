"""Starts the two workers of a combination of broker and result backend."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from target import Target

HERE = pathlib.Path(__file__).parent
LOGS = pathlib.Path(os.environ.get("LOGS") or tempfile.mkdtemp(prefix="conformance-"))


class Pair:
    """Python's worker and ours, on queues of their own."""

    def __init__(self, combination, broker, backend):
        self.combination, self.targets, self.processes = combination, {}, {}
        mark = f"{os.getpid()}-{time.time_ns() % 10**9}"
        for kind in ("python", "sparkstalk"):
            queue, node = f"conf-{kind}-{mark}", f"{kind}-{mark}@conf"
            env = {**os.environ, "CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": backend, "QUEUE": queue}
            on_quorum = combination.startswith("quorum")
            if on_quorum:
                declared = {"exchange": queue, "exchange_type": "topic", "routing_key": queue, "queue_arguments": {"x-queue-type": "quorum"}}
                env.update(QUORUM="1", SPARKSTALK_TASK_QUEUES=json.dumps({queue: declared}))
            if kind == "python":
                command = [sys.executable, "-m", "celery", "-A", "pytasks", "worker", "-Q", queue, "-n", node, "-c", "2", "-P", "prefork", "-l", "INFO"]
            else:
                command = [
                    os.environ["SPARKSTALK"], "worker", "--allow-all", "-Q", queue, "-n", node, "-c", "2", "-l", "debug", "--prefetch-multiplier", "4",
                    "--broker", broker, "--result-backend", backend, "--plugins", os.environ["MODULES"], "--spark", os.environ["SPARK_REMOTE"],
                ]
                env.update(SPARKSTALK_ACCEPT_CONTENT="json,msgpack,yaml", SPARKSTALK_TASK_DEFAULT_QUEUE=queue)
            log = open(LOGS / f"{combination}-{kind}.log", "wb")
            self.processes[kind] = subprocess.Popen(command, cwd=HERE, env=env, stdout=log, stderr=subprocess.STDOUT)
            log.close()
            self.targets[kind] = Target(kind, broker, backend, queue, node, on_quorum)
        for kind, target in self.targets.items():
            answers = lambda t=target: self.alive(t.kind) and t.call("add", 1, 1) == {"state": "SUCCESS", "value": 2}
            target.thread.submit(target.wait, f"worker, see {LOGS}/{combination}-{kind}.log", answers, 60).result()

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
