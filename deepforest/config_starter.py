"""Starter config files: what a task needs, and every other key as a comment."""

import json
from textwrap import fill
from typing import Any

from deepforest.config_files import NONE, Content
from deepforest.config_schema import Key, table_keys
from deepforest.estimators import ESTIMATORS, Task

# What is not the default, or worth a look first, by the kind of data.
STARTERS: dict[str, Content] = {
    "table": {"cascade": {"preset": "balanced", "max_layers": 6}},
    "image": {
        "scanner": {"windows": [[0.25, 0.25], [0.5, 0.5]], "stride": None, "pool": 2},
        "cascade": {"preset": "balanced", "max_layers": 6},
    },
    "sequence": {
        "scanner": {"windows": [[0.1], [0.2], [0.4]], "passthrough": True},
        "cascade": {"preset": "balanced", "max_layers": 6},
    },
}
DATA = {
    "table": "a table: CSV or Parquet, one row a line",
    "image": "images: a folder with one sub-folder a class, or an array (n, h, w[, c])",
    "sequence": "sequences: an array (n, t) or, with channels, (n, t, c)",
}
EXAMPLE = """\
# Estimators of a layer, instead of the default ones. `type` is one of
# {types}.
# Further keys are the type's own parameters.
# [[{table}.estimators]]
# type = "random_forest"
# name = "{table}_forest"
# n_estimators = 200
# max_features = 0.5
"""
TUNE = """\
# What `deepforest tune` tries: each combination of these values, scored on held-out rows.
[tune]
search = "halving"  # "grid" tries all on all rows, "random" only some of them
cv = 3

[tune.cascade]
max_layers = [1, 4]
n_estimators = [50, 200]
"""


def starter(kind: str, task: Task) -> str:
    """Return a commented TOML file to start from.

    Every key that is left out stands there as a comment with its default, so that the file
    is a list of what can be set.

    Parameters
    ----------
    kind : {"table", "image", "sequence"}
    task : {"classification", "regression"}
    """
    chosen = STARTERS[kind]
    tables = table_keys(task, scanning="scanner" in chosen)
    parts = [
        f"# A deep forest for {DATA[kind]}.\n"
        "# Lines that begin with # are comments; the values in them are the defaults.\n\n"
        f'# "classification" or "regression".\ntask = "{task}"\n',
        *_lines(tables[""], {"random_state": 0, "n_jobs": -1}),
    ]
    for table in ("scanner", "cascade"):
        if table in chosen:
            parts.append(f"[{table}]\n")
            parts += _lines(tables[table], chosen[table])
            types = fill(", ".join(ESTIMATORS), width=88, subsequent_indent="# ")
            parts.append(EXAMPLE.format(table=table, types=types))
    return "\n".join([*parts, TUNE])


def _lines(keys: dict[str, Key], chosen: dict[str, Any]) -> list[str]:
    """Return a part of the file for each key, those that are chosen first."""
    names = [*chosen, *(name for name in keys if name not in chosen and name != "estimators")]
    return [_lines_of_key(keys[name], chosen) for name in names]


def _lines_of_key(key: Key, chosen: dict[str, Any]) -> str:
    text = f"{key.accepted}. {key.meaning}" if key.meaning else f"{key.accepted}."
    comment = fill(text, width=98, initial_indent="# ", subsequent_indent="# ")
    value = chosen.get(key.name, key.default)
    # Of numbers, strings and lists of them, JSON is TOML.
    line = f"{key.name} = {json.dumps(NONE if value is None else value)}"
    return f"{comment}\n{'' if key.name in chosen else '# '}{line}\n"
