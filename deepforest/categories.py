"""Categorical columns in a layer: which estimators take them, and how they are told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from deepforest.forest import HistForestClassifier, HistForestRegressor

Columns = NDArray[np.intp]
NONE_CATEGORICAL: Columns = np.empty(0, dtype=np.intp)

TOLD_BY_PARAMETER = (
    HistForestClassifier,
    HistForestRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
LIGHTGBM_NAMES = ("categorical_feature", "cat_feature", "categorical_column", "cat_column")


def check_categories(estimators: Sequence[tuple[str, BaseEstimator]], columns: Columns) -> None:
    """Raise a ValueError that names the estimators which would take categories for numbers."""
    if not len(columns):
        return
    refusing = [label for label, estimator in estimators if not _takes_categories(estimator)]
    if refusing:
        raise ValueError(
            f"X has categorical columns ({', '.join(map(str, columns[:5]))}"
            f"{', ...' if len(columns) > 5 else ''}), which {', '.join(map(repr, refusing))} of "
            "estimators would take for numbers: put it in a pipeline behind "
            "make_column_transformer((OneHotEncoder(handle_unknown='ignore'), columns), "
            "remainder='passthrough'), or give X numbers in place of the categories."
        )


def _takes_categories(estimator: BaseEstimator) -> bool:
    if isinstance(estimator, Pipeline):
        return any(isinstance(step, ColumnTransformer) for _, step in estimator.steps)
    return isinstance(estimator, TOLD_BY_PARAMETER) or _is_lightgbm(estimator)


def _is_lightgbm(estimator: BaseEstimator) -> bool:
    return type(estimator).__module__.startswith("lightgbm.")


def tell_categories(estimator: BaseEstimator, columns: Columns) -> dict[str, Any]:
    """Tell an unfitted estimator which columns are categories, if it can be told.

    Augmented features stand behind the columns of X, so `columns` are the same in every
    layer. What the user has told the estimator is left as it is.

    Returns
    -------
    dict
        Further arguments for its `fit`.
    """
    if not len(columns):
        return {}
    if _is_lightgbm(estimator):
        if any(name in estimator.get_params(deep=False) for name in LIGHTGBM_NAMES):
            return {}
        return {"categorical_feature": columns.tolist()}
    if isinstance(estimator, TOLD_BY_PARAMETER):
        told = estimator.categorical_features
        if told is None or isinstance(told, str):
            estimator.set_params(categorical_features=columns.tolist())
    return {}
