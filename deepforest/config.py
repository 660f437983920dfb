"""Config files: TOML to an unfitted estimator."""

import re
import tomllib
from collections.abc import Collection
from importlib.resources import files
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from deepforest.cascade import (
    CascadeForestBase,
    CascadeForestClassifier,
    CascadeForestRegressor,
)
from deepforest.estimators import ESTIMATORS, TASKS, NamedEstimators, Task
from deepforest.gcforest import GCForestClassifier, GCForestRegressor
from deepforest.models import is_engine_forest
from deepforest.parameters import check_parameters

# TOML has no null.
NONE = "none"

# The keys of each table, and what the constructor calls them.
TOP_KEYS = {key: key for key in ("n_jobs", "random_state", "verbose")}
CASCADE_KEYS = {
    key: key
    for key in (
        "estimators",
        "n_estimators",
        "max_layers",
        "cv",
        "scoring",
        "tol",
        "n_iter_no_change",
        "max_time",
        "combine",
        "screening",
        "class_weight",
    )
}
# Of cascades whose features are the columns of a table.
TABLE_KEYS = {"categorical_features": "categorical_features"}
SCANNER_KEYS = {
    "windows": "windows",
    "stride": "stride",
    "padding": "padding",
    "pool": "pool",
    "pool_method": "pool_method",
    "estimators": "scan_estimators",
    "n_estimators": "n_scan_estimators",
    "max_windows": "max_windows",
    "passthrough": "passthrough",
    "grains": "grains",
    "input_shape": "input_shape",
}


KINDS: dict[tuple[str, bool], type[CascadeForestBase]] = {
    ("classification", False): CascadeForestClassifier,
    ("classification", True): GCForestClassifier,
    ("regression", False): CascadeForestRegressor,
    ("regression", True): GCForestRegressor,
}


class ConfigError(ValueError):
    """A config file that cannot be used; the message names file, key and remedy."""


def load_config(path: str | PathLike[str]) -> CascadeForestBase:
    """Return the unfitted estimator that a TOML file describes.

    Parameters
    ----------
    path : str or path-like
        Keys of the file:

        - ``task``: "classification" (the default) or "regression";
        - ``n_jobs``, ``random_state``, ``verbose``;
        - ``[cascade]``: the parameters of `CascadeForestClassifier`;
        - ``[scanner]``: those of `MultiGrainedScanner`, and ``grains``; where this table
          stands, the estimator is a `GCForestClassifier` or `GCForestRegressor`;
        - ``[[cascade.estimators]]`` and ``[[scanner.estimators]]``: one table an
          estimator, with ``type`` (a registered name, such as "random_forest"),
          ``name`` (the type, where it is left out) and the type's own parameters.

        None is spelled "none".

    Returns
    -------
    estimator
        A `GCForestClassifier`, `GCForestRegressor`, `CascadeForestClassifier` or
        `CascadeForestRegressor`.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ConfigError
        A ValueError, for a file that is no TOML, an unknown key or a wrong value.

    Examples
    --------
    >>> from deepforest import load_config
    >>> from deepforest.config import packaged_config
    >>> load_config(packaged_config("digits")).windows
    [[3, 3], [5, 5]]
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is no TOML file: {error}") from error
    try:
        return _estimator(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error.__cause__


def packaged_config(name: str) -> Path:
    """Return the path of a config that ships inside the package.

    Parameters
    ----------
    name : str
        As in "digits".
    """
    return Path(str(files("deepforest") / "configs" / f"{name}.toml"))


def _estimator(content: dict[str, Any]) -> CascadeForestBase:
    _check_keys("", content, ["task", "cascade", "scanner", *TOP_KEYS])
    task = content.pop("task", "classification")
    if task not in TASKS:
        raise ConfigError(f"task={task!r} must be one of {', '.join(map(repr, TASKS))}.")
    scans = "scanner" in content
    kind = KINDS[task, scans]
    cascade_keys = CASCADE_KEYS if scans else CASCADE_KEYS | TABLE_KEYS
    tables = [("cascade", content.pop("cascade", {}), cascade_keys)]
    if scans:
        tables.append(("scanner", content.pop("scanner"), SCANNER_KEYS))
    tables.append(("", content, TOP_KEYS))

    arguments: dict[str, Any] = {}
    keys: dict[str, str] = {}  # where in the file each argument stands
    for table, entries, names in tables:
        _check_keys(table, entries, names)
        for key, value in entries.items():
            path = f"{table}.{key}" if table else key
            keys[names[key]] = path
            if key == "estimators":
                value = _named_estimators(path, value, task)
            arguments[names[key]] = _without_none(value)
    estimator = kind(**arguments)
    try:
        estimator._check_parameters()
    except (TypeError, ValueError) as error:
        # The message begins with the parameter: here it is called as in the file.
        message = re.sub(r"^\w+", lambda match: keys.get(match[0], match[0]), str(error))
        raise ConfigError(message) from error
    return estimator


def _without_none(value: Any) -> Any:
    """Return the value with None where it says "none", inside lists and inline tables too."""
    if isinstance(value, dict):
        return {key: _without_none(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_none(entry) for entry in value]
    return None if value == NONE else value


def _check_keys(table: str, content: Any, accepted: Collection[str]) -> None:
    if not isinstance(content, dict):
        raise ConfigError(f"{table}={content!r} must be a table, [{table}].")
    for key in content:
        if key not in accepted:
            where = f"[{table}]" if table else "the file"
            raise ConfigError(
                f"unknown key {key!r} in {where}; accepted are {', '.join(sorted(accepted))}."
            )


def _named_estimators(path: str, entries: Any, task: Task) -> NamedEstimators:
    tables = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
    if not tables or not entries:
        raise ConfigError(f"{path}={entries!r} must be tables, [[{path}]].")
    return [_named_estimator(f"{path}[{i}]", dict(entry), task) for i, entry in enumerate(entries)]


def _named_estimator(path: str, entry: dict[str, Any], task: Task) -> tuple[str, BaseEstimator]:
    kind = entry.pop("type", None)
    if not isinstance(kind, str) or kind not in ESTIMATORS:
        raise ConfigError(
            f"{path}.type={kind!r} is no estimator; accepted are {', '.join(ESTIMATORS)}."
        )
    name = entry.pop("name", kind)
    if not isinstance(name, str):
        raise ConfigError(f"{path}.name={name!r} must be a string.")
    defaults = ESTIMATORS[kind](task).get_params(deep=False)
    _check_keys(path, entry, defaults)
    for key, value in entry.items():
        _check_type(f"{path}.{key}", value, defaults[key])
    estimator = ESTIMATORS[kind](task, **{k: None if v == NONE else v for k, v in entry.items()})
    if is_engine_forest(estimator):
        try:
            check_parameters(estimator)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
    return name, estimator


def _check_type(path: str, value: Any, default: Any) -> None:
    """Raise an error for a value that cannot stand for this default.

    Estimators of other libraries check their parameters as late as in `fit`: here at least
    switches must be switches, numbers numbers, and words words or numbers.
    """
    if value == NONE or default is None:
        return
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ConfigError(f"{path}={value!r} must be true or false.")
    elif isinstance(value, bool) or not isinstance(
        value, Real if isinstance(default, Real) else (str, Real)
    ):
        kind = "a number" if isinstance(default, Real) else "a string or a number"
        raise ConfigError(f"{path}={value!r} must be {kind}.")
