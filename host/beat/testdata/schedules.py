"""Computes is_due of schedules by celery.schedules, for cases read as JSON lines."""
import json
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab, schedule

apps = {}


def app_of(zone, deadline):
    key = (zone, deadline)
    if key not in apps:
        apps[key] = Celery(set_as_current=False)
        apps[key].conf.update(timezone=zone, beat_cron_starting_deadline=deadline)
    return apps[key]


def moment(micros, zone):
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)).astimezone(ZoneInfo(zone))


def answer(case):
    zone = case["zone"]
    app = app_of(zone, case.get("deadline"))
    now = moment(case["now"], zone)
    try:
        spec = case["schedule"]
        if isinstance(spec, dict) and "crontab" in spec:
            s = crontab(**spec["crontab"], nowfun=lambda: now, app=app)
        elif isinstance(spec, str):
            s = crontab.from_string(spec)
            s.app, s.nowfun = app, lambda: now
        else:
            s = schedule(spec["every"], relative=spec["relative"], nowfun=lambda: now, app=app)
    except Exception as exc:
        return {"bad": repr(exc)}
    try:
        due, left = s.is_due(moment(case["last"], zone))
    except Exception as exc:
        return {"failed": repr(exc)}
    return {"due": due, "next": round(timedelta(seconds=left) / timedelta(microseconds=1))}


json.dump([answer(json.loads(line)) for line in sys.stdin], sys.stdout)
