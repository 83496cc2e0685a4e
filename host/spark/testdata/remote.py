"""Reads connection strings as PySpark does: JSON in, JSON out; null is refused."""
import json
import sys

from pyspark.sql.connect.client.core import DefaultChannelBuilder


def read(text):
    try:
        b = DefaultChannelBuilder(text)
        return {
            "address": b.endpoint, "tls": b.secure, "token": b.token or "", "user_id": b.userId or "",
            "session_id": b.session_id or "", "user_agent": b.userAgent.split(" ")[0], "headers": dict(b.metadata()),
        }
    except Exception:
        return None


json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
