"""Config files: from a file to an unfitted estimator, and back."""

import re
import warnings
from importlib.resources import files
from numbers import Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from deepforest._validation import check_choice
from deepforest.cascade_base import CascadeForestBase
from deepforest.config_files import (
    ConfigError,
    ConfigWarning,
    Content,
    content_text,
    errors_of,
    read_content,
    write_text,
)
from deepforest.config_schema import CASCADES, SCANNING, check_keys, check_table, table_keys
from deepforest.estimators import (
    ESTIMATORS,
    LIGHTGBM_PARAMETERS,
    TASKS,
    NamedEstimators,
    Task,
)
from deepforest.gcforest_json import gcforest_content, is_gcforest
from deepforest.models import is_engine_forest
from deepforest.parameters import check_parameters

__all__ = ["ConfigError", "load_config", "dump_config", "packaged_config"]


def load_config(path: str | PathLike[str]) -> CascadeForestBase:
    """Return the unfitted estimator that a config file describes.

    Parameters
    ----------
    path : str or path-like
        TOML, JSON or YAML (with PyYAML, the extra ``yaml``) by its suffix. Keys of the file:

        - ``task``: "classification" (the default) or "regression";
        - ``n_jobs``, ``random_state``, ``verbose``;
        - ``[cascade]``: the parameters of `CascadeForestClassifier`;
        - ``[scanner]``: those of `MultiGrainedScanner`, and ``grains``; where this table
          stands, the estimator is a `GCForestClassifier` or `GCForestRegressor`;
        - ``[[cascade.estimators]]`` and ``[[scanner.estimators]]``: one table an
          estimator, with ``type`` (a registered name, such as "random_forest"),
          ``name`` (the type, where it is left out) and the type's own parameters;
        - ``[tune]``: what ``deepforest tune`` tries; not looked at here.

        None is spelled "none". JSON may also be of the official gcForest.

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
        A ValueError, for a file that cannot be parsed, an unknown key or a wrong value.

    Warns
    -----
    ConfigWarning
        Names the keys of a gcForest file that have no counterpart.

    Examples
    --------
    >>> from deepforest import load_config
    >>> from deepforest.config import packaged_config
    >>> load_config(packaged_config("digits")).windows
    [[3, 3], [5, 5]]
    """
    path = Path(path)
    content, notes = read_config(path)
    if notes:
        warnings.warn(f"{path}: {'; '.join(notes)}.", ConfigWarning, stacklevel=2)
    with errors_of(path):
        return make_estimator(content)


def read_config(path: Path) -> tuple[Content, list[str]]:
    """Return the content of a config file, and what of a gcForest file has no counterpart."""
    content = read_content(path)
    if not is_gcforest(content):
        return content, []
    with errors_of(path):
        return gcforest_content(content)


def dump_config(estimator: CascadeForestBase, path: str | PathLike[str]) -> None:
    """Write the config file that describes an estimator.

    The file holds what differs from the defaults. `load_config` makes the same unfitted
    estimator of it; what was fitted is not written.

    Parameters
    ----------
    estimator : GCForestClassifier, GCForestRegressor, CascadeForestClassifier or \
CascadeForestRegressor
    path : str or path-like
        Ends in .toml, .json, .yaml or .yml, which says the format.

    Raises
    ------
    ConfigError
        A ValueError, for what no file can hold: a callable, a RandomState, an estimator
        without a registered name.

    Examples
    --------
    >>> from deepforest import CascadeForestClassifier, dump_config, load_config
    >>> path = getfixture("tmp_path") / "model.toml"
    >>> dump_config(CascadeForestClassifier(max_layers=3, scoring="neg_log_loss"), path)
    >>> print(path.read_text())
    task = "classification"
    <BLANKLINE>
    [cascade]
    max_layers = 3
    scoring = "neg_log_loss"
    <BLANKLINE>
    >>> load_config(path).max_layers
    3
    """
    path = Path(path)
    write_text(path, content_text(content_of(estimator), path.suffix))


def packaged_config(name: str) -> Path:
    """Return the path of a config that ships inside the package.

    Parameters
    ----------
    name : str
        As in "digits".
    """
    return Path(str(files("deepforest") / "configs" / f"{name}.toml"))


# --- from a file's content to an estimator ---------------------------------------------------


def task_of(content: Content) -> Task:
    """Return the task that a config file is for."""
    task = content.get("task", "classification")
    try:
        check_choice("task", task, TASKS)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return task  # type: ignore[no-any-return]


def make_estimator(content: Content) -> CascadeForestBase:
    """Return the unfitted estimator that the content of a config file describes."""
    task = task_of(content)
    tables = table_keys(task, scanning="scanner" in content)
    all_tables = table_keys(task)
    check_keys("", content, ["task", "scanner", "cascade", "tune", *tables[""]], all_tables)
    arguments: dict[str, Any] = {}
    paths: dict[str, str] = {}  # where in the file each argument stands
    for table, keys in tables.items():
        if table:
            entries = check_table(table, content.get(table, {}))
            check_keys(table, entries, keys, {t: k for t, k in all_tables.items() if t != table})
        else:
            entries = {key: value for key, value in content.items() if key in keys}
        for name, value in entries.items():
            parameter = keys[name].parameter
            paths[parameter] = path = f"{table}.{name}" if table else name
            arguments[parameter] = argument_of(path, value, task)
    estimator = (SCANNING if "scanner" in content else CASCADES)[task](**arguments)
    try:
        estimator._check_parameters()
    except (TypeError, ValueError) as error:
        # The message begins with the parameter: here it is called as in the file.
        message = re.sub(r"^\w+", lambda match: paths.get(match[0], match[0]), str(error))
        raise ConfigError(message) from error
    return estimator


def argument_of(path: str, value: Any, task: Task) -> Any:
    """Return the constructor's argument for the value at a path such as "cascade.tol"."""
    if path.endswith(".estimators") and value is not None:
        return _named_estimators(path, value, task)
    return _class_labels(value) if path.endswith("class_weight") else value


def _class_labels(value: Any) -> Any:
    """Return weights of classes with integers for labels that are written as integers.

    Keys of TOML and JSON are always strings.
    """
    if not isinstance(value, dict):
        return value
    return {
        int(label) if re.fullmatch(r"-?\d+", str(label)) else label: weight
        for label, weight in value.items()
    }


def _named_estimators(path: str, entries: Any, task: Task) -> NamedEstimators:
    tables = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
    if not tables or not entries:
        raise ConfigError(f"{path}={entries!r} must be tables, [[{path}]].")
    return [_named_estimator(f"{path}[{i}]", dict(entry), task) for i, entry in enumerate(entries)]


def _named_estimator(path: str, entry: Content, task: Task) -> tuple[str, BaseEstimator]:
    kind = entry.pop("type", None)
    try:
        check_choice("type", kind, ESTIMATORS)
    except ValueError as error:
        raise ConfigError(f"{path}.{error}") from error
    name = entry.pop("name", kind)
    if not isinstance(name, str):
        raise ConfigError(f"{path}.name={name!r} must be a string.")
    try:
        defaults = ESTIMATORS[kind](task).get_params(deep=False)
    except ValueError as error:  # an estimator for one task only
        raise ConfigError(f"{path}.type={kind!r}: {error}") from error
    further = LIGHTGBM_PARAMETERS if kind == "lightgbm" else ()
    check_keys(path, entry, ["type", "name", *defaults, *further])
    for key, value in entry.items():
        _check_type(f"{path}.{key}", value, defaults.get(key))
    arguments = {key: argument_of(key, value, task) for key, value in entry.items()}
    estimator = ESTIMATORS[kind](task, **arguments)
    try:
        check_own_parameters(estimator)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}.{error}") from error
    return name, estimator


def _check_type(path: str, value: Any, default: Any) -> None:
    """Raise an error for what is no switch where the default is one, or no number."""
    if value is None or isinstance(default, str):
        return
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ConfigError(f"{path}={value!r} must be true or false.")
    elif isinstance(default, Real) and (isinstance(value, bool) or not isinstance(value, Real)):
        if path.endswith("max_features") and isinstance(value, str):
            return  # a number by default, but "sqrt" too
        raise ConfigError(f"{path}={value!r} must be a number.")


def check_own_parameters(estimator: BaseEstimator) -> None:
    """Raise a ValueError that begins with the parameter where one is of no use.

    scikit-learn checks parameters as late as in `fit`: its estimators are asked by fitting
    four rows.
    """
    if is_engine_forest(estimator):
        check_parameters(estimator)
    elif type(estimator).__module__.startswith("sklearn."):
        X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clone(estimator).fit(X, y)
        except (TypeError, ValueError) as error:
            wrong = re.match(r"The '(\w+)' parameter of \w+ (.*)", str(error), re.S)
            if wrong:  # anything else may come from having four rows
                value = getattr(estimator, wrong[1])
                raise ValueError(f"{wrong[1]}={value!r} {wrong[2]}") from error


# --- from an estimator to a file's content ---------------------------------------------------


def content_of(estimator: CascadeForestBase) -> Content:
    """Return the content of the config file that describes an estimator."""
    tasks = {kind: task for kinds in (CASCADES, SCANNING) for task, kind in kinds.items()}
    task = tasks.get(type(estimator))
    if task is None:
        raise ConfigError(
            f"{type(estimator).__name__} has no config file; accepted are "
            f"{', '.join(kind.__name__ for kind in tasks)}."
        )
    content: Content = {"task": task}
    parameters = estimator.get_params(deep=False)
    scanning = type(estimator) is SCANNING[task]
    if scanning:
        content["scanner"] = {}
    for table, keys in table_keys(task, scanning=scanning).items():
        for name, key in keys.items():
            value = parameters[key.parameter]
            if _same(value, key.default):
                continue
            entries = content.setdefault(table, {}) if table else content
            if name == "estimators":
                entries[name] = [_estimator_table(pair, task) for pair in value]
            else:
                entries[name] = _plain(key.parameter, value)
    return content


def _estimator_table(pair: tuple[str, BaseEstimator], task: Task) -> Content:
    """Return the table of an estimator, by the registered name that leaves least to be said."""
    name, estimator = pair
    tables = []
    for kind, make in ESTIMATORS.items():
        try:
            default = make(task)
        except ValueError:  # for the other task
            continue
        if type(default) is type(estimator):
            given, defaults = estimator.get_params(deep=False), default.get_params(deep=False)
            own = {
                key: _plain(f"{name}.{key}", given.get(key))
                for key in dict.fromkeys([*given, *defaults])
                if key not in defaults or not _same(given.get(key), defaults[key])
            }
            aliases = own.keys() - defaults.keys() - set(LIGHTGBM_PARAMETERS)
            if aliases:
                raise ConfigError(
                    f"{name}__{min(aliases)} is an alias, which no config file holds: set it by "
                    "LightGBM's own name for it."
                )
            named = {} if name == kind else {"name": name}
            tables.append({"type": kind, **named, **own})
    if not tables:
        raise ConfigError(
            f"{name!r} is a {type(estimator).__name__}, which has no registered name, so that no "
            f"config file can hold it; registered for {task} are {', '.join(ESTIMATORS)}."
        )
    return min(tables, key=len)


def _same(value: Any, other: Any) -> bool:
    """Return whether two values of a parameter would be written alike."""
    try:
        return bool(repr(_plain("", value)) == repr(_plain("", other)))
    except ConfigError:
        return value is other


def _plain(name: str, value: Any) -> Any:
    """Return a value as what config files hold: lists, dicts, numbers, strings, None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, list | tuple):
        return [_plain(name, entry) for entry in value]
    if isinstance(value, dict):
        return {str(_plain(name, key)): _plain(name, entry) for key, entry in value.items()}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ConfigError(
        f"{name}={value!r} cannot be written to a config file: use a number, a string, a list or "
        "None, for instance the name of a score or an integer for random_state."
    )
