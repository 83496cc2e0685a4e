"""Writes how Python binds arguments, and what its TypeErrors say:

    python3 calls.py > calls.json

Python 3.13 and later add suggestions to some of the messages; use 3.10 to 3.12.
"""
import itertools
import json

names = "abcd"
cases = []
for count in range(5):
    for optional in range(count + 1):
        params = [n + ("=None" if i >= count - optional else "") for i, n in enumerate(names[:count])]
        scope = {}
        exec(f"def f({', '.join(params)}): return locals()", scope)
        for given in range(count + 3):
            for keywords in itertools.chain([()], [(n,) for n in "abcdx"], itertools.permutations("abcx", 2)):
                args = list(range(given))
                kwargs = {k: 100 + i for i, k in enumerate(keywords)}
                case = {"params": count, "optional": optional, "args": args, "kwargs": list(keywords)}
                try:
                    case["bound"] = list(scope["f"](*args, **kwargs).values())
                except TypeError as e:
                    case["error"] = str(e)
                cases.append(case)
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
