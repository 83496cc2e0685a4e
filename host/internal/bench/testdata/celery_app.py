"""The no-op task of Python Celery's own worker, for the comparison."""

import os

from celery import Celery

app = Celery("bench", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ.get("CELERY_RESULT_BACKEND", "rpc://"))


@app.task(name="test.noop")
def noop():
    return None
