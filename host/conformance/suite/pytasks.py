"""The suite's tasks on Python's worker; ../tasks/main.go has the same for ours."""

import builtins
import json
import os
import time

from celery import Celery
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from kombu import Exchange, Queue

import target

app = Celery("conf", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.update(
    task_default_queue=os.environ["QUEUE"], worker_prefetch_multiplier=4, worker_hijack_root_logger=True,
    accept_content=["json", "msgpack", "yaml"], broker_connection_retry_on_startup=True, task_send_sent_event=False,
)
app.conf.broker_heartbeat = 10  # as ours has it
if os.environ.get("SOFT_SHUTDOWN"):
    app.conf.worker_soft_shutdown_timeout = float(os.environ["SOFT_SHUTDOWN"])
app.conf.result_extended = bool(os.environ.get("RESULT_EXTENDED"))
if os.environ.get("MAX_PRIORITY"):
    app.conf.task_queue_max_priority = int(os.environ["MAX_PRIORITY"])
for name, setting, kind in (
    ("DEDUPLICATE", "worker_deduplicate_successful_tasks", bool), ("ACKS_LATE", "task_acks_late", bool), ("RESULT_EXPIRES", "result_expires", int),
    ("FAILURE_EXPIRES", "result_failure_expires", int), ("HEARTBEAT", "broker_heartbeat", int), ("TIME_LIMIT", "task_time_limit", int),
    ("SOFT_TIME_LIMIT", "task_soft_time_limit", int), ("ON_IDLE", "worker_enable_soft_shutdown_on_idle", bool),
):
    if value := os.environ.get(name):
        app.conf[setting] = kind(value)
if os.environ.get("CONFIRM"):  # ours always has the broker confirm
    app.conf.broker_transport_options = {"confirm_publish": True}
    app.conf.task_publish_retry_policy = {"max_retries": 5, "interval_start": 0.5, "interval_step": 0, "interval_max": 0.5}
if os.environ.get("BEAT"):
    app.conf.update(beat_enable_remote_control=True, beat_remote_control_max_tick_age=2, beat_max_loop_interval=1)
if declared := json.loads(os.environ.get("QUEUES") or "{}"):
    app.conf.task_queues = [
        Queue(name, Exchange(q["exchange"], type=q.get("exchange_type", "direct")), routing_key=q["routing_key"], queue_arguments=q.get("queue_arguments"))
        for name, q in declared.items()
    ]
if os.environ.get("QUORUM"):
    app.conf.task_queues = target.quorum(os.environ["QUEUE"])


class CustomError(Exception):
    pass


def task(name, **options):
    return app.task(name="conf." + name, **options)


@task("add")
def add(x, y=0):
    return x + y


@task("echo")
def echo(value):
    return value


@task("none")
def none():
    return None


@task("kwargs")
def kwargs(a, b=2, c="three"):
    return [a, b, c]


@task("fail")
def fail(kind, message=None):
    raise getattr(builtins, kind)(*([] if message is None else [message]))


@task("custom")
def custom(message):
    raise CustomError(message)


@task("sleep")
def sleep(seconds):
    end = time.time() + seconds
    while time.time() < end:
        time.sleep(0.01)
    return "slept"


@task("sleep_late", acks_late=True)
def sleep_late(seconds):
    return sleep(seconds)


@task("tracked", track_started=True)
def tracked(seconds):
    return sleep(seconds)


@task("progress", bind=True)
def progress(self, seconds):
    self.update_state(state="PROGRESS", meta={"current": 1, "total": 2})
    return sleep(seconds)


@task("state", bind=True)
def state(self, name, meta):
    self.update_state(state=name, meta=meta)
    raise Ignore()


@task("ignored", ignore_result=True)
def ignored():
    return 1


@task("retry", bind=True, max_retries=3, default_retry_delay=0)
def retry(self, times):
    if self.request.retries < times:
        raise self.retry(countdown=0.05, exc=ValueError("not yet"))
    return self.request.retries


@task("retry_plain", bind=True, max_retries=1)
def retry_plain(self):
    raise self.retry(countdown=0)


@task("retry_args", bind=True, max_retries=2)
def retry_args(self, n):
    if n < 5:
        raise self.retry(args=[n + 4], countdown=0)
    return n


@task("autoretry", bind=True, autoretry_for=(KeyError,), max_retries=2, retry_backoff=False, default_retry_delay=0)
def autoretry(self, until):
    if self.request.retries < until:
        raise KeyError("again")
    return self.request.retries


@task("reject", acks_late=True)
def reject():
    raise Reject("unwanted", requeue=False)


@task("reject_once", bind=True, acks_late=True)
def reject_once(self):
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not yet", requeue=True)
    return "again"


@task("ignore")
def ignore():
    raise Ignore()


@task("request", bind=True)
def request(self):
    r = self.request
    return {
        "id": r.id, "task": r.task, "root_id": r.root_id, "parent_id": r.parent_id, "group": r.group, "retries": r.retries,
        "hostname": r.hostname, "redelivered": (r.delivery_info or {}).get("redelivered"),
    }


@task("where", bind=True)
def where(self):
    return [self.request.delivery_info["exchange"], self.request.delivery_info["routing_key"], self.request.retries]


@task("retry_later", bind=True, max_retries=3)
def retry_later(self, times):
    if self.request.retries < times:
        raise self.retry(countdown=2)
    return where.run.__func__(self)


@task("soft", soft_time_limit=0.5)
def soft(catch):
    try:
        sleep(20)
    except SoftTimeLimitExceeded:
        if catch:
            return "cleaned up"
        raise
    return "not reached"


@task("hard", time_limit=0.7)
def hard():
    return sleep(20)


@task("limited", rate_limit="4/s")
def limited(n):
    return n


@task("send", bind=True)
def send(self, name, args):
    return app.send_task(name, args=args, queue=self.request.delivery_info["routing_key"]).id


@task("sum")
def total(numbers):
    return sum(numbers)


@task("collect")
def collect(values):
    return {"values": values}


@task("replace", bind=True)
def replace(self, x, y):
    raise self.replace(app.signature("conf.add", args=(x, y), queue=self.request.delivery_info["routing_key"]))


@task("replace_group", bind=True)
def replace_group(self, n):
    from celery import group

    queue = self.request.delivery_info["routing_key"]
    raise self.replace(group(app.signature("conf.add", args=(i, i), queue=queue) for i in range(n)))


@task("replace_with", bind=True)
def replace_with(self, with_):
    raise self.replace(app.signature(with_))


@task("add_to_chord", bind=True)
def add_to_chord(self, more):
    for signature in more:
        self.add_to_chord(app.signature(signature))
    return 0


@task("tell")
def tell(label, to):
    app.send_task("conf.note", args=[label], queue=to)
    return label


@task("tell_group", bind=True)
def tell_group(self, label, to):
    app.send_task("conf.note", args=[self.request.group], queue=to)
    return label


@task("context", bind=True)
def context(self):
    return seen(self.request)


@task("limited_context", bind=True, time_limit=60, soft_time_limit=45)
def limited_context(self):
    return seen(self.request)


def seen(r):
    """What a task sees of its call beyond its arguments."""
    return {
        "eta": r.eta is not None, "expires": r.expires is not None, "group_index": r.group_index, "priority": r.delivery_info["priority"],
        "retries": r.retries, "replaced": r.replaced_task_nesting, "stamps": r.stamps or {}, "x-mine": (r.headers or {}).get("x-mine"),
        "time_limit": r.time_limit, "soft_time_limit": r.soft_time_limit,
    }


@task("retry_once", bind=True, max_retries=1)
def retry_once(self):
    if not self.request.retries:
        raise self.retry(countdown=0.05)
    return seen(self.request)


@task("retry_ignored", bind=True, max_retries=1, ignore_result=True)
def retry_ignored(self):
    if not self.request.retries:
        raise self.retry(countdown=0.05)
    return "stored"


@task("retry_other_args", bind=True, max_retries=1)
def retry_other_args(self, foo, bar, label=None):
    if not self.request.retries:
        raise self.retry(args=(foo + 1, bar + 1), countdown=0)
    return [foo, bar, label]


@task("retry_other_kwargs", bind=True, max_retries=1)
def retry_other_kwargs(self, foo, bar, label=None):
    if not self.request.retries:
        raise self.retry(kwargs={"foo": foo + 1}, countdown=0)
    return [foo, bar, label]


@task("errback")
def errback(failed_id):
    return failed_id
