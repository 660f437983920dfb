"""The keys of config files, taken from the estimators' signatures and docstrings.

There is no second list: a parameter that an estimator gains is a key of the config file, with
the default of its signature and the words of its docstring.
"""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from inspect import cleandoc, signature
from typing import Any, NamedTuple

from deepforest.cascade import CascadeForestClassifier, CascadeForestRegressor
from deepforest.cascade_base import CascadeForestBase
from deepforest.config_files import ConfigError, Content
from deepforest.estimators import Task
from deepforest.gcforest import GCForestClassifier, GCForestRegressor

CASCADES: dict[Task, type[CascadeForestBase]] = {
    "classification": CascadeForestClassifier,
    "regression": CascadeForestRegressor,
}
SCANNING: dict[Task, type[CascadeForestBase]] = {
    "classification": GCForestClassifier,
    "regression": GCForestRegressor,
}

# Parameters that stand at the top of the file, because scanner and cascade share them.
SHARED = ("n_jobs", "random_state", "verbose")


class Key(NamedTuple):
    """A key of a config file."""

    name: str
    parameter: str  # of the constructor
    default: Any
    accepted: str  # as the docstring says it: "int", "{'select', 'mean'}"
    meaning: str


Keys = dict[str, Key]  # by their names


def table_keys(task: Task, *, scanning: bool = True) -> dict[str, Keys]:
    """Return the keys of the tables "" (the top of the file), "scanner" and "cascade".

    Without `scanning` there is no table "scanner", and "cascade" has the keys of a cascade
    that takes tables.
    """
    of_cascade = _keys(CASCADES[task])
    own = _keys(SCANNING[task]) if scanning else of_cascade
    tables = {"": {name: of_cascade[name] for name in SHARED}}
    if scanning:
        # `scan_estimators` and `n_scan_estimators` say whose they are; the table does here.
        tables["scanner"] = {
            name.replace("scan_", ""): key._replace(name=name.replace("scan_", ""))
            for name, key in own.items()
            if name not in of_cascade
        }
    tables["cascade"] = {
        name: key for name, key in of_cascade.items() if name in own and name not in SHARED
    }
    return tables


def _keys(kind: type[CascadeForestBase]) -> Keys:
    documented = documented_parameters(kind)
    keys = {}
    for name, parameter in signature(kind).parameters.items():
        accepted, meaning = documented.get(name, ("", ""))
        keys[name] = Key(name, name, parameter.default, in_a_file(accepted), meaning)
    return keys


def in_a_file(accepted: str) -> str:
    """Return what a parameter accepts without what no file can hold."""
    return re.sub(r"( or|,) (callable|splitter|RandomState( instance)?)\b", "", accepted)


def documented_parameters(kind: type) -> dict[str, tuple[str, str]]:
    """Return what a class's docstring says of each parameter: what it accepts, what it means."""
    text = cleandoc(kind.__doc__ or "")
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", text, re.S | re.M)
    entries = re.findall(r"^(\w+) : (.*)\n((?:    .*\n|\n)*)", section[1] if section else "", re.M)
    return {
        name: (
            re.sub(r", default=.*|, optional", "", accepted),
            re.sub(r" ?\[\d\]_", "", " ".join(meaning.split())),  # without references
        )
        for name, accepted, meaning in entries
    }


def check_table(table: str, value: Any) -> Content:
    """Return the value of a table, or raise a ConfigError where it is none."""
    if not isinstance(value, dict):
        raise ConfigError(f"{table}={value!r} must be a table, [{table}].")
    return value


def check_keys(
    table: str,
    content: Mapping[Any, Any],
    accepted: Collection[str],
    elsewhere: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Raise a ConfigError for a key that the table does not have.

    `elsewhere` are the keys of other tables, for the remedy.
    """
    for key, value in content.items():
        if key not in accepted:
            path = f"{table}.{key}" if table else key
            where = f"in [{table}]" if table else "at the top of the file"
            raise ConfigError(
                f"{path}={value!r} is an unknown key{_remedy(key, accepted, elsewhere or {})} "
                f"Accepted {where} are {', '.join(sorted(accepted))}."
            )


def _remedy(key: Any, accepted: Collection[str], elsewhere: Mapping[str, Collection[str]]) -> str:
    for table, keys in elsewhere.items():
        if key in keys:
            return f"; it belongs {f'in [{table}]' if table else 'at the top of the file'}."
    nearest = get_close_matches(str(key), sorted(accepted), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else "."
