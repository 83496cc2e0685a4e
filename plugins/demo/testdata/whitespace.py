"""Writes the code points at which str.split() splits, for the test beside it:

    python3 whitespace.py > whitespace.json
"""
import json
import sys

points = [c for c in range(sys.maxunicode + 1) if len(f"a{chr(c)}b".split()) == 2]
assert points == [c for c in range(sys.maxunicode + 1) if chr(c).isspace()]
print(json.dumps(points))
