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
from deepforest.linear import ScaledLogisticRegression, ScaledRidge

Columns = NDArray[np.intp]
NONE_CATEGORICAL: Columns = np.empty(0, dtype=np.intp)

HIST_GRADIENT_BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
TOLD_BY_PARAMETER = (
    HistForestClassifier,
    HistForestRegressor,
    ScaledLogisticRegression,
    ScaledRidge,
    *HIST_GRADIENT_BOOSTING,
)
LIGHTGBM_NAMES = ("categorical_feature", "cat_feature", "categorical_column", "cat_column")


def check_categories(
    estimators: Sequence[tuple[str, BaseEstimator]], X: NDArray[Any], columns: Columns
) -> None:
    """Raise a ValueError that names the estimators which cannot take the categories of X.

    That is those which would take them for numbers, and scikit-learn's boosting where they are
    too many.
    """
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
    for label, estimator in estimators:
        if isinstance(estimator, HIST_GRADIENT_BOOSTING):
            _check_few_categories(label, estimator, X, columns)


def _check_few_categories(
    label: str, estimator: BaseEstimator, X: NDArray[Any], columns: Columns
) -> None:
    """Raise a ValueError where a column has more categories than scikit-learn's boosting takes.

    It is told of columns unless the user has told it of some.
    """
    told = estimator.categorical_features
    if told is not None and not isinstance(told, str):
        return
    for column in columns:
        values = X[:, column]
        n_categories = len(np.unique(values[~np.isnan(values)]))
        if n_categories > estimator.max_bins:
            raise ValueError(
                f"X has {n_categories} categories in column {column}, but {label!r} of estimators "
                f"({type(estimator).__name__}) takes {estimator.max_bins} at most: put LightGBM or "
                "a forest in its place, or give X numbers in place of the categories."
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
