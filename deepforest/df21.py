"""DF21's constructor arguments, as the content of config files.

Only DF21's documentation was used; its code was not read.
"""

import warnings
from typing import Any

from deepforest._validation import check_choice, check_integer
from deepforest.cascade_base import CascadeForestBase
from deepforest.config import make_estimator
from deepforest.config_files import ConfigError, ConfigWarning, Content
from deepforest.config_schema import check_keys
from deepforest.estimators import TASKS, Task

# Arguments with DF21's defaults.
DEFAULTS: dict[str, Any] = {
    "n_bins": 255,
    "bin_subsample": 200_000,
    "bin_type": "percentile",
    "max_layers": 20,
    "criterion": None,  # "gini" for classes, "mse" for values
    "n_estimators": 2,
    "n_trees": 100,
    "max_depth": None,
    "min_samples_split": 2,
    "min_samples_leaf": 1,
    "use_predictor": False,
    "predictor": "forest",
    "predictor_kwargs": {},
    "backend": "custom",
    "n_tolerant_rounds": 2,
    "delta": 1e-5,
    "partial_mode": False,
    "n_jobs": None,
    "random_state": None,
    "verbose": 1,
}
CRITERIA: dict[Task, str] = {"classification": "gini", "regression": "mse"}
# Arguments without a counterpart, and what is done instead.
NO_COUNTERPART = {
    "bin_subsample": "thresholds are found as the engine finds them",
    "bin_type": "bins are quantiles here",
    "criterion": "trees split by gini, or by squared error",
    "predictor": "the class vectors of all layers are combined by ensemble selection",
    "predictor_kwargs": "the class vectors of all layers are combined by ensemble selection",
    "use_predictor": "the class vectors of all layers are combined by ensemble selection",
    "backend": "there is one engine",
    "partial_mode": "models stay in memory",
}


def from_df21_params(task: Task = "classification", **params: Any) -> CascadeForestBase:
    """Return the unfitted cascade that DF21's constructor arguments describe.

    Parameters
    ----------
    task : {"classification", "regression"}, default="classification"
        Whether they are `CascadeForestClassifier`'s or `CascadeForestRegressor`'s.
    **params
        DF21's arguments; those left out have DF21's defaults.

    Returns
    -------
    CascadeForestClassifier or CascadeForestRegressor

    Raises
    ------
    ConfigError
        A ValueError, for an argument that DF21 does not have.

    Warns
    -----
    ConfigWarning
        Names the arguments that have no counterpart.

    Examples
    --------
    >>> from deepforest import from_df21_params
    >>> cascade = from_df21_params(n_estimators=1, n_trees=50, max_layers=5)
    >>> [name for name, _ in cascade.estimators]
    ['random_forest_1', 'extra_trees_1']
    >>> cascade.max_layers, cascade.n_iter_no_change
    (5, 2)
    """
    content, notes = df21_content(params, task)
    if notes:
        warnings.warn(f"DF21: {'; '.join(notes)}.", ConfigWarning, stacklevel=2)
    return make_estimator(content)


def is_df21(content: Content) -> bool:
    """Return whether a file holds DF21's arguments and nothing of ours."""
    own = DEFAULTS.keys() - {"n_jobs", "random_state", "verbose"}
    return bool(content.keys() & own) and "cascade" not in content


def df21_content(params: Content, task: Task) -> tuple[Content, list[str]]:
    """Return the content of our config file, and a note for each argument without a counterpart."""
    check_keys("", params, DEFAULTS)
    given = {**DEFAULTS, **params}
    try:
        check_choice("task", task, TASKS)
        check_integer("n_estimators", given["n_estimators"], at_least=1)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    usual = {**DEFAULTS, "criterion": CRITERIA[task]}
    # What the predictor is matters only where there is one.
    silent = () if given["use_predictor"] else ("predictor", "predictor_kwargs")
    notes = [
        f"{name}={value!r}: {NO_COUNTERPART[name]}"
        for name, value in params.items()
        if name in NO_COUNTERPART and name not in silent and value not in (usual[name], None)
    ]
    forest = {
        "n_estimators": given["n_trees"],
        "max_depth": given["max_depth"],
        "min_samples_split": given["min_samples_split"],
        "min_samples_leaf": given["min_samples_leaf"],
        "max_bins": given["n_bins"],
    }
    estimators = [
        {"type": kind, "name": f"{kind}_{number}", **forest}
        for number in range(1, given["n_estimators"] + 1)
        for kind in ("random_forest", "extra_trees")
    ]
    return {
        "task": task,
        "n_jobs": given["n_jobs"],
        "random_state": given["random_state"],
        "verbose": given["verbose"],
        "cascade": {
            "max_layers": given["max_layers"],
            "n_iter_no_change": given["n_tolerant_rounds"],
            "tol": given["delta"],
            "combine": "select" if given["use_predictor"] else "mean",
            "estimators": estimators,
        },
    }, notes
