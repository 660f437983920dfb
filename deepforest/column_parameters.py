"""Parameters of a layer's estimators that have an entry for each column.

In later layers the table is wider by the class vectors, whose entries are that of no constraint.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

# What scikit-learn, LightGBM (with its aliases) and XGBoost call them, and the entry of a column
# of which nothing is said.
NO_ENTRY: dict[str, bool | int] = {
    "categorical_features": False,
    "monotonic_cst": 0,
    "monotone_constraints": 0,
    "monotone_constraint": 0,
    "mc": 0,
}


def check_column_parameters(
    estimators: Sequence[tuple[str, BaseEstimator]], n_columns: int
) -> None:
    """Raise a ValueError where a parameter has not an entry for each of the columns."""
    for label, estimator in estimators:
        for name, entries in _column_parameters(estimator):
            if len(entries) != n_columns:
                raise ValueError(
                    f"estimators: {name} of {label!r} has {len(entries)} entries, but X has "
                    f"{n_columns} columns: give it one for each column of X; those of the class "
                    "vectors in later layers are added."
                )


def add_entries(estimator: BaseEstimator, n_columns: int) -> None:
    """Give an unfitted estimator's parameters an entry for each column that they lack."""
    for name, entries in _column_parameters(estimator):
        lacking = (NO_ENTRY[name],) * (n_columns - len(entries))
        if lacking:
            estimator.set_params(**{name: entries + lacking})


def _column_parameters(estimator: BaseEstimator) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the names and entries of parameters that are lists of an entry a column.

    As tuples, which all take; XGBoost takes nothing else.
    """
    parameters = estimator.get_params(deep=False)
    for name in NO_ENTRY:
        value = parameters.get(name)
        if isinstance(value, str) and name != "categorical_features":
            entries = re.findall(r"[+-]?\d+(?:\.\d*)?", value)
            value = [int(float(entry)) for entry in entries] or None
        if not isinstance(value, (list, tuple, np.ndarray)):
            continue  # "from_dtype", or a dict by column
        if name != "categorical_features" or np.asarray(value).dtype == bool:  # else indices
            yield name, tuple(value)
