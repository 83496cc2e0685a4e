def argument(sample, value):
    """A sample of functions.json as what PySpark takes. Some take a string for a name
    where Go takes it for a text."""
    if isinstance(sample, str):
        return sample
    if "sql" in sample:
        return F.expr(sample["sql"])
    if "options" in sample:
        return sample["options"]
    return F.lit(sample["lit"]) if value else sample["lit"]


def calls(f):
    """The function without and with what may be left out."""
    params = f.get("params", [])
    kinds = [p["kind"] for p in params]
    args = [argument(s, kinds[min(i, len(kinds) - 1)] == "value") for i, s in enumerate(f.get("sample", []))]
    function = getattr(F, f["name"], None)
    required = next((i for i, p in enumerate(params) if p.get("optional")), len(params))
    counts = [required, len(args)] if required < len(params) else [len(args)]
    if f.get("use") in ("generator", "alone"):
        counts = counts[-1:]
    for n in counts:
        try:
            if function is None:
                raise TypeError
            c = function(*args[:n])
        except TypeError:
            # PySpark's client may be older than Spark. The engine's function is the judge then.
            given = args[:n] + [p["default"] for p in params[n:] if "default" in p]
            c = F.call_function(f.get("sql", f["name"]), *[
                F.lit(a) if p["kind"] not in ("column", "number") or not isinstance(a, str) else F.col(a)
                for a, p in zip(given, params + params[-1:] * len(given))])
        if f.get("use") == "window":
            c = c.over(Window.orderBy("i"))
        elif f["group"] == "variants":
            c = c.cast("string")
        yield c


def batch(names):
    def case(spark):
        df = spark.sql(ARGS["table"])
        functions = [FUNCTIONS[n] for n in names]
        if "from" in functions[0]:
            df = df.groupBy("s").agg(F.expr(functions[0]["from"]).alias("sk"))
        columns = [c for f in functions for c in calls(f)]
        use = functions[0].get("use")
        if use == "aggregate":
            return df.agg(*columns)
        if use == "grouping":
            return df.cube("i").agg(*columns).orderBy("i").drop("i")
        return df.select(*columns)
    return case


def switch_on_new_types(spark):
    for name in ARGS["types"].split():
        spark.conf.set(name, "true")


import json
with open(ARGS["list"]) as file:
    FUNCTIONS = {f["name"]: f for f in json.load(file)["functions"]}
for name, names in json.loads(ARGS["batches"]).items():
    globals()[name] = batch(names)
