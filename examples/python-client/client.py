"""Calls the demo module's tasks from an ordinary Celery client.

Nothing but Celery is installed on this side: tasks are called by name, and
what runs them need not be known.

    CELERY_BROKER_URL=amqp://... python client.py [FOLDER]
"""

import os
import sys
import time

from celery import Celery
from celery.exceptions import NotRegistered

app = Celery(
    "client",
    broker=os.environ.get("CELERY_BROKER_URL", "amqp://guest:guest@localhost:5672//"),
    backend=os.environ.get("CELERY_RESULT_BACKEND", "rpc://"),
)

# A signature of a task that this process does not have: the name is enough.
word_count = app.signature("demo.WordCount")


unexpected = 0


def call(title, signature, raises=None):
    """Sends a task, waits, and prints what came back and how long it took."""
    global unexpected
    start = time.perf_counter()
    try:
        answer, raised = signature.delay().get(timeout=120), None
    except Exception as exc:  # shown, whatever class the worker raised
        raised = type(exc).__name__
        answer = f"raised {type(exc).__module__}.{raised}: {(str(exc).splitlines() or [''])[0][:160]}"
    unexpected += raised != raises
    print(f"  {title:<52} {(time.perf_counter() - start) * 1000:7.1f} ms   {answer}", flush=True)
    return answer


def main():
    inputs = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/common-licenses"
    call("demo.simple_sum(100000)", app.signature("demo.simple_sum", args=(100000,)))
    call(f"demo.WordCount({inputs!r}, 'a')", word_count.clone(args=(inputs, "a")))
    call(f"demo.WordCount({inputs!r}, first_letter='t')", word_count.clone(args=(inputs,), kwargs={"first_letter": "t"}))
    call("demo.DataFrameWordCount(..., 'l')", app.signature("demo.DataFrameWordCount", args=(inputs, "l")))
    call("demo.DataFrameWordCount(..., 'g')", app.signature("demo.DataFrameWordCount", args=(inputs, "g")))
    # What is wrong arrives as the exception that Python would have raised.
    call("demo.WordCount('/no/such/folder', 'a')", word_count.clone(args=("/no/such/folder", "a")), raises="AnalysisException")
    call("demo.WordCount() without its arguments", word_count.clone(), raises="TypeError")
    call("demo.nosuch()", app.signature("demo.nosuch"), raises="NotRegistered")
    try:
        app.send_task("demo.nosuch").get(timeout=30)
    except NotRegistered as exc:
        print(f"  and it can be caught by its class: NotRegistered({exc})")
    if unexpected:
        sys.exit(f"{unexpected} calls did not end as they should")


if __name__ == "__main__":
    main()
