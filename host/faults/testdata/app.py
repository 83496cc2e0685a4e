"""The task of ../tasks/main.go on Python's worker, for the rows that compare."""

import os
import time

from celery import Celery

app = Celery("faults", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.update(
    worker_prefetch_multiplier=16, broker_connection_retry_on_startup=True, task_default_queue=os.environ["QUEUE"],
    task_acks_late=os.environ.get("LATE") == "1", task_reject_on_worker_lost=os.environ.get("LATE") == "1",
)


@app.task(name="faults.mark")
def mark(n, ms=0):
    os.write(2, f"effect {n}\n".encode())
    time.sleep(ms / 1000)
    return n
