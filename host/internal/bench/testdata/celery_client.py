"""usage: celery_client.py QUEUE FOLDER CALLS: calls demo.DataFrameWordCount one
after another and prints the times in ms."""

import json
import os
import sys
import time

from celery import Celery

queue, folder, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = Celery(broker=os.environ["CELERY_BROKER_URL"], backend="rpc://")


def call():
    return app.send_task("demo.DataFrameWordCount", args=(folder, "a"), queue=queue).get(timeout=120, interval=0.001)


for _ in range(10):
    answer = call()
times = []
for _ in range(calls):
    start = time.perf_counter()
    call()
    times.append((time.perf_counter() - start) * 1000)
times.sort()
print(json.dumps({"p50": times[len(times) // 2], "p99": times[int(0.99 * (len(times) - 1))], "answer": answer}))
