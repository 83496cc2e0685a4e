"""usage: demo_reload.py MODULE FOLDER: waits for the demo module's new version
to answer and prints how long after its file landed that was."""

import os
import sys
import time

from celery import Celery

module, folder = sys.argv[1:]
app = Celery(broker=os.environ["CELERY_BROKER_URL"], backend="rpc://")
landed = os.stat(module).st_ctime  # when it was renamed into place
while True:
    start = time.time()
    answer = app.send_task("demo.WordCount", args=(folder, "a")).get(timeout=60)
    now = time.time()
    if len(answer) == 2:
        break
    if now - landed > 20:
        sys.exit("the new version did not answer within 20 s")
    time.sleep(0.02)
print(f"  the new version answered {now - landed:.2f} s after its file landed (this client's own start included)")
print(f"  demo.WordCount(..., 'a')   {(now - start) * 1000:.1f} ms   {answer}")
