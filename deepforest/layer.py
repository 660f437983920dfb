"""A layer: several estimators at one level of a cascade."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from deepforest.bins import categorical_mask
from deepforest.categories import NONE_CATEGORICAL, Columns
from deepforest.coding import code_table, concatenate
from deepforest.crossfit import Keep, Table, cross_fit, keep_nothing, mean_vectors
from deepforest.deadline import Deadline
from deepforest.estimators import NamedEstimators
from deepforest.models import takes_shared_codes
from deepforest.sparse import side_by_side
from deepforest.splits import Splits
from deepforest.target import Target, Vectors


class CascadeLayer:
    """The fitted models of one layer.

    Parameters
    ----------
    names : list of m str
    models : list of m lists of fitted models
        One model where its votes were out-of-bag, else one a fold. An estimator
        whose list is empty was dropped, because prediction does not use it; its class
        vectors are zero.
    n_classes : int or None
        None for regression.
    """

    def __init__(
        self, names: list[str], models: list[list[BaseEstimator]], n_classes: int | None
    ) -> None:
        self.names = names
        self.models = models
        self.n_classes = n_classes

    def transform(self, X: NDArray[Any], *, n_jobs: int | None = None) -> Vectors:
        """Return the class vectors (m, n, K) of new rows (n, d): the mean over fold models."""
        unknown = Target(np.zeros(X.shape[0]), None, self.n_classes)
        return mean_vectors(self.models, Table(X, unknown), n_jobs=n_jobs)

    def keep(self, used: NDArray[np.bool_]) -> "CascadeLayer":
        """Return the layer without the models of the estimators that are not used."""
        models = [m if keep else [] for m, keep in zip(self.models, used, strict=True)]
        return CascadeLayer(self.names, models, self.n_classes)


def fit_layer(
    estimators: NamedEstimators,
    table: Table,
    splits: Splits,
    *,
    seed: int,
    n_jobs: int | None,
    deadline: Deadline | None = None,
    name: str = "layer",
    keep: Keep = keep_nothing,
) -> tuple[CascadeLayer, Vectors]:
    """Cross-fit a layer; return it and the held-out class vectors (m, n, K) of its rows.

    A checkpoint keeps it under its name.
    Raises TimeUp if the deadline passes before all models are begun.
    """
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(len(estimators))]
    fit = partial(cross_fit, seeds=seeds, n_jobs=n_jobs, deadline=deadline)
    fitted = keep(name, table, partial(fit, estimators, table, splits))
    layer = CascadeLayer(
        [name for name, _ in estimators], [f.models for f in fitted], table.target.n_classes
    )
    return layer, np.stack([f.held_out for f in fitted])


def grain_table(
    X: NDArray[Any],
    target: Target,
    estimators: NamedEstimators,
    categorical: Columns = NONE_CATEGORICAL,
    n_jobs: int | None = 1,
) -> Table:
    """Return a grain (n, d) as a table, coded if an estimator can use the codes."""
    codes = None
    if any(takes_shared_codes(estimator) for _, estimator in estimators):
        mask = categorical_mask(categorical, X.shape[1])
        codes = code_table(X, target.sample_weight, is_categorical=mask, n_jobs=n_jobs)
    return Table(X, target, codes, categorical)


def augmented_table(grain: Table, vectors: Vectors | None, n_jobs: int | None = 1) -> Table:
    """Return a grain (n, d) with held-out class vectors (m, n, K) as further columns.

    The grain was coded once; only the class vectors are coded anew.
    """
    if vectors is None:
        return grain
    columns = np.hstack([*vectors])
    codes = grain.codes
    if codes is not None:
        codes.forget_rows()
        added = code_table(columns, grain.target.sample_weight, n_jobs=n_jobs)
        codes = concatenate([codes, added])
    return Table(side_by_side(grain.X, columns), grain.target, codes, grain.categorical)


def augmented(X: NDArray[Any], vectors: Vectors | None) -> NDArray[Any]:
    """Return new rows (n, d) with class vectors (m, n, K) as further columns."""
    return X if vectors is None else side_by_side(X, np.hstack([*vectors]))
