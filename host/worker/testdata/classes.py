"""Which exceptions are derived from which: prints a JSON object of those of Python and,
where it is installed, PySpark, by the names of all that they are instances of."""

import builtins
import json

classes = [c for c in vars(builtins).values() if isinstance(c, type) and issubclass(c, BaseException)]
try:
    import pyspark.errors
    import pyspark.errors.exceptions.connect as connect

    for module in (pyspark.errors, connect):
        classes += [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, BaseException)]
except ImportError:
    pass


def name(c):
    return (c.__module__ + "." + c.__name__).removeprefix("builtins.")


print(json.dumps({name(c): [name(b) for b in c.__mro__ if issubclass(b, BaseException)] for c in classes}))
