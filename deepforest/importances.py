"""Importances of the raw columns in a whole cascade."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier

from deepforest.layer import CascadeLayer

Importances = NDArray[np.float64]


def column_importances(
    layers: Sequence[CascadeLayer], weights: NDArray[np.float64], n_columns: int
) -> Importances | None:
    """Return the importance of each raw column (d,), summing to 1.

    The importances `own` of estimator e in layer t stand for the d raw columns and for the
    class vectors of the estimators e' of the layer before. What falls on a class vector goes
    to the columns as the estimator that made it distributes its own:

        c[t, e] = own[t, e, raw columns] + sum_e' sum(own[t, e, class vector of e']) c[t - 1, e']

    The result is the mean of c by `weights` (len(layers), m). Estimators without importances
    are left out, and the others take their share. None where no estimator with a weight has
    any, zeros where no prediction depends on the columns.
    """
    before: list[Importances | None] = []
    with_weight: list[Importances] = []
    for layer, of_layer in zip(layers, weights, strict=True):
        before = [_pushed_back(models, before, n_columns) for models in layer.models]
        with_weight += [
            weight * columns
            for columns, weight in zip(before, of_layer, strict=True)
            if columns is not None and weight > 0
        ]
    return _normalised(np.sum(with_weight, axis=0)) if with_weight else None


def _pushed_back(
    models: Sequence[BaseEstimator], before: Sequence[Importances | None], n_columns: int
) -> Importances | None:
    """Return what the raw columns (d,) are to one estimator, the mean over its fold models."""
    if all(isinstance(model, DummyClassifier) for model in models):
        return np.zeros(n_columns)  # a constant depends on nothing
    known = [own for own in map(model_importances, models) if own is not None]
    if not known:
        return None
    own = np.mean([_normalised(importances) for importances in known], axis=0)
    columns = own[:n_columns].copy()
    if before:
        of_vectors = own[n_columns:].reshape(len(before), -1).sum(axis=1)
        for share, made_of in zip(of_vectors, before, strict=True):
            if made_of is not None:
                columns += share * made_of
    return _normalised(columns)


def model_importances(model: BaseEstimator) -> NDArray[Any] | None:
    """Return a fitted model's importances of its features; None where it has none.

    For trees the decrease of impurity, which LightGBM calls gain. (Its attribute
    `feature_importances_` counts splits, unless it is told otherwise.)
    """
    if type(model).__module__.startswith("lightgbm."):
        return np.asarray(model.booster_.feature_importance(importance_type="gain"))
    importances = getattr(model, "feature_importances_", None)
    return None if importances is None else np.asarray(importances)


def _normalised(importances: NDArray[Any]) -> Importances:
    total = importances.sum()
    return np.asarray(importances / total if total > 0 else importances, dtype=np.float64)
