"""Config files: TOML to an unfitted estimator."""

import tomllib
from collections.abc import Collection, Mapping
from importlib.resources import files
from inspect import signature
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

# TOML has no null.
NONE = "none"

# A key of the table [scanner], and what the parameter of GCForest is called.
SCANNER_KEYS = {
    "windows": "windows",
    "stride": "stride",
    "pool": "pool",
    "pool_method": "pool_method",
    "n_estimators": "n_scan_estimators",
    "max_windows": "max_windows",
    "input_shape": "input_shape",
    "estimators": "scan_estimators",
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
        - ``[scanner]``: those of `MultiGrainedScanner`; where this table stands, the
          estimator is a `GCForestClassifier` or `GCForestRegressor`;
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
    [(3, 3), (5, 5)]
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
    _check_keys("", content, ("task", "n_jobs", "random_state", "verbose", "cascade", "scanner"))
    task = content.pop("task", "classification")
    if task not in TASKS:
        raise ConfigError(f"task={task!r} must be one of {', '.join(map(repr, TASKS))}.")
    classification = task == "classification"
    cascade = content.pop("cascade", {})
    scanner = content.pop("scanner", None)
    parameters = dict(content)
    kind: type[CascadeForestBase]
    kind = CascadeForestClassifier if classification else CascadeForestRegressor
    accepted = (
        set(signature(kind).parameters) - set(content) - {"n_jobs", "random_state", "verbose"}
    )
    parameters |= _table("cascade", cascade, {key: key for key in accepted}, task)
    if scanner is not None:
        kind = GCForestClassifier if classification else GCForestRegressor
        parameters |= _table("scanner", scanner, SCANNER_KEYS, task)
    defaults = {name: p.default for name, p in signature(kind).parameters.items()}
    place = {own: f"scanner.{key}" for key, own in SCANNER_KEYS.items()}
    place |= {
        key: key if key in content else f"cascade.{key}" for key in defaults if key not in place
    }
    values = {}
    for name, value in parameters.items():
        values[name] = _value(place[name], value, defaults[name])
    estimator = kind(**values)
    try:
        estimator._check_parameters()
    except ValueError as error:
        raise ConfigError(_named_as_in_file(str(error), place)) from error
    return estimator


def _named_as_in_file(message: str, place: Mapping[str, str]) -> str:
    """Return the message about parameter `name=` with the key of the file instead."""
    name = message.partition("=")[0]
    return message.replace(name, place.get(name, name), 1)


def _check_keys(table: str, content: Any, accepted: Collection[str]) -> None:
    if not isinstance(content, dict):
        raise ConfigError(f"{table}={content!r} must be a table, [{table}].")
    for key in content:
        if key not in accepted:
            where = f"[{table}]" if table else "the file"
            raise ConfigError(
                f"unknown key {key!r} in {where}; accepted are {', '.join(sorted(accepted))}."
            )


def _table(table: str, content: Any, parameters: Mapping[str, str], task: Task) -> dict[str, Any]:
    """Return the constructor arguments that a table stands for."""
    _check_keys(table, content, parameters)
    arguments = {parameters[key]: value for key, value in content.items()}
    if "estimators" in content:
        entries = content["estimators"]
        if not isinstance(entries, list) or not entries:
            raise ConfigError(f"{table}.estimators must be tables, [[{table}.estimators]].")
        arguments[parameters["estimators"]] = [
            _named_estimator(f"{table}.estimators[{i}]", entry, task)
            for i, entry in enumerate(entries)
        ]
    return arguments


def _named_estimator(place: str, entry: Any, task: Task) -> tuple[str, BaseEstimator]:
    if not isinstance(entry, dict) or "type" not in entry:
        raise ConfigError(f"{place} has no key 'type'; accepted are {', '.join(ESTIMATORS)}.")
    settings = dict(entry)
    kind = settings.pop("type")
    if kind not in ESTIMATORS:
        raise ConfigError(
            f"{place}.type={kind!r} is no estimator; accepted are {', '.join(ESTIMATORS)}."
        )
    name = settings.pop("name", kind)
    if not isinstance(name, str):
        raise ConfigError(f"{place}.name={name!r} must be a string.")
    defaults = ESTIMATORS[kind](task).get_params(deep=False)
    _check_keys(place, settings, defaults)
    values = {
        key: _value(f"{place}.{key}", value, defaults[key]) for key, value in settings.items()
    }
    return name, ESTIMATORS[kind](task, **values)


def _value(key: str, value: Any, default: Any) -> Any:
    """Return a value from the file after checking its type against the default's."""
    if value == NONE:
        return None
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ConfigError(f"{key}={value!r} must be true or false.")
    if isinstance(default, Real) and not isinstance(default, bool):
        number = isinstance(value, Real) and not isinstance(value, bool)
        # Counts whose parameter also takes fractions or sizes per axis are checked by name.
        if not number and not (key.endswith(".pool") and isinstance(value, list)):
            raise ConfigError(f"{key}={value!r} must be a number.")
    if isinstance(default, str) and not isinstance(value, str | Real):
        raise ConfigError(f"{key}={value!r} must be a string or a number.")
    if key == "scanner.windows" and isinstance(value, list):
        return [tuple(size) if isinstance(size, list) else size for size in value]
    return tuple(value) if isinstance(value, list) and not _is_estimators(value) else value


def _is_estimators(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], tuple)


__all__ = ["ConfigError", "NamedEstimators", "load_config", "packaged_config"]
