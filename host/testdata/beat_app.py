"""An application for celery beat, the sender of tasks that another worker runs."""
import os

from celery import Celery

queue = os.environ["QUEUE"]
app = Celery("beat_app", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ.get("CELERY_RESULT_BACKEND", "rpc://"))
app.conf.task_default_queue = queue
app.conf.beat_schedule = {
    "sum": {"task": "demo.simple_sum", "schedule": 0.3, "args": (5,)},
    "echo": {"task": "test.echo", "schedule": 0.4, "args": ("x",), "options": {"queue": queue, "expires": 15.0, "priority": 4}},
}
