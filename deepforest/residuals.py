"""What a cascade's predictions miss by: a forest on held-out residuals, for quantiles."""

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepforest.categories import Columns
from deepforest.forest import HistForestRegressor
from deepforest.sparse import side_by_side
from deepforest.target import Rows, Target, Vectors
from deepforest.walk import Grains

N_TREES = 100


def fit_residuals(
    grains: Grains,
    held_out: Vectors,
    target: Target,
    rows: Rows,
    categorical: Columns,
    *,
    seed: int,
    n_jobs: int | None,
) -> HistForestRegressor:
    """Return a quantile regression forest of the residuals, given the rows and the prediction.

    Parameters
    ----------
    grains : list of ndarrays (n, d_g)
    held_out : ndarray (n, m)
        The held-out prediction of each row, so that residuals are as large as new rows' will be.
    target : Target of the n rows
    rows : ndarray of int
        The rows that are held out.
    categorical : ndarray of int
        The columns of the first grain that are categories.
    seed : int
    n_jobs : int or None
    """
    forest = HistForestRegressor(
        N_TREES,
        max_features=1 / 3,
        min_samples_leaf=5,
        keep_targets=True,
        categorical_features=categorical.tolist() or None,
        n_jobs=n_jobs,
        random_state=seed,
    )
    residuals = target.y.reshape(held_out.shape) - held_out
    weight = None if target.sample_weight is None else target.sample_weight[rows]
    return forest.fit(_beside(grains, held_out)[rows], residuals[rows], weight)


def predicted_quantiles(
    forest: HistForestRegressor, grains: Grains, predicted: Vectors, quantiles: ArrayLike
) -> NDArray[np.float64]:
    """Return quantiles (n, m, q) about the prediction (n, m); (n, m) for a single one."""
    about = forest.predict_quantiles(_beside(grains, predicted), quantiles)
    return np.asarray(about + (predicted if about.ndim == 2 else predicted[:, :, None]))


def _beside(grains: Grains, predicted: Vectors) -> NDArray[Any]:
    table: NDArray[Any] = reduce(side_by_side, [*grains[1:], predicted], grains[0])
    return table
