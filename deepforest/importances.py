"""Importances of the columns of the grains in a whole cascade."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from deepforest.layer import CascadeLayer
from deepforest.multioutput import ModelPerTarget

Importances = NDArray[np.float64]


def column_importances(
    layers: Sequence[CascadeLayer], weights: NDArray[np.float64], grains: Sequence[slice]
) -> Importances | None:
    """Return the importance of each column of the grains (d,), summing to 1.

    Layer t sees the columns `grains[t mod G]` and the class vectors of the estimators e' of
    the layer before; the importances `own` of its estimator e stand for these. What falls on
    a class vector goes to the columns as the estimator that made it distributes its own:

        c[t, e] = own[t, e, columns] + sum_e' sum(own[t, e, class vector of e']) c[t - 1, e']

    The result is the mean of c by `weights` (len(layers), m). Estimators without importances
    are left out, and the others take their share. None where no estimator with a weight has
    any, zeros where no prediction depends on the columns.
    """
    n_columns = max(columns.stop for columns in grains)
    before: list[Importances | None] = []
    with_weight: list[Importances] = []
    for layer, of_layer, seen in zip(layers, weights, cycle(grains), strict=False):
        before = [_pushed_back(models, before, seen, n_columns) for models in layer.models]
        with_weight += [
            weight * columns
            for columns, weight in zip(before, of_layer, strict=False)  # zeros fill a shorter layer
            if columns is not None and weight > 0
        ]
    return normalised(np.sum(with_weight, axis=0)) if with_weight else None


def _pushed_back(
    models: Sequence[BaseEstimator],
    before: Sequence[Importances | None],
    seen: slice,
    n_columns: int,
) -> Importances | None:
    """Return what the columns (d,) are to one estimator, which saw some of them itself."""
    columns = np.zeros(n_columns)
    if all(isinstance(model, DummyClassifier) for model in models):
        return columns  # a constant depends on nothing
    own = mean_importances(models)
    if own is None:
        return None
    n_seen = seen.stop - seen.start
    columns[seen] = own[:n_seen]
    if before:
        of_vectors = own[n_seen:].reshape(len(before), -1).sum(axis=1)
        for share, made_of in zip(of_vectors, before, strict=True):
            if made_of is not None:
                columns += share * made_of
    return normalised(columns)


def mean_importances(models: Sequence[BaseEstimator]) -> Importances | None:
    """Return the mean over fold models of what sums to 1 in each; None where none has any."""
    known = [own for own in map(model_importances, models) if own is not None]
    return np.mean([normalised(own) for own in known], axis=0) if known else None


def model_importances(model: BaseEstimator) -> NDArray[Any] | None:
    """Return a fitted model's importances of its features; None where it has none.

    For trees the decrease of impurity, which LightGBM calls gain. (Its attribute
    `feature_importances_` counts splits, unless it is told otherwise.) For linear models the sizes
    of the coefficients, summed over classes. Where each target has a model, their mean.
    """
    if isinstance(model, ModelPerTarget):
        of_targets = [model_importances(of_one) for of_one in model.models]
        known = [normalised(own) for own in of_targets if own is not None]
        return np.mean(known, axis=0) if known else None
    if type(model).__module__.startswith("lightgbm."):
        return np.asarray(model.booster_.feature_importance(importance_type="gain"))
    importances = getattr(model, "feature_importances_", None)
    if importances is not None:
        return np.asarray(importances)
    last = model[-1] if isinstance(model, Pipeline) else model
    coefficients = getattr(last, "coef_", None)
    # A step before it may have made other columns.
    if coefficients is None or coefficients.shape[-1] != model.n_features_in_:
        return None
    sizes: NDArray[Any] = np.abs(np.atleast_2d(coefficients)).sum(axis=0, dtype=np.float64)
    return sizes


def normalised(importances: NDArray[Any]) -> Importances:
    """Return importances that sum to 1; zeros where nothing is important."""
    total = importances.sum()
    return np.asarray(importances / total if total > 0 else importances, dtype=np.float64)
