"""usage: celery_client.py QUEUE CALLS TASK [ARG...]: calls a task one after
another, as any client of Celery does, and prints the times in ms."""

import json
import os
import sys
import time

from celery import Celery

queue, calls, task, args = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
app = Celery(broker=os.environ["CELERY_BROKER_URL"], backend="rpc://")


def call():
    return app.send_task(task, args=args, queue=queue).get(timeout=120)


for _ in range(10):
    answer = call()
times = []
for _ in range(calls):
    start = time.perf_counter()
    call()
    times.append((time.perf_counter() - start) * 1000)
times.sort()
print(json.dumps({"p50": times[len(times) // 2], "p99": times[int(0.99 * (len(times) - 1))], "answer": answer}))
