"""The query of the module in columns/."""

QUERY = (
    "SELECT id, CAST(id %% 1000 AS INT) AS k, id * 0.5D AS x, "
    "concat('name ', CAST(id %% 100 AS STRING)) AS s, id %% 2 = 0 AS even FROM range(%d)"
)
